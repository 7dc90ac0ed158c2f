//! A wire to a database that can fall silent, as one does behind a firewall that has forgotten a connection: nothing is
//! closed, and nothing comes any more. Connections made after that work.

use std::sync::{Arc, Mutex};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub struct SilentWire {
    /// The database behind the wire.
    pub url: String,
    connections: Connections,
}

/// What carries each connection, and both its ends, which stay open when nothing is carried any more.
type Connections = Arc<Mutex<Vec<(JoinHandle<()>, [std::net::TcpStream; 2])>>>;

impl SilentWire {
    /// Lays a wire to the server of this URL.
    pub async fn to(url: &str) -> SilentWire {
        let (before, rest) = url.rsplit_once('@').unwrap();
        let (server, database) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{before}@{}/{database}", listener.local_addr().unwrap());
        let connections = Connections::default();
        tokio::spawn(carry(listener, server.to_owned(), Arc::clone(&connections)));
        SilentWire { url, connections }
    }

    /// From here on nothing comes through the connections that there are.
    pub async fn fall_silent(&self) {
        let carriers: Vec<_> = {
            let mut connections = self.connections.lock().unwrap();
            let stopped = |(carrier, _): &mut (JoinHandle<()>, _)| {
                std::mem::replace(carrier, tokio::spawn(std::future::ready(())))
            };
            connections.iter_mut().map(stopped).collect()
        };
        for carrier in carriers {
            carrier.abort();
            // It ended now or before: either way it carries nothing any more.
            let _ = carrier.await;
        }
    }
}

async fn carry(listener: TcpListener, server: String, connections: Connections) {
    while let Ok((near, _)) = listener.accept().await {
        let far = TcpStream::connect(&server).await.unwrap();
        let [near, far] = [near, far].map(|end| end.into_std().unwrap());
        let kept = [&near, &far].map(|end| end.try_clone().unwrap());
        let [mut near, mut far] = [near, far].map(|end| TcpStream::from_std(end).unwrap());
        let carrier = tokio::spawn(async move {
            // A connection that was closed is nobody's concern here.
            let _ = copy_bidirectional(&mut near, &mut far).await;
        });
        connections.lock().unwrap().push((carrier, kept));
    }
}

/// Takes connections and keeps them, for as long as the test runs: nothing is ever answered. Gives its URL.
pub async fn silent_endpoint() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            kept.push(connection);
        }
    });
    url
}
