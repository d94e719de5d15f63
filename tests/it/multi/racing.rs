//! Many clients at once.

use std::thread;

use crate::support::Server;

const CLIENTS: usize = 50;
const CALLS: usize = 40;
const TENANTS: usize = 5;
const AMPLE: i64 = (1 << 53) - 1;

#[test]
fn fifty_racing_clients_are_admitted_exactly_to_the_limit_and_all_keys_agree() {
    const GLOBAL: i64 = 700;
    let server = Server::start();
    let address = server.address();
    let admitted: Vec<i64> = thread::scope(|scope| {
        let run = |n: usize| {
            let mut client = crate::support::Client::connect(address).expect("the server runs");
            let tenant = n % TENANTS;
            let call =
                format!("user:{n} 35 1h 1 tenant:{tenant} 160 1h 1 global {GLOBAL} 1h 1 global 2000 1d 1");
            (0..CALLS).filter(|_| !client.mratelimit(&call).limited).count() as i64
        };
        let threads: Vec<_> = (0..CLIENTS).map(|n| scope.spawn(move || run(n))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no failure")).collect()
    });
    let mut client = server.client();
    let mut used = |key: String| AMPLE - client.peek(&format!("{key} {AMPLE} 1h COST 0")).remaining;
    assert_eq!(admitted.iter().sum::<i64>(), GLOBAL);
    assert_eq!(used("global".into()), GLOBAL);
    for (n, admitted) in admitted.iter().enumerate() {
        assert_eq!(used(format!("user:{n}")), *admitted, "user {n}");
    }
    for tenant in 0..TENANTS {
        let of_users: i64 = admitted.iter().skip(tenant).step_by(TENANTS).sum();
        assert_eq!(used(format!("tenant:{tenant}")), of_users, "tenant {tenant}");
        assert!(of_users <= 160);
    }
    let info = server.info("lockwatch");
    assert_eq!(info.number("lockwatch_mratelimit_calls_total"), (CLIENTS * CALLS) as i64);
    assert_eq!(info.number("lockwatch_mratelimit_denied_total"), (CLIENTS * CALLS) as i64 - GLOBAL);
}
