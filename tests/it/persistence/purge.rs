//! LW.PURGE and the directive `journal`.

use std::fs;

use super::super::support::postgres::Postgres;
use super::super::support::{Client, Server, Value, wait_until};

/// The numbers of alerts and audit events.
#[track_caller]
fn counts(client: &mut Client) -> (i64, i64) {
    let info = client.info("lockwatch");
    (info.number("lockwatch_alert_queued"), info.number("lockwatch_audit_events"))
}

#[track_caller]
fn raise_with_cooldown(client: &mut Client) -> Value {
    client.run("LW.ALERT custom {} DEDUP text COOLDOWN 1h")
}

/// Records three audit events and an alert with a cooldown.
#[track_caller]
fn fill(client: &mut Client) {
    (0..3).for_each(|n| drop(client.audit(&format!("USER {n}"))));
    assert_ne!(raise_with_cooldown(client), Value::Nil);
    assert_eq!(raise_with_cooldown(client), Value::Nil);
    assert_eq!(counts(client), (1, 3));
}

/// Whether an AOF without an RDB preamble has an effect of alerts or audit events.
fn holds_effects(aof: &[u8]) -> bool {
    [&b"LW._ALERTS"[..], b"LW._AUDIT"]
        .iter()
        .any(|name| aof.windows(name.len()).any(|window| window == *name))
}

/// SAVE, which the server refuses while a child runs.
#[track_caller]
fn save(client: &mut Client) {
    wait_until("SAVE succeeds", || !client.run("SAVE").is_error());
}

#[test]
fn a_purge_needs_the_word_that_confirms_it() {
    let server = Server::start();
    let mut client = server.client();
    fill(&mut client);
    for line in ["LW.PURGE", "LW.PURGE ALL", "LW.PURGE CONFIRM CONFIRM", "LW.PURGE yes"] {
        assert!(client.run(line).is_error(), "{line}");
    }
    assert_eq!(counts(&mut client), (1, 3));
    let reply = client.run("LW.PURGE confirm");
    let field = |name: &str| reply.field(name).int();
    assert_eq!((field("alerts"), field("audit_events"), field("dead_letters")), (1, 3, 0));
    assert_eq!(counts(&mut client), (0, 0));
}

#[test]
fn a_purge_is_for_administrators() {
    let server = Server::start();
    let info = server.client().run("COMMAND INFO LW.PURGE").items()[0].clone();
    let flags = info.items()[2].texts();
    assert!(["write", "admin"].iter().all(|flag| flags.contains(&(*flag).to_owned())), "{flags:?}");
    if server.is_at_least((7, 2), (7, 2)) {
        let categories = info.items()[6].texts();
        for category in ["@admin", "@dangerous", "@write"] {
            assert!(categories.contains(&category.to_owned()), "{categories:?}");
        }
    }
}

#[test]
fn a_purge_also_empties_replicas_and_the_aof() {
    for preamble in ["yes", "no"] {
        let mut primary = Server::builder()
            .config("appendonly yes")
            .config("appendfsync always")
            .config(format!("aof-use-rdb-preamble {preamble}"))
            .start();
        let replica = Server::builder().config("appendonly yes").replica_of(&primary).start();
        primary.wait_for_replica(&replica);
        let mut client = primary.client();
        fill(&mut client);
        let before = client.audit("USER before");
        primary.wait_for_replica(&replica);
        assert_eq!(counts(&mut replica.client()), (1, 4));
        assert!(replica.client().run("LW.PURGE CONFIRM").error().starts_with("READONLY"));
        assert!(!client.run("LW.PURGE CONFIRM").is_error());
        primary.wait_for_replica(&replica);
        assert_eq!(counts(&mut replica.client()), (0, 0));
        primary.kill();
        primary.start_again();
        let mut client = primary.client();
        assert_eq!(counts(&mut client), (0, 0), "preamble {preamble}");
        // The cooldown is gone as well. The numbers of ids start again, with another epoch.
        assert_ne!(raise_with_cooldown(&mut client), Value::Nil);
        let id = client.audit("USER after");
        let parts = |id: &str| id.split('-').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(parts(&id)[2], "1");
        assert_ne!(parts(&id)[1], parts(&before)[1]);
    }
}

#[test]
fn ids_after_a_purge_have_a_new_epoch() {
    let server = Server::start();
    let mut client = server.client();
    let before = client.audit("USER before");
    assert!(!client.run("LW.PURGE CONFIRM").is_error());
    let after = client.audit("USER after");
    let part = |id: &str, n: usize| id.split('-').nth(n).unwrap().to_owned();
    assert_eq!(part(&before, 2), part(&after, 2), "the number is used again");
    assert_ne!(part(&before, 1), part(&after, 1), "the epoch is new");
}

