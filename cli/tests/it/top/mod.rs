//! `lockwatch top` in a terminal, against servers under load and attack.

mod attack;
mod ending;
mod failures;
mod once;
pub mod pty;

use lockwatch_test_support::{Client, Server};

/// A server whose guards ban from their first minute on, and with a policy.
fn server() -> Server {
    let server = Server::start();
    prepare(&mut server.client());
    server
}

fn prepare(client: &mut Client) {
    for line in ["LW.POLICY SET search 5 10s 30 1m", "CONFIG SET lockwatch.guard-learn 0"] {
        assert_eq!(client.run(line).text(), "OK", "{line}");
    }
}

/// Makes so many calls on a key by the policy `search`. At most five of them are admitted.
fn search(client: &mut Client, key: &[u8], calls: usize) {
    let call = [&b"LW.RATELIMIT"[..], key, b"@search"];
    let denied =
        client.pipeline(&vec![call; calls]).iter().filter(|reply| reply.items()[0].int() == 1).count();
    assert!(denied >= calls.saturating_sub(5), "{denied} of {calls}");
}

/// An address fails to log in as more users than the rule `stuffing` admits, and is banned.
fn stuff(client: &mut Client, ip: &str) {
    (0..12).for_each(|user| _ = client.event(&format!("failure IP {ip} USER {user}")));
}
