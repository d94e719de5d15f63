//! The thread that ships events to Postgres.
//!
//! It decides nothing about what is recorded. The main thread offers it batches and takes back what became of each; a
//! batch stays with it until Postgres has committed it, however long that takes. It holds nothing of the server's, and
//! never waits for the main thread.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use tokio::runtime::{self, Runtime};

use super::insert::{Event, Stored, store};
use super::link::{Failure, Link};
use super::schema::{self, Day, Partitions};
use super::status::{self, State};
use super::target::Target;

/// How many batches are with the thread: one under way, and the next, so that it never waits for the main thread.
pub const BATCHES: usize = 2;

/// A thread's stack: several times what TLS and a batch take.
const STACK_BYTES: usize = 2 << 20;

/// How long it waits after a failure, at first and at most.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// How often it looks whether it is to end while it waits for Postgres.
const LOOK: Duration = Duration::from_millis(20);
/// How often it looks, while there is nothing to ship, whether the link is up, and whether other days are to be kept.
const IDLE: Duration = Duration::from_secs(1);
/// How often it looks after the partitions.
const UPKEEP: Duration = Duration::from_secs(600);
/// How soon it does again after that has failed.
const UPKEEP_AGAIN: Duration = Duration::from_secs(60);

/// A batch that is to be shipped.
struct Batch {
    events: Vec<Event>,
    round: u64,
}

/// A batch that Postgres has.
#[derive(Debug)]
pub struct Shipped {
    /// The round in which it was handed over.
    pub round: u64,
    /// The number of its first event.
    pub from: u64,
    /// The number of its last.
    pub through: u64,
    /// What became of it.
    pub stored: Stored,
}

/// The thread, as the main thread sees it.
pub struct Shipper {
    batches: Sender<Batch>,
    shipped: Receiver<Shipped>,
    under_way: usize,
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

/// What both sides see.
struct Shared {
    ends: AtomicBool,
    /// How many days are kept; 0 for all.
    retention: AtomicI64,
    wake: fn(),
}

impl Shipper {
    /// Starts the thread, which connects to `target`. `wake` is called, from that thread, when there is something new.
    /// `None` if the system has no thread to give.
    pub fn start(target: Arc<Target>, retention: i64, wake: fn()) -> Option<Self> {
        let (batches, offered) = bounded(BATCHES);
        // There is room for all that can be under way: the thread never waits here.
        let (done, shipped) = bounded(BATCHES);
        let shared =
            Arc::new(Shared { ends: AtomicBool::new(false), retention: AtomicI64::new(retention), wake });
        let theirs = Arc::clone(&shared);
        let work = move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else {
                return status::failed("the system has no room for a connection");
            };
            let mut thread = Thread {
                runtime,
                target,
                shared: theirs,
                offered,
                done,
                link: None,
                shipped_last: None,
                partitions: Partitions::default(),
                kept: None,
                upkeep_at: Instant::now(),
                wait: FIRST_WAIT,
            };
            thread.run();
            // A name that is still being looked up is not waited for.
            thread.runtime.shutdown_background();
        };
        let thread = Builder::new().name("lw-audit".into()).stack_size(STACK_BYTES).spawn(work).ok()?;
        Some(Self { batches, shipped, under_way: 0, shared, thread })
    }

    /// Whether it takes another batch.
    pub fn has_room(&self) -> bool {
        self.under_way < BATCHES
    }

    /// Hands a batch over, which is not empty. What becomes of it tells in which round that was.
    pub fn offer(&mut self, events: Vec<Event>, round: u64) {
        self.under_way += usize::from(self.batches.try_send(Batch { events, round }).is_ok());
    }

    /// A batch that Postgres has; `None` if there is nothing new.
    pub fn shipped(&mut self) -> Option<Shipped> {
        let shipped = self.shipped.try_recv().ok()?;
        self.under_way -= 1;
        Some(shipped)
    }

    /// So many days are kept from now on; 0 for all.
    pub fn keep_days(&self, days: i64) {
        self.shared.retention.store(days, Ordering::Relaxed);
    }

    /// Whether the thread has ended by itself, which it does not unless it panicked.
    pub fn is_gone(&self) -> bool {
        self.thread.is_finished()
    }

    /// Lets the thread end, within moments: what it is at is given up. What it had is not to be expected back.
    pub fn dismiss(self) -> JoinHandle<()> {
        self.shared.ends.store(true, Ordering::Relaxed);
        // Without this end of it, whoever waits for a batch hears that none will come.
        drop(self.batches);
        self.thread
    }
}

/// The thread's own side.
struct Thread {
    runtime: Runtime,
    target: Arc<Target>,
    shared: Arc<Shared>,
    offered: Receiver<Batch>,
    done: Sender<Shipped>,
    link: Option<Link>,
    /// The batch that was shipped last.
    shipped_last: Option<Batch>,
    partitions: Partitions,
    /// How many days the partitions were last cut to.
    kept: Option<i64>,
    upkeep_at: Instant,
    wait: Duration,
}

