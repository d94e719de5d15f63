//! Protection against server-side request forgery: forbidden addresses are never dialled.

use super::HURRY;
use crate::support::receiver::Receiver;
use crate::support::{Client, Server, wait_until};

/// Spellings of the loopback address that a resolver may accept.
const LOOPBACK: [&str; 6] =
    ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0x7f.0.0.1"];

#[test]
fn loopback_is_dialled_only_if_private_addresses_are_allowed() {
    let receiver = Receiver::start();
    let server = Server::builder().hurrying(HURRY).start();
    let mut client = server.client();
    for host in LOOPBACK {
        client.set("webhook-urls", &receiver.url_at(host, "/hook"));
        let tested = client.test_endpoints().remove(0);
        assert!(!tested.ok, "{host}: {tested:?}");
        assert!(tested.reason.contains("lockwatch.webhook-allow-private"), "{host}: {tested:?}");
    }
    client.set("webhook-urls", &receiver.url());
    let id = client.alert("inside", "1");
    wait_until("the try is refused", || client.waiting()[0].pending[0].tries > 0);
    let error = client.waiting()[0].pending[0].last_error.clone();
    assert!(error.contains("lockwatch.webhook-allow-private"), "{error:?}");
    assert_eq!(receiver.connections(), 0);
    client.set("webhook-allow-private", "yes");
    receiver.wait_for_alert(&id);
    for host in &LOOPBACK[..2] {
        client.set("webhook-urls", &receiver.url_at(host, "/hook"));
        let tested = client.test_endpoints().remove(0);
        assert!(tested.ok, "{host}: {tested:?}");
    }
    client.set("webhook-allow-private", "no");
    assert!(!client.test_endpoints()[0].ok, "an open connection does not bypass the check");
}

/// Literal addresses that no directive allows.
const NEVER: [&str; 16] = [
    "169.254.169.254",
    "169.254.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "100.100.100.200",
    "[fe80::1]",
    "[ff02::1]",
    "[::]",
    "[fd00:ec2::254]",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::]",
    "[::ffff:0.0.0.0]",
    "[::169.254.169.254]",
];

#[test]
fn link_local_metadata_and_multicast_addresses_are_always_refused() {
    let server = Server::builder().config("lockwatch.webhook-allow-private yes").start();
    let mut client = server.client();
    for host in NEVER {
        let why = client.set_refused("webhook-urls", &format!("http://{host}/latest/meta-data?a=b"));
        assert!(!why.contains("meta-data") && !why.contains("a=b"), "{why}");
    }
}

#[test]
fn other_spellings_of_a_forbidden_address_are_not_dialled() {
    let server = Server::builder().config("lockwatch.webhook-allow-private yes").hurrying(HURRY).start();
    let mut client = server.client();
    for host in ["2852039166", "0xa9fea9fe", "169.254.43518", "0251.0376.0251.0376", "0"] {
        client.set("webhook-urls", &format!("http://{host}/"));
        let tested = client.test_endpoints().remove(0);
        // A dial would fail, too, but for a reason of the system's.
        assert!(tested.reason.ends_with("which is never dialled"), "{host}: {tested:?}");
    }
    let why = client.set_refused("webhook-urls", "http://[::ffff:a9fe:a9fe]/");
    assert!(why.ends_with("which is never dialled"), "{why}");
}

#[test]
fn proxy_environment_variables_are_ignored() {
    let (receiver, proxy) = (Receiver::start(), Receiver::start());
    let mut builder = Server::builder().alerting(&[&receiver]).env("NO_PROXY", "").env("no_proxy", "");
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        builder = builder.env(name, proxy.label());
    }
    let server = builder.start();
    let id = server.client().alert("direct", "1");
    assert_eq!(receiver.wait_for_alert(&id).path, "/hook");
    assert!(server.client().test_endpoints()[0].ok);
    assert_eq!(proxy.connections(), 0);
}

#[test]
fn an_unknown_host_name_is_a_failed_try() {
    let server = Server::builder()
        .config("lockwatch.webhook-urls http://no-such-host.invalid/path")
        .hurrying(HURRY)
        .start();
    let mut client: Client = server.client();
    client.alert("nowhere", "1");
    wait_until("a try has failed", || client.waiting()[0].pending[0].tries > 0);
    let pending = client.waiting()[0].pending[0].clone();
    assert_eq!(pending.endpoint, "http://no-such-host.invalid");
    assert!(!pending.last_error.is_empty() && !pending.last_error.contains("path"), "{pending:?}");
}
