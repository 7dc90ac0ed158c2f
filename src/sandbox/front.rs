//! The sandbox's HTTP side: connections in, and the one place every request passes.
//!
//! `Front::answer` sees each request before anything has handled it, gives it its ids, lets a
//! fault hit it if one is to, and sees each answer on its way out. Stopping lets requests under
//! way finish, for a moment.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use s3s::service::S3Service;
use s3s::{Body, HttpResponse, S3Error, S3ErrorCode};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::answer::{Service, finish};
use super::cut_off::cut_off;
use super::faults::{DeliveryRequest, DeniedByFault, Fault, FaultKind, Faults};
use super::mint::{Mint, RequestIds};
use super::sts::{self, MAX_FORM_BYTES};

const STOP_WAIT: Duration = Duration::from_secs(5);
/// After a refusal, how much of a body is still read so that the client gets to read it.
const DRAIN_BYTES: usize = 256 * 1024 * 1024;

/// Answers every request of the sandbox, or leaves it unanswered where a fault says so.
pub(super) struct Front {
    pub(super) service: S3Service,
    pub(super) mint: Arc<Mint>,
    pub(super) faults: Arc<Faults>,
    pub(super) shutdown: CancellationToken,
}

/// A request that gets no answer: its connection is torn down.
#[derive(Debug, thiserror::Error)]
#[error("a fault leaves the request unanswered")]
struct Unanswered;

impl Front {
    /// Serves until told to stop.
    pub(super) async fn serve(self, listener: TcpListener) {
        let shutdown = self.shutdown.clone();
        let front = Arc::new(self);
        let connections = GracefulShutdown::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = shutdown.cancelled() => break,
            };
            match accepted {
                Ok((stream, _)) => front.connect(stream, &connections),
                Err(error) => {
                    // Out of file descriptors, mostly: wait instead of spinning.
                    tracing::warn!(%error, "sandbox: cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        drop(listener);
        if tokio::time::timeout(STOP_WAIT, connections.shutdown()).await.is_err() {
            tracing::warn!("sandbox: requests still under way were cut off");
        }
    }

    fn connect(self: &Arc<Self>, stream: TcpStream, connections: &GracefulShutdown) {
        let front = Arc::clone(self);
        let service = service_fn(move |request| {
            let front = Arc::clone(&front);
            async move { front.answer(request).await }
        });
        let connection =
            http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "sandbox: a connection ended early");
            }
        });
    }

    /// Where every request comes in and every answer goes out.
    async fn answer(&self, request: Request<Incoming>) -> Result<HttpResponse, Unanswered> {
        let ids = self.mint.request_ids();
        let service = service_of(&request);
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(ids.clone());
        let body = WholeBody::new(body, parts.headers.contains_key(header::EXPECT));
        let mut request = Request::from_parts(parts, Body::http_body_unsync(body));
        match self.fault(&service, &mut request).await {
            Some(fault) => self.fail(&fault, request, &service, &ids).await,
            None => Ok(self.handle(request, &service, &ids).await),
        }
    }

    async fn handle(&self, request: Request<Body>, service: &Service, ids: &RequestIds) -> HttpResponse {
        let response = match self.service.call(request).await {
            Ok(response) => response,
            Err(error) => {
                tracing::error!(?error, "sandbox: a request could not be answered");
                in_xml(S3Error::new(S3ErrorCode::InternalError))
            }
        };
        finish(response, service, ids).await
    }

    /// The fault that hits this request.
    async fn fault(&self, service: &Service, request: &mut Request<Body>) -> Option<Fault> {
        if self.faults.are_off() {
            return None;
        }
        let request = match service {
            Service::S3 { bucket } => {
                is_put(request).then(|| DeliveryRequest::PutObject { bucket: bucket.clone() })
            }
            Service::Sts => {
                // A form that is too long is refused further on, read or not.
                let form = request.body_mut().store_all_limited(MAX_FORM_BYTES).await.ok()?;
                sts::role_to_assume(&form).map(|role| DeliveryRequest::AssumeRole { role })
            }
        };
        self.faults.hitting(&request?)
    }

    async fn fail(
        &self,
        fault: &Fault,
        mut request: Request<Body>,
        service: &Service,
        ids: &RequestIds,
    ) -> Result<HttpResponse, Unanswered> {
        match fault.kind {
            FaultKind::InternalError
            | FaultKind::SlowDown
            | FaultKind::TimeTooSkewed
            | FaultKind::ExpiredToken => {
                Ok(finish(refusal(fault, service, &signed_at(&request)), service, ids).await)
            }
            FaultKind::TimeoutBeforeWrite => {
                // With its body read, the client's end of the connection is noticed.
                while let Some(Ok(_)) = request.body_mut().next().await {}
                Err(self.keep_waiting().await)
            }
            FaultKind::TimeoutAfterWrite => {
                self.handle(request, service, ids).await;
                Err(self.keep_waiting().await)
            }
            FaultKind::Reset => Err(Unanswered),
            FaultKind::ResetAfterWrite => {
                self.handle(request, service, ids).await;
                Err(Unanswered)
            }
            FaultKind::TruncatedAnswer => Ok(cut_off(self.handle(request, service, ids).await).await),
            FaultKind::Denied => {
                request.extensions_mut().insert(DeniedByFault);
                Ok(self.handle(request, service, ids).await)
            }
        }
    }

    /// Until the sandbox stops. A client that gives up before ends its connection, and this with it.
    async fn keep_waiting(&self) -> Unanswered {
        let _held = self.faults.hold();
        self.shutdown.cancelled().await;
        Unanswered
    }
}

