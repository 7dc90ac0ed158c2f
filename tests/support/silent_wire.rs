//! A wire to a database that can fall silent, as one does behind a firewall that has forgotten a connection: nothing is
//! closed, and nothing comes any more. Connections made after that work.

use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub struct SilentWire {
    /// The database behind the wire.
    pub url: String,
    /// How often it has fallen silent.
    silences: Arc<watch::Sender<u32>>,
}

impl SilentWire {
    /// Lays a wire to the server of this URL.
    pub async fn to(url: &str) -> SilentWire {
        let (before, rest) = url.rsplit_once('@').unwrap();
        let (server, database) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{before}@{}/{database}", listener.local_addr().unwrap());
        let silences = Arc::new(watch::Sender::new(0));
        tokio::spawn(carry(listener, server.to_owned(), Arc::clone(&silences)));
        SilentWire { url, silences }
    }

    /// From now on nothing comes through the connections that there are.
    pub fn fall_silent(&self) {
        self.silences.send_modify(|silences| *silences += 1);
    }
}

async fn carry(listener: TcpListener, server: String, silences: Arc<watch::Sender<u32>>) {
    while let Ok((mut near, _)) = listener.accept().await {
        let (server, mut silence) = (server.clone(), silences.subscribe());
        tokio::spawn(async move {
            let mut far = TcpStream::connect(server).await.unwrap();
            tokio::select! {
                _ = copy_bidirectional(&mut near, &mut far) => {}
                // Both ends stay open, and nobody reads them.
                _ = silence.changed() => std::future::pending().await,
            }
        });
    }
}
