//! The counters in INFO.

use crate::support::Server;

#[test]
fn calls_bursts_and_alerts_are_counted() {
    let server = Server::start();
    let mut client = server.client();
    for _ in 0..5 {
        client.burst("k 3 60");
    }
    client.multi(&["LW.BURST k 3 60 COOLDOWN 1h", "LW.BURST other 1 60"]);
    client.run("LW.BURST k nonsense 60");
    client.run("SET text x");
    client.run("LW.BURST text 1 60");
    let info = client.info("lockwatch_burst");
    let counted = |name: &str| info.number(&format!("lockwatch_burst_{name}_total"));
    assert_eq!(["calls", "bursts", "alerts", "clock_steps"].map(counted), [7, 5, 2, 0]);
}