impl Thread {
    fn run(&mut self) {
        let mut batch = None;
        while !self.ends() {
            // A database that is new here is made ready at once.
            if batch.is_none() && self.link.is_some() {
                batch = match self.offered.recv_timeout(IDLE) {
                    Ok(batch) => Some(batch),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => return,
                };
            }
            match self.step(batch.as_ref()) {
                Ok(Some(shipped)) => {
                    let _ = self.done.try_send(shipped);
                    (self.shared.wake)();
                    // The main thread lets go of its events first: freeing them is left to this one.
                    self.shipped_last = batch.take();
                }
                Ok(None) => self.shipped_last = None,
                Err(Some(failure)) => self.stumble(&failure),
                Err(None) => return,
            }
        }
    }

    fn ends(&self) -> bool {
        self.shared.ends.load(Ordering::Relaxed)
    }

    /// Connects if it has to, looks after the partitions if it is time, and ships `batch` if there is one. `Err(None)` is
    /// the end.
    fn step(&mut self, batch: Option<&Batch>) -> Result<Option<Shipped>, Option<Failure>> {
        self.connect()?;
        self.look_after_partitions()?;
        // It may have cost the link.
        self.connect()?;
        let Some(Batch { events, round }) = batch else {
            self.is_well();
            return Ok(None);
        };
        let (Some((first, _)), Some((last, _))) = (events.first(), events.last()) else { return Ok(None) };
        let Some(link) = &self.link else { return Ok(None) };
        let oldest = oldest_day(self.shared.retention.load(Ordering::Relaxed));
        let work = store(link, &mut self.partitions, events, oldest);
        let stored = run(&self.runtime, &self.shared, work)?;
        self.is_well();
        status::took_batch();
        Ok(Some(Shipped { round: *round, from: first.seq, through: last.seq, stored }))
    }

    fn connect(&mut self) -> Result<(), Option<Failure>> {
        if let Some(link) = &self.link {
            if !self.runtime.block_on(link.is_closed()) {
                return Ok(());
            }
            // It is looked for again before anything is entrusted to it.
            self.link = None;
        }
        if status::read().state != State::Waiting {
            status::set(State::Connecting);
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

    /// What fails here holds up no event: it is told of, and tried again later.
    fn look_after_partitions(&mut self) -> Result<(), Option<Failure>> {
        let days = self.shared.retention.load(Ordering::Relaxed);
        if Instant::now() < self.upkeep_at && self.kept == Some(days) {
            return Ok(());
        }
        let Some(link) = &self.link else { return Ok(()) };
        let partitions = &mut self.partitions;
        let today = Day::of(status::now());
        let work = async {
            // Where the disk is full, this makes room.
            if let Some(oldest) = oldest_day(days) {
                partitions.drop_before(link, oldest, today).await?;
            }
            partitions.ensure(link, today).await?;
            partitions.ensure(link, Day(today.0 + 1)).await
        };
        let done = run(&self.runtime, &self.shared, work);
        self.kept = Some(days);
        self.upkeep_at = Instant::now() + UPKEEP;
        match done {
            Err(Some(failure)) => {
                self.link = None;
                self.upkeep_at = Instant::now() + UPKEEP_AGAIN;
                status::complain(&failure.reason);
                (self.shared.wake)();
                Ok(())
            }
            done => done,
        }
    }

    fn is_well(&mut self) {
        self.wait = FIRST_WAIT;
        status::set(State::Connected);
    }

    /// Something failed: the link is not trusted any more, and nothing is tried for a while.
    fn stumble(&mut self, failure: &Failure) {
        self.link = None;
        status::failed(&failure.reason);
        (self.shared.wake)();
        let until = Instant::now() + jittered(self.wait);
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        while Instant::now() < until && !self.ends() {
            // In the runtime, so that the link that is given up is closed meanwhile.
            self.runtime.block_on(tokio::time::sleep(LOOK));
        }
    }
}

/// Does `work`, unless the thread is to end before it is done.
fn run<T>(
    runtime: &Runtime,
    shared: &Shared,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Option<Failure>> {
    let ended = async {
        while !shared.ends.load(Ordering::Relaxed) {
            tokio::time::sleep(LOOK).await;
        }
    };
    runtime.block_on(async {
        tokio::select! {
            biased;
            done = work => done.map_err(Some),
            () = ended => Err(None),
        }
    })
}

/// The oldest day that is kept.
fn oldest_day(retention: i64) -> Option<Day> {
    let days = u64::try_from(retention).ok().filter(|days| *days > 0)?;
    Some(Day(Day::of(status::now()).0.saturating_sub(days)))
}

/// Up to a fifth earlier or later, so that servers that lost their database together do not come back together.
fn jittered(wait: Duration) -> Duration {
    let mut random = [0_u8; 2];
    let fraction = match aws_lc_rs::rand::fill(&mut random) {
        Ok(()) => f64::from(u16::from_ne_bytes(random)) / f64::from(u16::MAX),
        Err(_) => 0.5,
    };
    wait.mul_f64(0.8 + 0.4 * fraction)
}
