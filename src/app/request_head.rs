//! A bound on how long a request's head may take. hyper has one, but counts from the end of the last answer: a bound
//! that stops a client that sends a byte a minute would also end every idle connection of a proxy, which keeps some for
//! its next request and answers 502 if that meets the end. Here the time runs from the head's first byte.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// Nothing of a request has come.
const IDLE: u8 = 0;
/// A part of a request's head has come.
const READING: u8 = 1;
/// The head has come whole: body and answer have bounds of their own.
const ANSWERING: u8 = 2;

/// How far a connection is with its request, as its service tells. Clones tell of the same one.
#[derive(Clone, Debug)]
pub(super) struct Progress(Arc<AtomicU8>);

impl Progress {
    /// The head is whole.
    pub(super) fn answering(&self) {
        self.0.store(ANSWERING, Ordering::Release);
    }

    /// The answer is made: what comes next is another request's.
    pub(super) fn answered(&self) {
        self.0.store(IDLE, Ordering::Release);
    }
}

/// A connection whose requests' heads each have to come within a time.
#[derive(Debug)]
pub(super) struct BoundedHead<S> {
    stream: S,
    within: Duration,
    progress: Progress,
    end: Pin<Box<Sleep>>,
}

impl<S> BoundedHead<S> {
    /// The time of the first head begins now: a connection that says nothing is let go too.
    pub(super) fn new(stream: S, within: Duration) -> BoundedHead<S> {
        let progress = Progress(Arc::new(AtomicU8::new(READING)));
        BoundedHead { stream, within, progress, end: Box::pin(sleep(within)) }
    }

    /// For the service that answers on this connection.
    pub(super) fn progress(&self) -> Progress {
        self.progress.clone()
    }

    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        self.progress.0.load(Ordering::Acquire) == READING && self.end.as_mut().poll(context).is_ready()
    }

    /// Bytes have come: if they are a head's first, its time begins.
    fn note_bytes(&mut self) {
        let begun =
            self.progress.0.compare_exchange(IDLE, READING, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if begun {
            self.end.as_mut().reset(Instant::now() + self.within);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for BoundedHead<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.note_bytes();
        }
        // Also where bytes keep coming, one by one.
        if self.is_late(context) {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "a request’s head took too long",
            )));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for BoundedHead<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    const WITHIN: Duration = Duration::from_secs(10);

    fn connection() -> (DuplexStream, BoundedHead<DuplexStream>) {
        let (client, server) = duplex(64);
        (client, BoundedHead::new(server, WITHIN))
    }

    /// Reads until the connection is late; gives after how long that was.
    async fn late_after(connection: &mut BoundedHead<DuplexStream>) -> Duration {
        let start = Instant::now();
        while connection.read_u8().await.is_ok() {}
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_comes_byte_by_byte_is_late_all_the_same() {
        let (mut client, mut server) = connection();
        let sending = async {
            while client.write_u8(b'G').await.is_ok() {
                sleep(Duration::from_secs(1)).await;
            }
        };
        let late = tokio::select! {
            late = late_after(&mut server) => late,
            () = sending => unreachable!("the server’s side is open"),
        };
        assert!(late >= WITHIN && late <= WITHIN + Duration::from_secs(1), "{late:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_says_nothing_is_let_go() {
        let (_client, mut server) = connection();
        assert_eq!(late_after(&mut server).await, WITHIN);
    }

    #[tokio::test(start_paused = true)]
    async fn between_requests_there_is_no_hurry_and_each_head_has_its_own_time() {
        let (mut client, mut server) = connection();
        let progress = server.progress();
        client.write_u8(b'G').await.unwrap();
        server.read_u8().await.unwrap();
        progress.answering();
        sleep(WITHIN * 3).await;
        progress.answered();
        let idle = tokio::time::timeout(WITHIN * 6, server.read_u8()).await;
        assert!(idle.is_err(), "still open: {idle:?}");
        client.write_u8(b'G').await.unwrap();
        assert_eq!(late_after(&mut server).await, WITHIN);
    }
}
