//! A real PgBouncer with transaction pooling, where each transaction of a client may use another
//! connection.

use std::fs::{self, File};
use std::process::{Child, Stdio};

use tempfile::TempDir;

use super::ports::own_port;
use super::postgres::{ENCODED_PASSWORD, PASSWORD, Postgres, USER};
use super::server::signal;
use super::{unprivileged, wait_until};

/// A running PgBouncer. It is stopped on drop.
pub struct PgBouncer {
    process: Child,
    port: u16,
    _dir: TempDir,
}

impl PgBouncer {
    /// Starts a PgBouncer in front of `postgres`.
    #[track_caller]
    pub fn before(postgres: &Postgres) -> Self {
        let dir = TempDir::with_prefix("lockwatch-pgbouncer-").expect("a temporary directory");
        unprivileged::hand_over(dir.path());
        for _ in 0..10 {
            let port = own_port().local_addr().expect("a bound listener has an address").port();
            let path = |name: &str| dir.path().join(name);
            let ini = format!(
                "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
                 unix_socket_dir =\npool_mode = transaction\nauth_type = plain\nauth_file = {}\ndefault_pool_size = 3\n",
                postgres.address().port(),
                path("users").display()
            );
            fs::write(path("users"), format!("\"{USER}\" \"{PASSWORD}\"\n")).expect("a file");
            fs::write(path("ini"), ini).expect("a file");
            let log = File::create(path("log")).expect("a file");
            let process = unprivileged::command("/usr/sbin/pgbouncer")
                .arg(path("ini"))
                .stdin(Stdio::null())
                .stdout(log.try_clone().expect("a second handle"))
                .stderr(log)
                .spawn()
                .expect("pgbouncer runs");
            let mut bouncer = Self { process, port, _dir: TempDir::new().expect("a temporary directory") };
            let mut ended = false;
            wait_until("PgBouncer is up", || {
                ended = bouncer.process.try_wait().expect("the child can be waited for").is_some();
                ended || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
            });
            if !ended {
                bouncer._dir = dir;
                return bouncer;
            }
            let log = fs::read_to_string(path("log")).unwrap_or_default();
            assert!(log.contains("in use"), "pgbouncer did not start: {log}");
        }
        panic!("every port was taken by the time PgBouncer tried it");
    }

    /// The URL of a database through this PgBouncer.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}:{ENCODED_PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        if self.process.try_wait().ok().flatten().is_none() {
            signal("TERM", self.process.id());
            let _ = self.process.wait();
        }
    }
}
