//! A latency probe: how long other clients wait while the server does something.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{Client, Server, wait_until};

/// The time after which a server counts as hung.
const PATIENCE: Duration = Duration::from_secs(120);

/// The longest time for which the server answered nobody else.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stall {
    pub wait: Duration,
    /// The time that the server's main thread has computed meanwhile. Unlike [`Stall::wait`], it
    /// hardly depends on what else the machine does.
    pub busy: Duration,
}

/// A connection that calls PING as fast as the server answers.
struct Probe {
    is_over: Arc<AtomicBool>,
    pings: Arc<AtomicU64>,
    thread: JoinHandle<Stall>,
}

impl Probe {
    fn start(address: SocketAddr, pid: i64) -> Self {
        let (is_over, pings) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (over, count) = (Arc::clone(&is_over), Arc::clone(&pings));
        let thread = thread::spawn(move || {
            let client = Client::connect(address).expect("the probe connects");
            let mut client = client.with_patience(PATIENCE);
            let mut worst = Stall::default();
            while !over.load(Ordering::Relaxed) {
                let (began, busy) = (Instant::now(), busy_time(pid));
                client.run("PING");
                worst.wait = worst.wait.max(began.elapsed());
                worst.busy = worst.busy.max(busy_time(pid).saturating_sub(busy));
                count.fetch_add(1, Ordering::Relaxed);
            }
            worst
        });
        Self { is_over, pings, thread }
    }

    /// Waits until the server has answered the probe a few times more.
    fn wait_for_pings(&self) {
        let before = self.pings.load(Ordering::Relaxed);
        wait_until("the probe is answered", || self.pings.load(Ordering::Relaxed) >= before + 10);
    }

    fn stop(self) -> Stall {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().expect("the probe ends")
    }
}

/// The computing time of a process's main thread so far.
fn busy_time(pid: i64) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/task/{pid}/schedstat")).unwrap_or_default();
    let busy = stat.split(' ').next().and_then(|ns| ns.parse().ok());
    Duration::from_nanos(busy.unwrap_or_default())
}

impl Server {
    /// The worst stall of this server while `act` runs.
    pub fn stall_during(&self, act: impl FnOnce()) -> Stall {
        let probe = Probe::start(self.address(), self.info("server").number("process_id"));
        probe.wait_for_pings();
        act();
        probe.wait_for_pings();
        probe.stop()
    }
}
