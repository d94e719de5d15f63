//! Each admitted call replicates one effect. Other calls replicate nothing.

use super::super::support::{Client, Server};
use super::{primary, replica_of, settle, workload};

#[test]
fn denials_peeks_and_errors_replicate_nothing() {
    let primary = primary();
    let replica = replica_of(&primary).start();
    let mut client = primary.client();
    client.ratelimit("k 1 1h");
    client.ratelimit("ample 100 1h");
    settle(&primary, &[&replica]);
    let (sent, changes) = (sent(&mut client), changes(&mut client));
    for _ in 0..100 {
        assert!(client.ratelimit("k 1 1h").limited);
        assert!(client.ratelimit("ample 100 1h COST 100").limited);
        assert!(client.ratelimit("ample 100 1h 0 1m").limited);
        assert!(client.ratelimit("no-such-key 5 1h COST 6").limited);
        client.peek("k 1 1h");
        client.peek("ample 100 1h COST 0");
        client.peek("no-such-key 100 1h COST 3");
        assert!(client.run("LW.RATELIMIT k").is_error());
        assert!(client.run("LW.RATELIMIT k 1 1h COST 0").is_error());
        let answers =
            client.multi(&["LW.RATELIMIT k 1 1h", "LW.PEEK ample 1 1h"]).expect("nothing is watched");
        assert_eq!(answers[0].ints()[0], 1);
        let script = "return redis.call('LW.RATELIMIT', KEYS[1], 1, '1h')";
        assert_eq!(client.call(&["EVAL", script, "1", "k"]).ints()[0], 1);
    }
    assert_eq!((self::sent(&mut client), self::changes(&mut client)), (sent, changes));
    client.ratelimit("ample 100 1h");
    assert!(self::sent(&mut client) > sent && self::changes(&mut client) == changes + 1);
}

#[test]
fn each_admitted_call_replicates_one_effect() {
    let primary = primary();
    let replica = replica_of(&primary).start();
    let sub_replica = replica_of(&replica).start();
    let mut client = primary.client();
    let mut workload = workload();
    let copies = [&replica, &sub_replica];
    workload.calls(&mut client, 10);
    settle(&primary, &copies);
    copies.iter().for_each(|copy| assert_eq!(copy.client().run("CONFIG RESETSTAT").text(), "OK"));
    (workload.admitted, workload.counted, workload.together) = (0, 0, 0);
    workload.calls(&mut client, 3000);
    settle(&primary, &copies);
    assert!(workload.admitted > 100 && workload.denied > 100 && workload.counted > 100);
    assert!(workload.together > 20, "{}", workload.together);
    for copy in copies {
        let calls = calls(copy);
        let named = |name: &str| calls.iter().find(|(is, _)| is == name).map_or(0, |(_, n)| *n);
        assert_eq!(named("lw._window"), workload.admitted, "{calls:?}");
        assert_eq!(named("lw._windows"), workload.together, "{calls:?}");
        assert_eq!(named("lw._burst"), workload.counted, "{calls:?}");
        // The primary also sends MULTI and EXEC around the effects of one transaction. The rest is
        // this test's own.
        let known = [
            "lw._window",
            "lw._windows",
            "lw._burst",
            "lw._alerts",
            "multi",
            "exec",
            "select",
            "ping",
            "info",
            "config|resetstat",
            "psync",
            "replconf",
        ];
        assert!(calls.iter().all(|(name, _)| known.contains(&name.as_str())), "{calls:?}");
    }
}

/// Bytes that the primary has sent to its replicas.
fn sent(client: &mut Client) -> i64 {
    client.info("replication").number("master_repl_offset")
}

/// Changes since the last save.
fn changes(client: &mut Client) -> i64 {
    client.info("persistence").number("rdb_changes_since_last_save")
}

/// The commands that `server` has run, each with its number of calls.
fn calls(server: &Server) -> Vec<(String, i64)> {
    let stats = server.info("commandstats").fields;
    stats
        .iter()
        .map(|(name, value)| {
            let calls = value.split(',').next().and_then(|field| field.strip_prefix("calls="));
            let name = name.strip_prefix("cmdstat_").expect("a command's statistics");
            (name.to_lowercase(), calls.and_then(|calls| calls.parse().ok()).expect("a number of calls"))
        })
        .collect()
}
