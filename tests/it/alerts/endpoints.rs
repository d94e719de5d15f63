//! The list of endpoints: valid and invalid values, and changes while the server runs.

use std::time::Duration;

use super::{HURRY, raise, server_for};
use crate::support::alerts::urls;
use crate::support::receiver::{Answer, Receiver};
use crate::support::{Server, wait_until};

#[test]
fn the_directives_have_their_defaults() {
    let server = Server::start();
    let mut client = server.client();
    for (directive, value) in [
        ("webhook-urls", ""),
        ("webhook-urls-file", ""),
        ("webhook-secret-file", ""),
        ("webhook-timeout", "10"),
        ("webhook-allow-private", "no"),
        ("alert-max-events", "10000"),
        ("alert-max-bytes", "16777216"),
        ("ship", "yes"),
    ] {
        assert_eq!(client.get(directive), value, "{directive}");
    }
}

#[test]
fn values_out_of_bounds_are_refused() {
    let server = Server::start();
    let mut client = server.client();
    for (directive, bad) in [
        ("webhook-timeout", "0"),
        ("webhook-timeout", "61"),
        ("webhook-timeout", "-1"),
        ("webhook-timeout", "soon"),
        ("webhook-allow-private", "maybe"),
        ("ship", "later"),
        ("alert-max-events", "0"),
        ("alert-max-events", "-1"),
        ("alert-max-bytes", "0"),
    ] {
        client.set_refused(directive, bad);
    }
}

#[test]
fn a_new_list_applies_to_the_next_alert() {
    let (one, two) = (Receiver::start(), Receiver::start());
    let server = server_for(&one);
    let mut client = server.client();
    let first = client.alert("first", "1");
    one.wait_for_alert(&first);
    client.wait_until_delivered();
    client.set("webhook-urls", &two.url());
    assert_eq!(client.endpoint_info(0)["url"], two.label());
    let second = client.alert("second", "1");
    two.wait_for_alert(&second);
    client.wait_until_delivered();
    client.set("webhook-urls", &urls(&[&one, &two]));
    let third = client.alert("third", "1");
    one.wait_for_alert(&third);
    two.wait_for_alert(&third);
    client.wait_until_delivered();
    client.set("webhook-urls", "");
    assert!(!client.info("lockwatch").fields.contains_key("lockwatch_alert_endpoint_0"));
    assert_eq!((one.count(), two.count()), (2, 2));
}

#[test]
fn pending_alerts_stay_pending_when_another_endpoint_is_added() {
    let (mut down, other) = (Receiver::start(), Receiver::start());
    down.stop();
    let server = server_for(&down);
    let mut client = server.client();
    let ids = raise(&mut client, "waiting", 5);
    client.set("webhook-urls", &urls(&[&other, &down]));
    let both = client.alert("both", "1");
    other.wait_for_alert(&both);
    down.start_again();
    ids.iter().for_each(|id| drop(down.wait_for_alert(id)));
    down.wait_for_alert(&both);
    client.wait_until_delivered();
}

#[test]
fn removing_an_endpoint_completes_the_alerts_that_waited_for_it_alone() {
    let (stuck, other) = (Receiver::start(), Receiver::start());
    stuck.answer(Answer::Hang);
    let server = Server::builder().alerting(&[&stuck, &other]).hurrying(HURRY).start();
    let mut client = server.client();
    client.set("webhook-timeout", "60");
    let ids = raise(&mut client, "half", 30);
    other.wait_for_alert(&ids[29]);
    stuck.wait_for(1);
    assert_eq!(client.alert_info("queued"), 30);
    client.set("webhook-urls", &other.url());
    client.wait_until_delivered();
    assert_eq!(other.count(), 30, "the remaining endpoint gets no alert twice");
}

#[test]
fn a_new_timeout_applies_to_the_next_try() {
    let receiver = Receiver::start();
    receiver.answer(Answer::Hang);
    let server = server_for(&receiver);
    let mut client = server.client();
    client.set("webhook-timeout", "1");
    let id = client.alert("slow", "1");
    let tries = receiver.wait_for_tries(&id, 2);
    assert!(tries[1].arrived.duration_since(tries[0].arrived) < Duration::from_secs(5));
    assert!(client.waiting()[0].pending[0].last_error.contains("timed out"), "{:?}", client.waiting());
}

#[test]
fn a_malformed_url_is_refused_with_a_reason_and_the_old_list_stays() {
    let receiver = Receiver::start();
    let server = server_for(&receiver);
    let mut client = server.client();
    let long = format!("http://example.com/{}", "x".repeat(4000));
    let many = (0..100).map(|i| format!("http://h{i}.example.com/")).collect::<Vec<_>>().join(" ");
    let bad = [
        "nonsense",
        "ftp://example.com/",
        "http://",
        "http:///path",
        "http://example.com:0/",
        "http://example.com:65536/",
        "http://example.com:port/",
        "http://user:hunter2@example.com/hook",
        "http://user@example.com/hook",
        "http://example.com/hook#hunter2",
        "http://exa mple.com/",
        "http://[::1/",
        "http://[]/",
        "http://example.com/a\nb",
        "http://example.com/\0",
        "http://example.com/ä",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://example.com/ http://",
        "http://example.com/same http://example.com/same",
        "http://exam\\ple.com/",
        &long,
        &many,
    ];
    for list in bad {
        let why = client.set_refused("webhook-urls", list);
        assert!(why.len() < 500, "{why:?}");
        assert!(why.contains("webhook-urls"), "{why:?}");
        for secret in ["hunter2", "/hook", "/same", "xxxxx"] {
            assert!(!why.contains(secret), "{why:?} shows more than scheme and host");
        }
    }
    let id = client.alert("still", "1");
    receiver.wait_for_alert(&id);
}

