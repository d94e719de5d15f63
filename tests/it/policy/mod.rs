//! LW.POLICY, and calls of LW.RATELIMIT and LW.PEEK by a policy.

mod calls;
mod changes;
mod cluster;
mod commands;
mod hostile;
mod nodes;
mod shortened;

use super::support::Client;

/// Makes a call that must succeed.
#[track_caller]
fn ok(client: &mut Client, line: &str) {
    assert_eq!(client.run(line).text(), "OK", "{line}");
}

/// The digest of a node's policies.
#[track_caller]
fn digest(client: &mut Client) -> String {
    loop {
        let digest = client.run("LW.POLICY LIST").field("digest").text();
        let shown = client.info("lockwatch_policy").text("lockwatch_policies_digest").to_owned();
        // A replica may have applied a change in between.
        if digest == client.run("LW.POLICY LIST").field("digest").text() {
            assert_eq!(digest, shown);
            return digest;
        }
    }
}

/// Policies of every kind. Returns their digest.
#[track_caller]
fn fill(client: &mut Client) -> String {
    let empty = digest(client);
    ok(client, "LW.POLICY SET login 5 1m 20 1h");
    ok(client, "LW.POLICY SET api 100 1s SHADOW");
    ok(client, "LW.POLICY SET login 0 1s FOR tenant7");
    ok(client, "LW.POLICY SET login 50 1m SHADOW FOR 10.1.*");
    let subject = b"\0\xff\r\n";
    let call = [&b"LW.POLICY"[..], b"SET", b"api", b"7", b"1d", b"FOR", subject];
    assert_eq!(client.call(&call).text(), "OK");
    let filled = digest(client);
    assert_ne!(filled, empty);
    filled
}
