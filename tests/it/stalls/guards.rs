//! The scene of guards: a guard that holds about as much as `guard-max-bytes` allows.

use crate::support::Server;

use super::scenes::{Row, Scene, copying, line, row, succeeds};
use super::stage::{Sizes, Stage};

/// Fills the guard `login`: failures of different users from different addresses, users with a known
/// network, and as many bans as a guard may hold.
fn fill(stage: &Stage, subjects: usize) {
    let words = |line: String| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let ip = |n: usize| format!("{}.{}.{}.{}", 11 + n / (1 << 24), n >> 16 & 255, n >> 8 & 255, n & 255);
    stage.fill(subjects, |n| words(format!("LW.EVENT login failure IP {} USER user{n}", ip(n))));
    stage.fill(subjects, |n| words(format!("LW.EVENT login success IP {} USER known{n}", ip(n))));
    stage.fill(subjects.min(9000), |n| {
        words(format!("LW.BAN login IP 198.{}.{}.0/24 FOR 1d", n / 256, n % 256))
    });
}

pub fn guards() -> Scene {
    let prepare = |sizes: &Sizes| {
        let stage = Stage::start(Server::builder().config("lockwatch.guard-learn 0"));
        fill(&stage, sizes.subjects);
        stage
    };
    Scene { name: "a guard with as much as it may hold", prepare, rows: rows() }
}

fn rows() -> Vec<Row> {
    vec![
        line("LW.ATTEMPT login IP 203.0.113.7 USER alice DEVICE d VALUE v"),
        line("LW.EVENT login failure IP 203.0.113.7 USER alice VALUE v"),
        row("LW.EVENT of 5000 users who fail from one address", |_, client| {
            let events: Vec<_> =
                (0..5000).map(|n| format!("LW.EVENT login failure IP 203.0.113.8 USER new{n}")).collect();
            let events: Vec<_> = events.iter().map(String::as_str).collect();
            client.run_all(&events).iter().for_each(succeeds);
        }),
        line("LW.EVENT login success IP 203.0.113.7 USER alice DEVICE d"),
        line("LW.EVENT login reset USER alice"),
        line("LW.CHECK login IP 203.0.113.8 USER alice KEY k"),
        line("LW.BAN login IP 203.0.0.0/16 FOR 1h REASON test BY me"),
        line("LW.ALLOW login USER alice FOR 1h"),
        line("LW.BANS login COUNT 1000"),
        line("LW.BANS login ALLOWED COUNT 1000"),
        line("LW.BANS login OBSERVED"),
        line("LW.WHY login IP 203.0.113.8"),
        line("LW.WHY login USER user7"),
        line("LW.LIFT login USER user7 FORGET"),
        line("LW.LIFT login IP 203.0.113.8"),
        line("LW.LIFT login IP 203.0.0.0/8"),
        line("LW.LIFT login HASH 0123456789abcdef"),
        line("LW.INSPECT login"),
        line("COPY login login:2"),
        line("LW.EVENT login:2 failure IP 203.0.113.9 USER alice"),
        line("MEMORY USAGE login:2 SAMPLES 0"),
        line("DEL login:2"),
        line("COPY login expired"),
        line("PEXPIRE expired 0"),
        copying("DUMP login", |_, client| succeeds(&client.run("DUMP login"))),
        row("BGSAVE", |stage, client| {
            succeeds(&client.run("BGSAVE"));
            stage.wait_for_children();
        }),
        row("LW.EVENT after all that was counted has ended", |_, client| {
            client.move_clock(40 * 86_400_000);
            succeeds(&client.run("LW.EVENT login failure IP 203.0.113.9 USER alice"));
            client.move_clock(0);
        }),
        line("INFO everything"),
        copying("LW.LIFT login ALL FORGET ALLOWED", |_, client| {
            succeeds(&client.run("LW.LIFT login ALL FORGET ALLOWED"));
        }),
        row("FLUSHALL SYNC", |stage, client| {
            fill(stage, 1000);
            succeeds(&client.run("FLUSHALL SYNC"));
        }),
    ]
}