#[test]
fn valid_urls_are_accepted() {
    let server = Server::start();
    let mut client = server.client();
    for valid in [
        "https://example.com",
        "https://example.com:8443/a/b?c=d&e=%20",
        "HTTPS://EXAMPLE.COM/",
        "slack+https://hooks.slack.com/services/T/B/x",
        "http://[2001:4860:4860::8888]:8080/hook",
        "http://10.0.0.1/ https://192.168.1.1/x",
        "  https://example.com/a   https://example.com/b  ",
    ] {
        client.set("webhook-urls", valid);
    }
}

#[test]
fn a_bad_list_in_redis_conf_stops_the_start_and_the_log_names_the_directive() {
    let started = Server::builder().config("lockwatch.webhook-urls ftp://example.com/s3cret").try_start();
    let Err(log) = started else { panic!("the server starts") };
    assert!(log.contains("webhook-urls"), "{log}");
}

#[test]
fn delivery_threads_exist_only_while_there_is_something_to_deliver() {
    let receiver = Receiver::start();
    let server = Server::builder().config("lockwatch.webhook-allow-private yes").start();
    let mut client = server.client();
    let ours = || server.threads().into_iter().filter(|name| name.starts_with("lw-")).collect::<Vec<_>>();
    client.ratelimit("k 1 60");
    client.run("LW.BURST b 1 60");
    client.alert("kept", "1");
    assert_eq!(ours(), Vec::<String>::new(), "there is no endpoint");
    client.run("LW.ALERTS DISCARD ALL");
    let waiting: Vec<String> = client.waiting().into_iter().map(|waiting| waiting.id).collect();
    waiting.iter().for_each(|id| drop(client.run(&format!("LW.ALERTS DISCARD {id}"))));
    client.set("webhook-urls", &receiver.url());
    client.ratelimit("k 1 60");
    assert_eq!(ours(), Vec::<String>::new(), "there is no alert");
    let id = client.alert("now", "1");
    receiver.wait_for_alert(&id);
    let named = ours();
    assert!(named.len() == 1 && named[0].starts_with("lw-alert-"), "{named:?}");
    client.wait_until_delivered();
    client.set("webhook-urls", "");
    wait_until("the thread of a removed endpoint ends", || ours().is_empty());
}

#[test]
fn info_shows_the_status_of_the_last_answer_whatever_it_was() {
    let receiver = Receiver::start();
    let server = server_for(&receiver);
    let mut client = server.client();
    receiver.answer(Answer::status(503));
    let id = client.alert("failing", "1");
    wait_until("a try has failed", || client.endpoint_info(0)["failed"] != "0");
    let endpoint = client.endpoint_info(0);
    assert_eq!((&endpoint["last_status"][..], &endpoint["last_error"][..]), ("503", "status 503"));
    assert_eq!(client.alert_info("endpoint_0_state_number"), 3);
    receiver.answer(Answer::status(200));
    receiver.wait_for_tries(&id, 2);
    wait_until("the answer has arrived", || client.endpoint_info(0)["last_status"] == "200");
    assert_eq!(client.alert_info("endpoint_0_state_number"), 0);
    receiver.answer(Answer::status(404));
    client.test_endpoints();
    let endpoint = client.endpoint_info(0);
    assert_eq!((&endpoint["last_status"][..], &endpoint["last_error"][..]), ("404", "status 404"));
    assert_eq!(endpoint["state"], "ok", "a test that fails says nothing about deliveries");
    receiver.answer(Answer::Close);
    client.test_endpoints();
    assert_eq!(client.endpoint_info(0)["last_status"], "0", "there was no answer");
    receiver.answer(Answer::status(410));
    client.alert("gone", "1");
    wait_until("the endpoint is disabled", || client.endpoint_info(0)["state"] == "disabled");
    assert_eq!(client.alert_info("endpoint_0_state_number"), 5);
    let endpoint = client.endpoint_info(0);
    assert_eq!((&endpoint["last_status"][..], &endpoint["delivered"][..]), ("410", "1"));
    receiver.answer(Answer::status(202));
    client.test_endpoints();
    wait_until("the endpoint is enabled", || client.endpoint_info(0)["state"] == "ok");
    // What waited for it is delivered too, with the same status.
    let endpoint = client.endpoint_info(0);
    assert_eq!((&endpoint["last_status"][..], &endpoint["delivered"][..] >= "1"), ("202", true));
}

#[test]
fn endpoints_of_one_host_are_told_apart_by_where_they_are_listed() {
    let receiver = Receiver::start();
    let server = Server::builder().config("lockwatch.webhook-allow-private yes").start();
    let mut client = server.client();
    let url = |path: &str| receiver.url_at("127.0.0.1", path);
    let path = server.dir().join("urls");
    std::fs::write(&path, format!("# one\n{}\n\n{}\n", url("/s3cret-c"), url("/s3cret-d"))).unwrap();
    client.set("webhook-urls", &format!("{} {}", url("/s3cret-a"), url("/s3cret-b")));
    client.set("webhook-urls-file", path.to_str().unwrap());
    let sources = ["webhook-urls:1", "webhook-urls:2", "webhook-urls-file:2", "webhook-urls-file:4"];
    for (place, source) in sources.iter().enumerate() {
        let endpoint = client.endpoint_info(place);
        assert_eq!((&endpoint["url"], &endpoint["source"][..]), (&receiver.label(), *source));
    }
    let tested = client.run("LW.ALERTS TEST");
    let shown: Vec<_> = tested.items().iter().map(|tested| tested.field("source").text()).collect();
    assert_eq!(shown, sources);
    assert!(!client.run("INFO lockwatch").text().contains("s3cret"));
}
