//! A real Sentinel that watches one primary.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::builder::{binary, free_port};
use super::{Client, Server, wait_until};

/// A Sentinel, whose own vote is enough for a failover. It is killed on drop.
pub struct Sentinel {
    child: Child,
    port: u16,
    _dir: TempDir,
}

impl Sentinel {
    /// Starts one that watches `primary` and has found its replica.
    #[track_caller]
    pub fn of(primary: &Server) -> Self {
        let dir = TempDir::with_prefix("lockwatch-sentinel-").expect("a temporary directory");
        let (port, address) = (free_port(), primary.address());
        let conf = dir.path().join("sentinel.conf");
        let lines = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor service {} {} 1\n\
             sentinel down-after-milliseconds service 60000\n",
            dir.path().display(),
            address.ip(),
            address.port()
        );
        fs::write(&conf, lines).expect("a file");
        let log = File::create(dir.path().join("log")).expect("a file");
        let mut command = Command::new(binary());
        command.arg(conf).arg("--sentinel").stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a second handle")).stderr(log);
        let child = command.spawn().expect("the server runs as a Sentinel");
        let sentinel = Self { child, port, _dir: dir };
        wait_until("the Sentinel knows the replica", || {
            let Ok(mut client) = Client::connect(([127, 0, 0, 1], port).into()) else { return false };
            let known = client.try_call(&["SENTINEL", "REPLICAS", "service"]);
            known.is_ok_and(|known| !known.is_error() && !known.items().is_empty())
        });
        sentinel
    }

    /// The URL for clients of the `redis` crate.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Begins a failover, as an administrator does.
    #[track_caller]
    pub fn fail_over(&self) {
        let mut client = Client::connect(([127, 0, 0, 1], self.port).into()).expect("it runs");
        // Refused until the Sentinel has heard from the replica.
        wait_until("the failover has begun", || !client.run("SENTINEL FAILOVER service").is_error());
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