/// Only STS is posted to `/`; everything else is S3.
fn service_of<B>(request: &Request<B>) -> Service {
    if request.method() == Method::POST && request.uri().path() == "/" {
        return Service::Sts;
    }
    let bucket = request.uri().path().split('/').nth(1).unwrap_or_default();
    Service::S3 { bucket: bucket.to_owned() }
}

/// Whether this is PutObject, and none of the other PUTs: those of sub-resources, and copies.
fn is_put<B>(request: &Request<B>) -> bool {
    let mut segments = request.uri().path().splitn(3, '/').skip(1);
    let names_an_object = segments.next().is_some_and(|bucket| !bucket.is_empty())
        && segments.next().is_some_and(|key| !key.is_empty());
    let query = request.uri().query().unwrap_or_default();
    let names_a_sub_resource = form_urlencoded::parse(query.as_bytes())
        .any(|(name, _)| name != "x-id" && !name.to_ascii_lowercase().starts_with("x-amz-"));
    request.method() == Method::PUT
        && names_an_object
        && !names_a_sub_resource
        && !request.headers().contains_key("x-amz-copy-source")
}

/// When the request says that it was signed: `20260124T101500Z`.
fn signed_at<B>(request: &Request<B>) -> String {
    let date = request.headers().get("x-amz-date").and_then(|date| date.to_str().ok());
    date.unwrap_or_default().to_owned()
}

/// What a service says when it fails, is asked too often, or takes the caller for late. S3's codes:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList>, STS's:
/// <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>; on the wire STS
/// throttles as `Throttling`, `Rate exceeded`. Empty words are filled in by `answer`.
fn refusal(fault: &Fault, service: &Service, signed_at: &str) -> HttpResponse {
    let words = |text: &str| text.to_owned();
    let (status, code, message) = match (fault.kind, service) {
        (FaultKind::SlowDown, Service::S3 { .. }) => {
            (StatusCode::SERVICE_UNAVAILABLE, "SlowDown", words("Please reduce your request rate."))
        }
        (FaultKind::SlowDown, Service::Sts) => {
            (StatusCode::BAD_REQUEST, "Throttling", words("Rate exceeded"))
        }
        (FaultKind::TimeTooSkewed, Service::S3 { .. }) => {
            (StatusCode::FORBIDDEN, "RequestTimeTooSkewed", String::new())
        }
        (FaultKind::TimeTooSkewed, Service::Sts) => {
            (StatusCode::FORBIDDEN, "SignatureDoesNotMatch", signature_expired(signed_at))
        }
        (FaultKind::ExpiredToken, Service::S3 { .. }) => {
            (StatusCode::BAD_REQUEST, "ExpiredToken", String::new())
        }
        (FaultKind::ExpiredToken, Service::Sts) => (
            StatusCode::FORBIDDEN,
            "ExpiredToken",
            words("The security token included in the request is expired"),
        ),
        (_, Service::S3 { .. }) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalError",
            words("We encountered an internal error. Please try again."),
        ),
        (_, Service::Sts) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalFailure",
            words("The request processing has failed because of an unknown error, exception or failure."),
        ),
    };
    let code = S3ErrorCode::from_bytes(code.as_bytes()).unwrap_or(S3ErrorCode::InternalError);
    let mut error = S3Error::with_message(code, message);
    error.set_status_code(status);
    if fault.kind == FaultKind::SlowDown {
        let seconds = HeaderValue::from(fault.retry_after_seconds);
        error.set_headers(HeaderMap::from_iter([(header::RETRY_AFTER, seconds)]));
    }
    in_xml(error)
}

/// STS's words for what was signed 20 minutes ago, from recorded answers (devsecops/bootcamp#101, aws/aws-cli#6676).
fn signature_expired(signed_at: &str) -> String {
    const FORMAT: &str = "%Y%m%dT%H%M%SZ";
    let later = |minutes: i64| {
        let at = jiff::civil::DateTime::strptime(FORMAT, signed_at).unwrap_or_default();
        at.saturating_add(jiff::SignedDuration::from_mins(minutes)).strftime(FORMAT).to_string()
    };
    format!("Signature expired: {signed_at} is now earlier than {} ({} - 15 min.)", later(5), later(20))
}

fn in_xml(error: S3Error) -> HttpResponse {
    error.to_http_response().unwrap_or_else(|_| {
        let mut response = HttpResponse::new(Body::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

/// A request body that is read to its end even if its handler gave up on it.
///
/// A refusal is often known before the body is in. Were the rest left unread, the connection
/// would be reset while the client is still sending, and it would see a broken pipe in place
/// of the refusal. A client that waits for `100 Continue` is not sending: nothing is drained.
struct WholeBody {
    body: Option<Incoming>,
    client_waits: bool,
}

impl WholeBody {
    fn new(body: Incoming, client_waits: bool) -> Self {
        Self { body: Some(body), client_waits }
    }
}

impl HttpBody for WholeBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(HttpBody::size_hint).unwrap_or_default()
    }
}

impl Drop for WholeBody {
    fn drop(&mut self) {
        if let Some(body) = self.body.take()
            && !body.is_end_stream()
            && !self.client_waits
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move {
                let mut rest = Body::from(body);
                let mut drained = 0;
                while drained < DRAIN_BYTES
                    && let Some(Ok(bytes)) = rest.next().await
                {
                    drained += bytes.len();
                }
            });
        }
    }
}