#[test]
fn a_purged_server_saves_nothing_that_needs_the_module() {
    for purges in [false, true] {
        let server = Server::start();
        if !server.is_at_least((7, 2), (7, 2)) {
            return;
        }
        let mut client = server.client();
        fill(&mut client);
        if purges {
            assert!(!client.run("LW.PURGE CONFIRM").is_error());
        }
        save(&mut client);
        let started = Server::builder().without_module().data_dir(server.into_data()).try_start();
        assert_eq!(started.is_ok(), purges, "{:?}", started.err());
    }
}

#[test]
fn with_journal_no_alerts_and_events_are_neither_in_the_rdb_nor_in_the_aof() {
    for preamble in ["yes", "no"] {
        let with = |aof: &str| {
            Server::builder()
                .config(format!("appendonly {aof}"))
                .config("appendfsync always")
                .config(format!("aof-use-rdb-preamble {preamble}"))
        };
        let server = with("yes").module_args("journal no").start();
        assert!(server.log().contains("kept in memory only"), "{}", server.log());
        assert_eq!(server.info("lockwatch").text("lockwatch_journal"), "0");
        // A replica with a journal gets the changes.
        let replica = Server::builder().config("appendonly yes").replica_of(&server).start();
        server.wait_for_replica(&replica);
        let mut client = server.client();
        client.run("SET other value");
        fill(&mut client);
        server.wait_for_replica(&replica);
        assert_eq!(counts(&mut replica.client()), (1, 3));
        let appended = fs::read(server.aof_file(".incr.aof")).unwrap();
        assert!(appended.windows(5).any(|window| window == b"other") && !holds_effects(&appended));
        save(&mut client);
        drop(replica);
        wait_until("a rewrite begins", || !client.run("BGREWRITEAOF").is_error());
        client.wait_for_aof_rewrite();
        assert_eq!(counts(&mut client), (1, 3), "memory keeps them");
        // A server without the module loads the AOF, and another one the RDB.
        let mut data = server.into_data();
        for aof in ["yes", "no"] {
            let without = with(aof).without_module().data_dir(data).start();
            assert_eq!(without.client().run("GET other").text(), "value", "{preamble}, appendonly {aof}");
            data = without.into_data();
        }
    }
}

#[test]
fn with_journal_no_a_replica_writes_nothing_of_alerts_and_events_into_its_aof() {
    let primary = Server::start();
    let replica = Server::builder()
        .module_args("journal no")
        .config("appendonly yes")
        .config("appendfsync always")
        .replica_of(&primary)
        .start();
    let of_replica = Server::builder().replica_of(&replica).start();
    primary.wait_for_replica(&replica);
    replica.wait_for_replica(&of_replica);
    fill(&mut primary.client());
    primary.client().run("SET other value");
    primary.wait_for_replica(&replica);
    replica.wait_for_replica(&of_replica);
    assert_eq!(counts(&mut replica.client()), (1, 3));
    assert_eq!(counts(&mut of_replica.client()), (1, 3));
    let file = fs::read(replica.aof_file(".incr.aof")).unwrap();
    assert!(file.windows(5).any(|window| window == b"other") && !holds_effects(&file));
}

#[test]
fn with_journal_no_what_was_saved_before_is_loaded() {
    for aof in ["yes", "no"] {
        let server = Server::builder().config(format!("appendonly {aof}")).start();
        fill(&mut server.client());
        server.client().run("SAVE");
        let data = server.into_data();
        let builder = Server::builder().config(format!("appendonly {aof}")).config("lockwatch.journal no");
        let server = builder.data_dir(data).start();
        assert_eq!(counts(&mut server.client()), (1, 3), "appendonly {aof}");
        let refusal = server.client().run("CONFIG SET lockwatch.journal yes");
        assert!(refusal.error().contains("immutable"), "{refusal:?}");
    }
}

#[test]
fn with_journal_no_a_purge_also_empties_what_the_aof_held_before() {
    let server = Server::builder().config("appendonly yes").start();
    fill(&mut server.client());
    let data = server.into_data();
    let builder = Server::builder().config("appendonly yes").config("lockwatch.journal no");
    let mut server = builder.data_dir(data).start();
    assert_eq!(counts(&mut server.client()), (1, 3));
    assert!(server.log().contains("each restart loads them again"), "{}", server.log());
    assert!(!server.client().run("LW.PURGE CONFIRM").is_error());
    server.stop();
    server.start_again();
    assert_eq!(counts(&mut server.client()), (0, 0));
}

#[test]
fn purged_events_that_the_shipper_has_are_not_stored_later() {
    let mut postgres = Postgres::start();
    postgres.create_database("audit");
    let server = Server::builder().shipping_to(&postgres, "audit").start();
    let mut client = server.client();
    client.audit("USER before");
    client.wait_until_shipped();
    postgres.stop();
    client.audit("USER purged");
    wait_until("the shipper waits with its batch", || client.audit_text("state") == "waiting");
    assert!(!client.run("LW.PURGE CONFIRM").is_error());
    postgres.start_again();
    client.audit("USER after");
    client.wait_until_shipped();
    let users = postgres.sql("audit", "SELECT user_id FROM lockwatch_audit_log ORDER BY user_id");
    assert_eq!(users, [["after"], ["before"]]);
}
