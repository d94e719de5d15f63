//! LW.ALERTS LIST.

use super::{raise, server_for};
use crate::support::receiver::{Answer, Receiver};
use crate::support::{Server, Value, wait_until};

#[test]
fn pending_alerts_are_listed_newest_first() {
    let mut receiver = Receiver::start();
    receiver.stop();
    let server = server_for(&receiver);
    let mut client = server.client();
    let mut ids = raise(&mut client, "listed", 120);
    ids.reverse();
    let listed =
        |answer: &Value| answer.items().iter().map(|entry| entry.field("id").text()).collect::<Vec<_>>();
    assert_eq!(listed(&client.run("LW.ALERTS LIST")), ids[..100]);
    assert_eq!(listed(&client.run("LW.ALERTS LIST COUNT 1")), ids[..1]);
    assert_eq!(listed(&client.run("lw.alerts list count 1000")), ids);
    let waiting = client.waiting();
    assert_eq!(waiting[0].kind, "listed.119");
    assert!(waiting.windows(2).all(|pair| pair[0].timestamp_ms >= pair[1].timestamp_ms));
    assert!(waiting.iter().all(|w| w.id.starts_with(&format!("{}-", w.timestamp_ms)) && w.size > 0));
    assert_eq!(client.alert_info("queued"), 120);
}

#[test]
fn a_page_is_bounded_and_the_next_one_begins_before_its_last_alert() {
    let receiver = Receiver::start();
    let server = Server::builder().alerting(&[&receiver]).config("lockwatch.ship no").start();
    let mut client = server.client();
    let mut ids = raise(&mut client, "listed", 3000);
    ids.reverse();
    let page = client.run(&format!("LW.ALERTS LIST BEFORE {} COUNT 2", ids[999]));
    assert_eq!(
        page.items().iter().map(|entry| entry.field("id").text()).collect::<Vec<_>>(),
        ids[1000..1002]
    );
    let page = client.run("LW.ALERTS LIST COUNT 1000000").items().len();
    assert!((500..2000).contains(&page), "{page} alerts on a page");
    let all = client.waiting().into_iter().map(|waiting| waiting.id).collect::<Vec<_>>();
    assert_eq!(all, ids);
    let nothing = client.run(&format!("LW.ALERTS LIST BEFORE {}", ids[2999]));
    assert_eq!(nothing, Value::Array(vec![]));
}

#[test]
fn an_entry_is_a_flat_array_in_resp2_and_a_map_in_resp3() {
    let receiver = Receiver::start();
    receiver.answer(Answer::status(500));
    let server = Server::builder().alerting(&[&receiver]).start();
    let mut client = server.client();
    let id = client.alert("shape", "1");
    wait_until("the first try has failed", || client.waiting()[0].pending[0].tries == 1);
    let flat = client.run("LW.ALERTS LIST");
    let names = ["id", "type", "timestamp_ms", "size", "pending"];
    let entry = flat.items()[0].items();
    assert_eq!(entry.iter().step_by(2).map(Value::text).collect::<Vec<_>>(), names);
    assert_eq!(entry[1].text(), id);
    client.run("HELLO 3");
    let map = client.run("LW.ALERTS LIST");
    let Value::Map(pairs) = &map.items()[0] else { panic!("not a map: {map:?}") };
    assert_eq!(pairs.iter().map(|(name, _)| name.text()).collect::<Vec<_>>(), names);
    let pending = &map.items()[0].field("pending").items()[0];
    let Value::Map(pairs) = pending else { panic!("not a map: {pending:?}") };
    let names: Vec<_> = pairs.iter().map(|(name, _)| name.text()).collect();
    assert_eq!(names, ["endpoint", "tries", "next_try_ms", "last_error"]);
    assert_eq!(client.waiting()[0].pending[0].tries, 1);
}

#[test]
fn a_new_server_has_no_alerts_and_all_counters_are_zero() {
    let server = Server::start();
    let mut client = server.client();
    for what in ["LIST", "DEAD"] {
        assert_eq!(client.run(&format!("LW.ALERTS {what}")), Value::Array(vec![]));
    }
    let info = client.info("lockwatch");
    for name in [
        "raised_total",
        "delivered_total",
        "retried_total",
        "dead_total",
        "dropped_total",
        "deduplicated_total",
        "rolled_up_total",
        "queued",
        "dead",
        "oldest_ms",
    ] {
        assert_eq!(info.number(&format!("lockwatch_alert_{name}")), 0, "{name}");
    }
    assert!(!info.fields.contains_key("lockwatch_alert_endpoint_0"));
}
