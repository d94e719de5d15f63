//! A proxy that delays and changes the answers of a server.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Its threads end with the connections.
pub struct Meddler {
    address: SocketAddr,
}

impl Meddler {
    /// Each answer comes `late` and as `change` makes it.
    pub fn to(
        server: SocketAddr,
        late: Duration,
        change: impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let change = Arc::new(change);
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                let upstream = TcpStream::connect(server).unwrap();
                let (client2, upstream2) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
                let change = Arc::clone(&change);
                thread::spawn(move || pump(client, upstream, |bytes| bytes));
                thread::spawn(move || {
                    pump(upstream2, client2, |bytes| {
                        thread::sleep(late);
                        change(bytes)
                    });
                });
            }
        });
        Self { address }
    }

    pub fn url(&self) -> String {
        format!("redis://{}/", self.address)
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream, change: impl Fn(Vec<u8>) -> Vec<u8>) {
    let mut buffer = [0; 64 * 1024];
    while let Ok(len @ 1..) = from.read(&mut buffer) {
        if to.write_all(&change(buffer[..len].to_vec())).is_err() {
            return;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
}
