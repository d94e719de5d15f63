//! The thread that ships events to Postgres.
//!
//! The main thread hands it batches and gets the result of each. The thread keeps a batch until
//! Postgres has committed it, however long that takes. It holds nothing of the server's and never
//! waits for the main thread.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use tokio::runtime::{self, Runtime};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::server::thread::{panic_if_asked, spawn};
use crate::text::time::Timestamp;

use super::batch::{Experience, Progress, Stored, Try};
use super::day::Day;
use super::entry::Record;
use super::link::{Failure, Link};
use super::partitions::Partitions;
use super::retention::{Retention, Sweep, Swept};
use super::schema;
use super::status::{self, ShipperState};
use lockwatch_common::postgres::target::Target;

/// The maximum number of batches with the thread: one in flight and the next, so that it never
/// waits for the main thread.
const MAX_BATCHES: usize = 2;

/// The stack of the thread: several times what TLS and a batch take.
const STACK_BYTES: usize = 2 << 20;

/// The wait after a failure, which doubles with each.
const MIN_WAIT: Duration = Duration::from_millis(100);
const MAX_WAIT: Duration = Duration::from_secs(15);

/// How often an idle thread checks the link and the retention.
const IDLE_INTERVAL: Duration = Duration::from_secs(1);
/// The interval of the maintenance of partitions, normally and after it failed.
const MAINTENANCE: Duration = Duration::from_secs(600);
const MAINTENANCE_RETRY: Duration = Duration::from_secs(60);
/// The pause between two turns of dropping partitions, in which events are shipped.
const BETWEEN_TURNS: Duration = Duration::from_millis(100);

struct Batch {
    events: Vec<Record>,
    progress: Progress,
    generation: u64,
}

/// A batch that Postgres has committed.
#[derive(Debug)]
pub(crate) struct Shipped {
    /// The generation with which it was offered.
    pub generation: u64,
    /// The number of its first event.
    pub from: u64,
    /// The number of its last event.
    pub through: u64,
    pub stored: Stored,
}

/// The thread, as the main thread sees it.
pub(crate) struct Shipper {
    batches: Sender<Batch>,
    shipped: Receiver<Shipped>,
    in_flight: usize,
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

struct Shared {
    /// Set before `end_requested` is notified.
    ends: AtomicBool,
    end_requested: Notify,
    /// In days; 0 for ever.
    retention: AtomicI64,
    /// The thread drops the events that Postgres has, of which it keeps some.
    forgets: AtomicBool,
    /// Wakes the main thread.
    wake: fn(),
}

impl Shared {
    fn retention(&self) -> Retention {
        Retention(self.retention.load(Ordering::Relaxed))
    }
}

impl Shipper {
    /// Starts the thread, which connects to `target` and calls `wake` when it has news. `None` if
    /// the system has no thread to give.
    pub(crate) fn start(target: Arc<Target>, retention: i64, wake: fn()) -> Option<Self> {
        let (batches, offered) = bounded(MAX_BATCHES);
        // There is room for all batches in flight: the thread never waits here.
        let (done, shipped) = bounded(MAX_BATCHES);
        let shared = Arc::new(Shared {
            ends: AtomicBool::new(false),
            end_requested: Notify::new(),
            retention: AtomicI64::new(retention),
            forgets: AtomicBool::new(false),
            wake,
        });
        let theirs = Arc::clone(&shared);
        let work = move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else {
                return status::failed("the system has no room for a connection", false);
            };
            let mut thread = Thread {
                runtime,
                target,
                shared: theirs,
                offered,
                done,
                link: None,
                last_batch: None,
                partitions: Partitions::default(),
                experience: Experience::default(),
                sweep: Sweep::default(),
                maintained_for: None,
                maintenance_at: Instant::now(),
                wait: MIN_WAIT,
            };
            thread.run();
            // Does not wait for a name that is still being looked up.
            thread.runtime.shutdown_background();
        };
        let thread = spawn("lw-audit", Some(STACK_BYTES), work).ok()?;
        Some(Self { batches, shipped, in_flight: 0, shared, thread })
    }

    pub(crate) fn has_room(&self) -> bool {
        self.in_flight < MAX_BATCHES
    }

