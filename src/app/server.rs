//! Serves HTTP/1.1 with what `axum::serve` leaves out: bounds on how long a client may take, on how many connections
//! there are, and a stop that lets requests under way finish.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::patience::{Patience, Patient};

/// So that a client that sends or takes a byte a minute holds no connection.
const PATIENCE: Patience = Patience { head: Duration::from_secs(10), answer: Duration::from_secs(30) };
/// A connection without a request is kept for so long: longer than proxies keep theirs by default (nginx and
/// Application Load Balancers 60 s, Caddy 120 s), so that it is the proxy who ends one, and no request meets the end.
const IDLE: Duration = Duration::from_secs(150);
/// After an error of accepting, such as too many open files: time for it to pass.
const AFTER_AN_ERROR: Duration = Duration::from_millis(100);

/// Serves until told to stop, then finishes the requests under way. At most `most` connections are served at once;
/// more wait where the kernel queues them, until one ends.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    most: NonZeroUsize,
    stop: CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(most.get().min(Semaphore::MAX_PERMITS)));
    loop {
        let next = async {
            let place = places.clone().acquire_owned().await.expect("places are never closed");
            listener.accept().await.map(|(stream, peer)| (stream, peer, place))
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = next => accepted,
        };
        match accepted {
            Ok((stream, peer, place)) => serve_connection(stream, peer, place, &router, &graceful),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(AFTER_AN_ERROR).await;
            }
        }
    }
    drop(listener);
    graceful.shutdown().await;
}

fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    place: OwnedSemaphorePermit,
    router: &Router,
    graceful: &GracefulShutdown,
) {
    let stream = Patient::new(stream, PATIENCE);
    let (whole, done) = (stream.progress(), stream.progress());
    let service = router
        .clone()
        .map_request(move |mut request: http::Request<Incoming>| {
            whole.answering();
            request.extensions_mut().insert(ConnectInfo(peer));
            request.map(axum::body::Body::new)
        })
        .map_response(move |response| {
            done.answered();
            response
        });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            // A client that went away or was too slow: its own affair.
            tracing::debug!(%peer, %error, "a connection ended early");
        }
        drop(place);
    });
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const MOST: NonZeroUsize = NonZeroUsize::new(2).unwrap();

    #[tokio::test]
    async fn more_connections_than_there_are_places_wait_and_are_served_later() {
        let (now, highest) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (counted, seen) = (now.clone(), highest.clone());
        let slow = move || async move {
            seen.fetch_max(counted.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(20)).await;
            counted.fetch_sub(1, Ordering::SeqCst);
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let router = Router::new().route("/", get(slow));
        let serving = tokio::spawn(serve(listener, router, MOST, stop.clone()));
        let asking = (0..6).map(|_| async move {
            let mut connection = TcpStream::connect(address).await.unwrap();
            connection.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
            let mut answer = String::new();
            connection.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        });
        futures::future::join_all(asking).await;
        assert!(highest.load(Ordering::SeqCst) <= MOST.get());
        stop.cancel();
        serving.await.unwrap();
    }
}
