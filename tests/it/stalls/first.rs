//! The first call of a command after a start takes no longer than later ones.

use std::time::Duration;

use crate::support::Server;
use crate::support::tokens::{Algorithm, Keys, issuer};

/// Far more than any first call computes, and far less than it takes to seed the random generator
/// of the cryptography library, which measures the jitter of the CPU for 20 ms at least.
const SHORT: Duration = Duration::from_millis(12);

#[test]
fn the_first_lw_issue_does_not_seed_the_random_generator_on_the_main_thread() {
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa, Algorithm::Hs256] {
        let (_keys, server) = issuer(algorithm);
        let mut client = server.client();
        let stall = server.stall_during(|| {
            client.issue("auth alice");
        });
        assert!(stall.busy < SHORT, "{}: {stall:?}", algorithm.name());
    }
}

#[test]
fn a_key_set_at_runtime_is_used_at_once_without_a_stall() {
    let keys = Keys::new();
    let server =
        Server::builder().config(format!("lockwatch.refresh-secret-file {}", keys.refresh())).start();
    let mut client = server.client();
    let key = keys.signing(Algorithm::Es256, 0);
    let stall = server.stall_during(|| {
        client.set("jwt-keys", &key);
        let tokens = client.issue("auth alice");
        assert_eq!(client.verdict("auth", &tokens.access), "OK");
    });
    assert!(stall.busy < SHORT, "{stall:?}");
}

#[test]
fn the_thread_that_seeds_the_random_generator_ends() {
    let (_keys, server) = issuer(Algorithm::Es256);
    crate::support::wait_until("it has ended", || {
        server.threads().iter().all(|name| name != "lw-token-seed")
    });
    let mut client = server.client();
    client.issue("auth alice");
}

#[test]
fn the_first_calls_of_other_commands_do_not_stall() {
    let keys = Keys::new();
    let postgres = keys.file("postgres", "postgres://nobody:nothing@127.0.0.1:9/none?sslmode=require\n");
    let server = Server::builder()
        .issuing(&keys, Algorithm::EdDsa)
        .config("lockwatch.webhook-allow-private yes")
        .config("lockwatch.webhook-urls https://127.0.0.1:9/")
        .config(format!("lockwatch.postgres-url-file {postgres}"))
        .start();
    let mut client = server.client();
    let token = client.issue("auth alice");
    let verify = format!("LW.VERIFY auth {}", token.access);
    let rotate = format!("LW.ROTATE auth {}", token.refresh);
    for line in [
        "LW.RATELIMIT k 5 1m",
        "LW.BURST b 1 1m",
        "LW.ALERT first {}",
        "LW.AUDIT USER alice",
        "LW.AUDITLOG QUERY LIMITED",
        "LW.ALERTS LIST",
        "LW.JWKS",
        "LW.SESSIONS auth alice",
        &verify,
        &rotate,
    ] {
        let stall = server.stall_during(|| {
            client.run(line);
        });
        assert!(stall.busy < SHORT, "{line}: {stall:?}");
    }
}