    /// `events` is not empty.
    pub(crate) fn offer(&mut self, events: Vec<Record>, generation: u64) {
        let progress = Progress::new(events.len());
        self.in_flight += usize::from(self.batches.try_send(Batch { events, progress, generation }).is_ok());
    }

    pub(crate) fn next_shipped(&mut self) -> Option<Shipped> {
        let shipped = self.shipped.try_recv().ok()?;
        self.in_flight -= 1;
        Some(shipped)
    }

    /// Lets the thread drop, within a second or before its next batch, the events that Postgres
    /// has.
    pub(crate) fn forget(&self) {
        self.shared.forgets.store(true, Ordering::Relaxed);
    }

    pub(crate) fn set_retention(&self, days: i64) {
        self.shared.retention.store(days, Ordering::Relaxed);
    }

    /// Whether the thread has ended by itself: it panicked or had no runtime.
    pub(crate) fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Lets the thread end within moments. It gives up its batches.
    pub(crate) fn dismiss(self) {
        drop(self.request_end());
    }

    /// Like [`Shipper::dismiss`], and waits for the thread for at most `timeout`.
    pub(crate) fn shutdown(self, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        let shipped = self.request_end();
        // Fails at the deadline, or once the thread has dropped its end of the channel.
        while shipped.recv_deadline(deadline).is_ok() {}
    }

    fn request_end(self) -> Receiver<Shipped> {
        self.shared.ends.store(true, Ordering::Relaxed);
        self.shared.end_requested.notify_one();
        // Dropping `batches` wakes a thread that waits for a batch.
        self.shipped
    }
}

struct Thread {
    runtime: Runtime,
    target: Arc<Target>,
    shared: Arc<Shared>,
    offered: Receiver<Batch>,
    done: Sender<Shipped>,
    link: Option<Link>,
    /// Kept until the next batch is shipped: see [`Thread::run`].
    last_batch: Option<Batch>,
    partitions: Partitions,
    experience: Experience,
    sweep: Sweep,
    /// The retention that the last maintenance applied.
    maintained_for: Option<Retention>,
    maintenance_at: Instant,
    wait: Duration,
}

impl Thread {
    fn run(&mut self) {
        let mut batch = None;
        while !self.ends() {
            // A new link is prepared at once, before there is a batch.
            if batch.is_none() && self.link.is_some() {
                let until_maintenance = self.maintenance_at.saturating_duration_since(Instant::now());
                batch = match self.offered.recv_timeout(until_maintenance.min(IDLE_INTERVAL)) {
                    Ok(batch) => Some(batch),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => return,
                };
            }
            panic_if_asked();
            match self.step(batch.as_mut()) {
                Ok(Some(shipped)) => {
                    let _ = self.done.try_send(shipped);
                    (self.shared.wake)();
                    // By the time this thread drops the batch, the main thread has dropped its
                    // events: so this one frees them.
                    self.last_batch = batch.take();
                }
                Ok(None) => self.last_batch = None,
                Err(Some(failure)) => self.wait_after(&failure),
                Err(None) => return,
            }
        }
    }

    fn ends(&self) -> bool {
        self.shared.ends.load(Ordering::Relaxed)
    }

    /// Connects if necessary, maintains the partitions if it is time, and ships `batch` if there is
    /// one. `Err(None)` means that the thread has to end.
    fn step(&mut self, batch: Option<&mut Batch>) -> Result<Option<Shipped>, Option<Failure>> {
        if self.shared.forgets.swap(false, Ordering::Relaxed) {
            self.experience.forget_event();
            self.last_batch = None;
        }
        self.connect()?;
        self.maintain_partitions()?;
        // A failure has dropped the link.
        self.connect()?;
        let Some(Batch { events, progress, generation }) = batch else {
            self.succeeded();
            return Ok(None);
        };
        let (Some((first, _)), Some((last, _))) = (events.first(), events.last()) else { return Ok(None) };
        let Some(link) = &self.link else { return Ok(None) };
        let times = events.iter().map(|(id, _)| id.at);
        let oldest = self.shared.retention().oldest_stored(link, times);
        let mut store = Try {
            link,
            first_day: run(&self.runtime, &self.shared, oldest)?,
            partitions: &mut self.partitions,
            experience: &mut self.experience,
            unmade: None,
            is_judged: false,
        };
        let started = Instant::now();
        run(&self.runtime, &self.shared, store.store(events, progress))?;
        let took = started.elapsed();
        let stored = progress.take_stored();
        self.succeeded();
        status::count_batch(took);
        Ok(Some(Shipped { generation: *generation, from: first.seq, through: last.seq, stored }))
    }

