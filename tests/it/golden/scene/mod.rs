//! The calls that fill a server with every kind of key and queue, with a clock that only they move.

mod alerts;
mod audit;
mod guards;
mod large;
mod limits;
mod sessions;

use crate::support::postgres::Postgres;
use crate::support::receiver::Receiver;
use crate::support::{Client, Value, wait_until};

/// When the scene begins: 2100-01-01. No key expires before that by the server's own clock.
pub const BEGIN: i64 = 4_102_444_800_000;

const SECOND: i64 = 1000;
const HOUR: i64 = 3600 * SECOND;

/// The servers around the server that is filled.
pub struct Surroundings {
    pub postgres: Postgres,
    /// Endpoints that take alerts, fail, and want no more.
    pub taking: Receiver,
    pub failing: Receiver,
    pub gone: Receiver,
}

impl Surroundings {
    pub fn start() -> Self {
        let postgres = Postgres::start();
        postgres.create_database("audit");
        let [taking, failing, gone] = [(); 3].map(|()| Receiver::start());
        Self { postgres, taking, failing, gone }
    }

    /// The value of `lockwatch.webhook-urls`.
    pub fn urls(&self) -> String {
        [&self.taking, &self.failing, &self.gone].map(Receiver::url).join(" ")
    }
}

pub struct Scene<'a> {
    client: Client,
    now: i64,
    /// The name of the act, with which names of keys begin.
    act: &'static str,
    around: &'a Surroundings,
}

impl<'a> Scene<'a> {
    /// `client` is connected to a server whose clock stands at [`BEGIN`].
    pub fn new(client: Client, around: &'a Surroundings) -> Self {
        Self { client, now: BEGIN, act: "", around }
    }

    /// Fills the server with keys whose names begin with `act`. Returns the time at the end.
    #[track_caller]
    pub fn play(&mut self, act: &'static str) -> i64 {
        self.act = act;
        self.client.set("ship", "yes");
        self.lose_and_queue_alerts();
        self.ship_and_refuse_events();
        // What follows stays where it is.
        self.client.set("ship", "no");
        self.queue_more_alerts();
        self.set_policies();
        self.take_limits();
        self.hold_leases();
        self.begin_sessions();
        self.watch_attacks();
        self.leave_events_waiting();
        self.leave_a_gap();
        self.leave_a_summary();
        self.now
    }

    /// Runs a line, in which `$` is the name of the act. It must not fail.
    #[track_caller]
    fn run(&mut self, line: &str) -> Value {
        let line = self.named(line);
        let answer = self.client.run(&line);
        assert!(!answer.is_error(), "{line}: {answer:?}");
        answer
    }

    /// Runs lines, each in another second.
    #[track_caller]
    fn run_all(&mut self, lines: &[&str]) {
        for line in lines {
            self.run(line);
            self.pass(SECOND);
        }
    }

    fn named(&self, line: &str) -> String {
        line.replace('$', self.act)
    }

    /// Moves the clock.
    #[track_caller]
    fn pass(&mut self, ms: i64) {
        self.now += ms;
        self.client.stop_clock(self.now);
    }

    /// Moves the clock in steps until `condition` holds.
    #[track_caller]
    fn pass_until(&mut self, what: &str, step: i64, mut condition: impl FnMut(&mut Client) -> bool) {
        wait_until(what, || {
            self.pass(step);
            condition(&mut self.client)
        });
    }
}
