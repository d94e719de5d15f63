//! DEDUP: one alert per text and cooldown.

use super::{HURRY, server_for};
use crate::support::receiver::Receiver;
use crate::support::{Client, Server, Value, poll_until, wait_until};

#[track_caller]
fn raise_dedup(client: &mut Client, text: &str) -> Value {
    client.call(&["LW.ALERT", "disk.full", "1", "DEDUP", text, "COOLDOWN", "1h"])
}

#[test]
fn a_repeated_alert_is_suppressed_within_the_cooldown() {
    let receiver = Receiver::start();
    let server = server_for(&receiver);
    let mut client = server.client();
    let id = raise_dedup(&mut client, "/var").text();
    assert_eq!(raise_dedup(&mut client, "/var"), Value::Nil);
    client.wait_until_delivered();
    let before = client.footprint();
    for options in [["DEDUP", "/var", "COOLDOWN", "1h"], ["cooldown", "5", "dedup", "/var"]] {
        let call = [&["LW.ALERT", "disk.full", "2"][..], &options].concat();
        assert_eq!(client.call(&call), Value::Nil);
    }
    assert_eq!(client.footprint(), before, "a suppressed alert writes nothing");
    let other = raise_dedup(&mut client, "/home").text();
    receiver.wait_for_alert(&id);
    receiver.wait_for_alert(&other);
    client.wait_until_delivered();
    assert_eq!(receiver.count(), 2);
    assert_eq!(client.alert_info("deduplicated_total"), 3);
    assert_eq!(client.alert_info("raised_total"), 2);
    // Without DEDUP the alert is raised.
    client.alert("disk.full", "1");
}

#[test]
fn a_repeated_alert_is_raised_again_after_the_cooldown() {
    let receiver = Receiver::start();
    let server = server_for(&receiver);
    let mut client = server.client();
    let call = "LW.ALERT flap 1 DEDUP x COOLDOWN 300ms";
    let (first, at) = client.timed(call);
    receiver.wait_for_alert(&first.text());
    let id = poll_until("the alert is raised again", || {
        let (answer, now) = client.timed(call);
        if answer == Value::Nil {
            assert!(now.from < at.to + 300, "still suppressed at {now:?}, raised at {at:?}");
            return None;
        }
        assert!(now.to >= at.from + 300, "raised again at {now:?}, first at {at:?}");
        Some(answer.text())
    });
    receiver.wait_for_alert(&id);
}

#[test]
fn a_dedup_text_may_be_any_bytes_of_any_length() {
    let server = server_for(&Receiver::start());
    let mut client = server.client();
    let long = vec![b'x'; 1 << 20];
    let longer = [&long[..], b"x"].concat();
    for text in [&b""[..], b"\0", b"\0\0", b"\xff\xfe", b"a\r\nb", &long, &longer] {
        let call = [b"LW.ALERT", &b"t"[..], b"1", b"DEDUP", text, b"COOLDOWN", b"60"];
        assert!(matches!(client.call(&call), Value::Bulk(_)), "{}", text[..text.len().min(9)].escape_ascii());
        assert_eq!(client.call(&call), Value::Nil);
    }
}

#[test]
fn a_dedup_cooldown_survives_every_restart() {
    for lines in [&["save 3600 1"][..], &["appendonly yes"], &["appendonly yes", "aof-use-rdb-preamble no"]] {
        let receiver = Receiver::start();
        let builder = Server::builder().alerting(&[&receiver]).hurrying(HURRY);
        let mut server = lines.iter().fold(builder, |builder, line| builder.config(*line)).start();
        let mut client = server.client();
        raise_dedup(&mut client, "/var");
        for rewrite in [false, true] {
            if rewrite && lines.len() > 1 {
                client.run("BGREWRITEAOF");
                wait_until("the AOF is rewritten", || {
                    client.info("persistence").number("aof_rewrite_in_progress") == 0
                });
            }
            server.stop();
            server.start_again();
            client = server.client();
            assert_eq!(raise_dedup(&mut client, "/var"), Value::Nil, "{lines:?}");
        }
        assert_eq!(client.run("FLUSHALL").text(), "OK");
        assert_eq!(raise_dedup(&mut client, "/var"), Value::Nil, "FLUSHALL does not reset the cooldown");
        assert_eq!(client.run("DEBUG RELOAD").text(), "OK");
        assert_eq!(raise_dedup(&mut client, "/var"), Value::Nil);
        assert!(matches!(raise_dedup(&mut client, "/home"), Value::Bulk(_)));
    }
}

