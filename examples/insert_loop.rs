//! Measures how many audit events a second this machine's Postgres stores: a bare loop of the
//! shipper's statement. `scripts/bench.sh` compares the shipper with it.
//!
//!     cargo run --release --example insert_loop -- postgres://… EVENTS BATCH

#![expect(clippy::expect_used, reason = "a failed measurement should stop and say where")]

use std::env::args;
use std::time::Instant;

use lockwatch::measured::Fields;
use lockwatch::measured::Id;
use lockwatch::measured::Link;
use lockwatch::measured::Target;
use lockwatch::measured::Timestamp;
use lockwatch::measured::insert;
use lockwatch::measured::schema;
use lockwatch::measured::{Day, Partitions};

fn main() {
    let mut words = args().skip(1);
    let mut next = || words.next().expect("a URL, a number of events and one of events in a batch");
    let (url, events, batch) = (next(), next(), next());
    let events: u64 = events.parse().expect("a number of events");
    let batch: u64 = batch.parse().expect("a number of events in a batch");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let rate = runtime.block_on(measure(&url, events, batch));
    println!("{rate:.0}");
}

/// Returns events a second.
async fn measure(url: &str, events: u64, batch: u64) -> f64 {
    let target = Target::parse(url).expect("a URL");
    let link = Link::open(&target).await.expect("a connection");
    schema::migrate(&link).await.expect("the schema");
    let now = Timestamp::from_system_clock();
    Partitions::default().ensure(&link, Day::of(now)).await.expect("a partition");
    // The same event as in the benchmark's load.
    let fields = Fields {
        user: Some("user:42"),
        ip: Some([203, 0, 113, 9].into()),
        method: Some("GET"),
        endpoint: Some("/api/v1/items"),
        status: Some(200),
        latency: Some(12_000),
        ..Fields::default()
    };
    let began = Instant::now();
    for first in (1..=events).step_by(usize::try_from(batch).expect("a batch that fits")) {
        let last = (first + batch - 1).min(events);
        let id = |seq| Id { at: now, epoch: 1, seq };
        let rows: Vec<_> = (first..=last).map(|seq| (id(seq), fields.clone())).collect();
        insert(&link, &rows).await.expect("a batch");
    }
    events as f64 / began.elapsed().as_secs_f64()
}
