//! An answer that breaks off: it promises more than it sends, and its connection ends.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_LENGTH;
use hyper::body::{Body as HttpBody, Frame};
use s3s::{Body, HttpResponse};

/// The answers of PutObject and AssumeRole are far smaller.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// The same answer, of which only the first half of the body arrives; of an empty body, less
/// than the one byte that is promised.
pub(super) async fn cut_off(mut response: HttpResponse) -> HttpResponse {
    // An answer that can't be read is broken anyway.
    let whole = response.body_mut().store_all_limited(MAX_ANSWER_BYTES).await.unwrap_or_default();
    let promised = whole.len().max(1);
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(promised));
    let half = FirstHalf { bytes: Some(whole.slice(..whole.len() / 2)), sent: false };
    *response.body_mut() = Body::http_body_unsync(half);
    response
}

/// A body that fails after its first half.
struct FirstHalf {
    bytes: Option<Bytes>,
    sent: bool,
}

impl HttpBody for FirstHalf {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if let Some(bytes) = self.bytes.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if !self.sent {
            // While nothing more is there, the server sends what it has: an error now would undo that.
            self.sent = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(std::io::Error::other("a fault cuts the answer off"))))
    }
}
