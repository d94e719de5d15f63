//! How much memory a guard takes at most, and what stays in it when it is full.

use crate::support::{Client, Server};

/// By how much `used_memory` may grow beyond `guard-max-bytes`: a tenth, and what a server keeps
/// beside the guard.
fn slack(bound: i64) -> i64 {
    bound / 10 + (512 << 10)
}

/// `guard-max-bytes`, and the number of users and addresses that are offered: of each as many.
fn load() -> (i64, usize) {
    if std::env::var_os("LOCKWATCH_SOAK").is_some() { (20 << 20, 1_000_000) } else { (1 << 20, 20_000) }
}

fn address(n: usize) -> String {
    format!("{}.{}.{}.{}", 20 + (n >> 24), n >> 16 & 255, n >> 8 & 255, n & 255)
}

/// An attempt of a user at an address, both new, and its outcome.
fn login(n: usize) -> [Vec<String>; 2] {
    let kind = ["failure", "success", "unknown", "mfa"][n % 4];
    let (ip, user, value) = (address(n), format!("user-{n}"), format!("value-{n}"));
    let call = |line: String| line.split(' ').map(str::to_owned).collect();
    [
        call(format!("LW.ATTEMPT login IP {ip} USER {user} VALUE {value}")),
        call(format!("LW.EVENT login {kind} IP {ip} USER {user} VALUE {value} DEVICE device-{n}")),
    ]
}

/// `used_memory` without what clients take.
fn used(client: &mut Client) -> i64 {
    let info = client.info("memory");
    info.number("used_memory") - info.number("mem_clients_normal")
}

#[test]
fn a_guard_stays_within_its_bound_and_keeps_what_is_close_to_an_effect() {
    let (bound, logins) = load();
    let server = Server::start();
    let mut client = server.client();
    client.set("guard-max-bytes", &bound.to_string());
    client.run("LW.BAN login IP 192.0.2.0/24 FOR 1d");
    let guess = "LW.ATTEMPT login IP 198.51.100.7 USER victim";
    (0..5).for_each(|_| assert_eq!(client.run(guess).items()[0].int(), 0));
    let before = used(&mut client);
    let numbers: Vec<_> = (0..logins).collect();
    for batch in numbers.chunks(500) {
        let calls: Vec<_> = batch.iter().flat_map(|n| login(*n)).collect();
        assert!(client.pipeline(&calls).iter().all(|answer| !answer.is_error()));
        let grown = used(&mut client) - before;
        assert!(grown <= bound + slack(bound), "{grown} bytes after {} logins", batch[0]);
    }
    let usage = client.run("MEMORY USAGE login").int();
    assert!(usage <= bound && usage > bound / 2, "{usage}");
    assert_eq!(client.run(guess).items()[0].int(), 1, "the pair's count is kept");
    assert_eq!(client.run("LW.CHECK login IP 192.0.2.7").items()[0].int(), 2, "the ban is kept");
}
