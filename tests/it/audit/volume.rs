//! Many events: all arrive, complete, in order and once.

use super::load::Acknowledged;
use super::{pair, scaled};

#[test]
fn many_events_arrive_once_and_in_order() {
    let (postgres, server) = pair();
    let count = scaled(60_000, 1_000_000);
    let acknowledged = Acknowledged::default();
    let began = std::time::Instant::now();
    acknowledged.record_during(server.address(), 4, "load", || {
        acknowledged.wait_for_more(count);
    });
    let recorded = began.elapsed();
    server.client().wait_until_shipped();
    eprintln!("{} recorded in {recorded:?}, shipped after {:?}", acknowledged.count(), began.elapsed());
    let stored = postgres.number("audit", "SELECT count(*) FROM lockwatch_audit_log");
    assert_eq!(stored, acknowledged.count() as i64);
    acknowledged.assert_arrived(&postgres, "audit");
}
