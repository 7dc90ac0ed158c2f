//! The sandbox's HTTP side: connections in, and the one place every request passes.
//!
//! `Front::answer` sees each request before anything has handled it, gives it its ids, and
//! sees each answer on its way out. Stopping lets requests under way finish, for a moment.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, header};
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
use super::mint::Mint;

const STOP_WAIT: Duration = Duration::from_secs(5);
/// After a refusal, how much of a body is still read so that the client gets to read it.
const DRAIN_BYTES: usize = 256 * 1024 * 1024;

/// Answers every request of the sandbox.
pub(super) struct Front {
    service: S3Service,
    mint: Arc<Mint>,
}

impl Front {
    pub(super) fn new(service: S3Service, mint: Arc<Mint>) -> Self {
        Self { service, mint }
    }

    /// Serves until told to stop.
    pub(super) async fn serve(self, listener: TcpListener, shutdown: CancellationToken) {
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
            async move { Ok::<_, Infallible>(front.answer(request).await) }
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

    /// Where every request comes in and every answer goes out. Faults will be put here.
    async fn answer(&self, request: Request<Incoming>) -> HttpResponse {
        let ids = self.mint.request_ids();
        let service = service_of(&request);
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(ids.clone());
        let body = WholeBody::new(body, parts.headers.contains_key(header::EXPECT));
        let request = Request::from_parts(parts, Body::http_body_unsync(body));
        let response = match self.service.call(request).await {
            Ok(response) => response,
            Err(error) => {
                tracing::error!(?error, "sandbox: a request could not be answered");
                internal_error()
            }
        };
        finish(response, &service, &ids).await
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

fn internal_error() -> HttpResponse {
    let error = S3Error::new(S3ErrorCode::InternalError).to_http_response();
    error.unwrap_or_else(|_| {
        let mut response = HttpResponse::new(Body::empty());
        *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
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
                    && let Some(Ok(bytes)) = futures::StreamExt::next(&mut rest).await
                {
                    drained += bytes.len();
                }
            });
        }
    }
}