#[test]
fn a_promoted_replica_suppresses_repeats_of_alerts_that_its_primary_raised() {
    let receiver = Receiver::start();
    let mut primary = server_for(&receiver);
    let early = Server::builder().replica_of(&primary).start();
    primary.wait_for_replica(&early);
    raise_dedup(&mut primary.client(), "/var");
    // One replica learns of the alert by replication, the other by a full synchronisation.
    let late = Server::builder().replica_of(&primary).start();
    [&early, &late].iter().for_each(|replica| primary.wait_for_replica(replica));
    primary.kill();
    for replica in [&early, &late] {
        let mut client = replica.client();
        client.run("REPLICAOF NO ONE");
        assert_eq!(raise_dedup(&mut client, "/var"), Value::Nil);
        assert!(matches!(raise_dedup(&mut client, "/home"), Value::Bulk(_)));
    }
}

#[test]
fn the_memory_of_the_dedup_table_is_bounded() {
    let server = Server::start();
    let mut client = server.client();
    let before = client.info("memory").number("used_memory");
    let calls: Vec<Vec<String>> = (0..200_000)
        .map(|i| {
            let text = format!("LW.ALERT t 1 DEDUP {i} COOLDOWN 1d");
            text.split(' ').map(str::to_owned).collect()
        })
        .collect();
    calls.chunks(1000).for_each(|chunk| {
        let answers = client.pipeline(chunk);
        assert!(answers.iter().all(|answer| matches!(answer, Value::Bulk(_))), "{:?}", answers[0]);
    });
    let grown = client.info("memory").number("used_memory") - before;
    eprintln!("200 000 different DEDUP texts took {} KiB", grown / 1024);
    assert!(grown < 32 << 20, "{grown} bytes");
}

#[test]
fn long_cooldowns_beyond_the_tables_bound_do_not_disable_dedup() {
    let server = Server::start();
    let mut client = server.client();
    let calls: Vec<[String; 7]> = (0..66_000)
        .map(|i| ["LW.ALERT", "t", "1", "DEDUP", &i.to_string(), "COOLDOWN", "30d"].map(str::to_owned))
        .collect();
    calls.chunks(1000).for_each(|chunk| drop(client.pipeline(chunk)));
    assert!(matches!(raise_dedup(&mut client, "/var"), Value::Bulk(_)));
    assert_eq!(raise_dedup(&mut client, "/var"), Value::Nil);
    // The text that was raised first was forgotten for it; the latest is still known.
    assert_eq!(client.call(&calls[65_999]), Value::Nil);
    assert!(matches!(client.call(&calls[0]), Value::Bulk(_)));
    // A copy of the state forgets in the same order.
    assert_eq!(client.run("DEBUG RELOAD").text(), "OK");
    assert_eq!(raise_dedup(&mut client, "/var"), Value::Nil);
    assert!(matches!(raise_dedup(&mut client, "/home"), Value::Bulk(_)));
    assert_eq!(raise_dedup(&mut client, "/home"), Value::Nil);
}

#[test]
fn a_longer_cooldown_of_another_caller_does_not_silence_a_shorter_one() {
    let server = Server::start();
    let mut client = server.client();
    let raise = |client: &mut Client, cooldown: &str| {
        client.run(&format!("LW.ALERT disk.full 1 DEDUP /var COOLDOWN {cooldown}")) != Value::Nil
    };
    assert!(raise(&mut client, "30d"));
    assert!(!raise(&mut client, "1h"));
    client.move_clock(3_600_000);
    assert!(raise(&mut client, "1h"), "an hour after the last alert");
    client.move_clock(2 * 3_600_000);
    assert!(!raise(&mut client, "2h"), "an hour after the last alert, whose own cooldown has ended");
    assert!(!raise(&mut client, "30d"));
}