    fn connect(&mut self) -> Result<(), Option<Failure>> {
        if let Some(link) = &self.link {
            if !self.runtime.block_on(link.is_closed()) {
                return Ok(());
            }
            self.link = None;
        }
        if status::read().state != ShipperState::Waiting {
            status::set(ShipperState::Connecting);
        }
        let target = Arc::clone(&self.target);
        let work = async {
            let link = Link::open(&target).await?;
            schema::migrate(&link).await?;
            Ok(link)
        };
        self.link = Some(run(&self.runtime, &self.shared, work)?);
        self.partitions.forget();
        Ok(())
    }

    /// A failure holds up no event. It is reported, and the maintenance is repeated later.
    fn maintain_partitions(&mut self) -> Result<(), Option<Failure>> {
        let retention = self.shared.retention();
        if Instant::now() < self.maintenance_at && self.maintained_for == Some(retention) {
            return Ok(());
        }
        let Some(link) = &self.link else { return Ok(()) };
        let (partitions, sweep) = (&mut self.partitions, &mut self.sweep);
        let work = async {
            // First, because it makes room on a full disk.
            let swept = sweep.turn(link, partitions, retention).await?;
            let today = Day::of(Timestamp::from_system_clock());
            partitions.ensure(link, today).await?;
            partitions.ensure(link, today.next()).await?;
            Ok(swept)
        };
        let done = run(&self.runtime, &self.shared, work);
        if !matches!(done, Ok(Swept::Partly)) {
            self.experience.forget_size();
        }
        self.maintained_for = Some(retention);
        let (failure, wait) = match done {
            Ok(Swept::Partly) => (None, BETWEEN_TURNS),
            Ok(Swept::Wholly(None)) => {
                status::maintenance_succeeded();
                (None, MAINTENANCE)
            }
            Ok(Swept::Wholly(failure)) => (failure, MAINTENANCE_RETRY),
            Err(Some(failure)) => {
                self.link = None;
                (Some(failure), MAINTENANCE_RETRY)
            }
            Err(None) => return Err(None),
        };
        self.maintenance_at = Instant::now() + wait;
        if let Some(failure) = failure {
            status::maintenance_failed(&failure.reason);
            (self.shared.wake)();
        }
        Ok(())
    }

    fn succeeded(&mut self) {
        self.wait = MIN_WAIT;
        status::set(ShipperState::Connected);
    }

    /// Drops the link, which may be broken, and waits.
    fn wait_after(&mut self, failure: &Failure) {
        self.link = None;
        status::failed(&failure.reason, failure.refuses_all);
        (self.shared.wake)();
        let wait = jittered(self.wait);
        self.wait = (self.wait * 2).min(MAX_WAIT);
        // In the runtime, so that the dropped link is closed meanwhile.
        let _ = self.runtime.block_on(async { timeout(wait, self.shared.end_requested.notified()).await });
    }
}

/// Runs `work`, unless the thread has to end before it is done.
fn run<T>(
    runtime: &Runtime,
    shared: &Shared,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Option<Failure>> {
    runtime.block_on(async {
        tokio::select! {
            biased;
            done = work => done.map_err(Some),
            () = shared.end_requested.notified() => Err(None),
        }
    })
}

/// Up to a fifth shorter or longer, so that servers that lost their database together do not
/// reconnect together.
fn jittered(wait: Duration) -> Duration {
    let mut random = [0_u8; 2];
    let fraction = match aws_lc_rs::rand::fill(&mut random) {
        Ok(()) => f64::from(u16::from_ne_bytes(random)) / f64::from(u16::MAX),
        Err(_) => 0.5,
    };
    wait.mul_f64(0.8 + 0.4 * fraction)
}
