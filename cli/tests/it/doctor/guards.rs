//! Faults of guards and limits.

use super::deployment::{Fault, Sound, assert_found, ok};

#[test]
fn faults_of_guards_are_found() {
    assert_found(&[
        Fault {
            name: "guards that only observe",
            build: |builder| builder.config("lockwatch.guard-mode observe"),
            plant: |_| {},
            expected: &[("warning", "guard-mode")],
        },
        Fault {
            name: "an application that forgets to report outcomes",
            build: |builder| builder,
            plant: |sound| {
                for n in 0..120 {
                    ok(&mut sound.admin, &format!("LW.ATTEMPT login IP 203.0.{n}.9 USER user{n}"));
                }
            },
            expected: &[("warning", "outcomes")],
        },
        Fault {
            name: "a guard that was deleted",
            build: |builder| builder,
            plant: |sound| {
                ok(&mut sound.admin, "LW.ATTEMPT login IP 203.0.113.9 USER alice");
                ok(&mut sound.admin, "DEL login");
                lockwatch_test_support::wait_until("it is noticed", || {
                    sound.admin.alert_info("raised_total") > 0
                });
            },
            expected: &[("warning", "guard-alerts"), ("warning", "no-webhook")],
        },
        Fault {
            name: "subjects that were not counted for want of memory",
            build: |builder| builder,
            plant: |sound| {
                ok(&mut sound.admin, "LW.ATTEMPT login IP 203.0.113.9 USER alice");
                ok(&mut sound.admin, "CONFIG SET maxmemory 100kb");
                ok(&mut sound.admin, "LW.ATTEMPT login IP 203.0.113.10 USER bob");
                ok(&mut sound.admin, "CONFIG SET maxmemory 512mb");
            },
            expected: &[("warning", "guard-refused")],
        },
        Fault {
            name: "nearly as many bans as there can be",
            build: |builder| builder.config("lockwatch.guard-max-bytes 1gb"),
            plant: |sound| {
                many(sound, 8500, |n| format!("LW.BAN login IP 203.{}.{}.9 FOR 1h", n / 250, n % 250))
            },
            expected: &[("warning", "guard-size"), ("warning", "no-webhook")],
        },
        Fault {
            name: "a guard that is nearly full",
            build: |builder| builder.config("lockwatch.guard-max-bytes 1mb"),
            plant: |sound| {
                many(sound, 3000, |n| {
                    format!("LW.ATTEMPT login IP 203.{}.{}.9 USER user{n}", n / 250, n % 250)
                });
                many(sound, 3000, |n| {
                    format!("LW.EVENT login success IP 203.{}.{}.9 USER user{n}", n / 250, n % 250)
                });
                many(sound, 3000, |n| {
                    format!("LW.ATTEMPT login IP 198.{}.{}.9 USER other{n}", n / 250, n % 250)
                });
                many(sound, 3000, |n| {
                    format!("LW.EVENT login failure IP 198.{}.{}.9 USER other{n}", n / 250, n % 250)
                });
            },
            expected: &[("warning", "guard-size")],
        },
    ]);
}

#[test]
fn faults_of_limits_are_found() {
    assert_found(&[
        Fault {
            name: "nearly as many policies as there can be",
            build: |builder| builder,
            plant: |sound| many(sound, 950, |n| format!("LW.POLICY SET p{n} 5 1m")),
            expected: &[("warning", "policy-count")],
        },
        Fault {
            name: "most calls are denied",
            build: |builder| builder,
            plant: |sound| many(sound, 1500, |_| "LW.RATELIMIT k 1 1h".to_owned()),
            expected: &[("note", "denied-calls")],
        },
        Fault {
            name: "leases that nobody releases",
            build: |builder| builder,
            plant: |sound| {
                many(sound, 200, |n| format!("LW.ACQUIRE k{n} 1 10ms"));
                many(sound, 200, |n| format!("DEL k{n}"));
            },
            expected: &[("note", "leases")],
        },
    ]);
}

/// Runs many calls in one pipeline.
#[track_caller]
fn many(sound: &mut Sound, count: usize, line: impl Fn(usize) -> String) {
    let calls: Vec<Vec<String>> =
        (0..count).map(|n| line(n).split(' ').map(str::to_owned).collect()).collect();
    let answers = sound.admin.pipeline(&calls);
    assert!(
        answers.iter().all(|answer| !answer.is_error()),
        "{:?}",
        answers.iter().find(|answer| answer.is_error())
    );
}
