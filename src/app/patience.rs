//! How long a connection waits for its client: for a request's head, and for an answer to be taken.
//!
//! hyper has a bound on heads, but counts from the end of the last answer: a bound that stops a client that sends a byte
//! a minute would also end every idle connection of a proxy, which keeps some for its next request and answers 502 if
//! that meets the end. Here the time runs from the head's first byte. (The start of a head that comes in the same read
//! as the end of a body before it is not seen: it has the time of an idle connection.) For answers hyper has no bound.

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
/// The head has come whole: what reads the body bounds it.
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

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For a request's head, from its first byte.
    pub(super) head: Duration,
    /// To take anything of an answer.
    pub(super) answer: Duration,
}

/// A connection that waits for its client so long and no longer.
#[derive(Debug)]
pub(super) struct Patient<S> {
    stream: S,
    patience: Patience,
    progress: Progress,
    head_end: Pin<Box<Sleep>>,
    /// Runs while the client takes nothing of an answer.
    answer_end: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    /// The time of the first head begins now: a connection that says nothing is let go too.
    pub(super) fn new(stream: S, patience: Patience) -> Patient<S> {
        let progress = Progress(Arc::new(AtomicU8::new(READING)));
        Patient { stream, patience, progress, head_end: Box::pin(sleep(patience.head)), answer_end: None }
    }

    /// For the service that answers on this connection.
    pub(super) fn progress(&self) -> Progress {
        self.progress.clone()
    }

    fn head_is_late(&mut self, context: &mut Context<'_>) -> bool {
        self.progress.0.load(Ordering::Acquire) == READING && self.head_end.as_mut().poll(context).is_ready()
    }

    /// Bytes have come: if they are a head's first, its time begins.
    fn note_bytes(&mut self) {
        let begun =
            self.progress.0.compare_exchange(IDLE, READING, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if begun {
            self.head_end.as_mut().reset(Instant::now() + self.patience.head);
        }
    }

    /// What came of writing, unless the client has taken nothing for too long.
    fn taken<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.answer_end = None;
            return written;
        }
        let patience = self.patience.answer;
        let end = self.answer_end.get_or_insert_with(|| Box::pin(sleep(patience)));
        if end.as_mut().poll(context).is_ready() {
            Poll::Ready(Err(late("an answer was not taken")))
        } else {
            written
        }
    }
}

fn late(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
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
        if self.head_is_late(context) {
            return Poll::Ready(Err(late("a request’s head took too long")));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.taken(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.taken(context, flushed)
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
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.taken(context, written)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    const WITHIN: Duration = Duration::from_secs(10);
    const TAKEN_WITHIN: Duration = Duration::from_secs(30);

    fn connection() -> (DuplexStream, Patient<DuplexStream>) {
        let (client, server) = duplex(64);
        (client, Patient::new(server, Patience { head: WITHIN, answer: TAKEN_WITHIN }))
    }

    /// Reads until the connection is late; gives after how long that was.
    async fn late_after(connection: &mut Patient<DuplexStream>) -> Duration {
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

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_takes_is_given_up_and_a_slow_taker_gets_it() {
        let (mut client, mut server) = connection();
        server.progress().answering();
        let taking = async {
            let mut taken = 0;
            while taken < 256 {
                sleep(TAKEN_WITHIN / 2).await;
                client.read_exact(&mut [0; 32]).await.unwrap();
                taken += 32;
            }
        };
        let (sent, ()) = tokio::join!(server.write_all(&[0; 256]), taking);
        sent.unwrap();
        let start = Instant::now();
        let error = server.write_all(&[0; 256]).await.unwrap_err();
        assert_eq!((error.kind(), start.elapsed()), (io::ErrorKind::TimedOut, TAKEN_WITHIN));
    }
}
