//! Faults of a server itself: memory, persistence, clock, load, and how the module was loaded.

use std::fs;
use std::time::Duration;

use lockwatch_test_support::{Server, wait_until};

use super::deployment::{Fault, Sound, assert_found, ok, sound};
use super::meddler::Meddler;
use super::report::doctor_at;

#[test]
fn faults_of_memory_and_persistence_are_found() {
    assert_found(&[
        Fault {
            name: "eviction of everything, with a guard",
            build: |builder| builder.config("maxmemory-policy allkeys-lru"),
            plant: |sound| ok(&mut sound.admin, "LW.BAN login USER eve FOR 1h"),
            expected: &[("error", "eviction"), ("warning", "no-webhook")],
        },
        Fault {
            name: "eviction of keys that expire",
            build: |builder| builder.config("maxmemory-policy volatile-ttl"),
            plant: |_| {},
            expected: &[("warning", "eviction")],
        },
        Fault {
            name: "no maxmemory",
            build: |builder| builder.config("maxmemory 0"),
            plant: |_| {},
            expected: &[("warning", "maxmemory")],
        },
        Fault {
            name: "memory nearly full",
            build: |builder| builder,
            plant: |sound| fill(sound, 93),
            expected: &[("warning", "memory")],
        },
        Fault {
            name: "memory full",
            build: |builder| builder,
            plant: |sound| fill(sound, 110),
            expected: &[("error", "memory")],
        },
        Fault {
            name: "no persistence",
            build: |builder| builder.config("appendonly no"),
            plant: |_| {},
            expected: &[("warning", "persistence")],
        },
        Fault {
            name: "RDB saves alone, with tokens",
            build: |builder| builder.config("appendonly no").config("save 3600 1"),
            plant: |sound| ok(&mut sound.admin, "LW.ISSUE auth alice"),
            expected: &[("warning", "persistence")],
        },
        Fault {
            name: "an AOF that is never flushed",
            build: |builder| builder.config("appendfsync no"),
            plant: |_| {},
            expected: &[("warning", "appendfsync")],
        },
        Fault {
            name: "a save that fails",
            build: |builder| builder.may_repeat("rename"),
            plant: fail_to_save,
            expected: &[("error", "last-save")],
        },
        Fault {
            name: "events, and no journal",
            build: |builder| builder.config("lockwatch.journal no"),
            plant: |sound| ok(&mut sound.admin, "LW.AUDIT USER alice"),
            expected: &[("warning", "journal")],
        },
    ]);
}

/// Sets maxmemory so that this share of it is in use.
fn fill(sound: &mut Sound, percent: i64) {
    // Much more than what a connection takes.
    ok(&mut sound.admin, "SETRANGE ballast 20000000 x");
    let used = sound.admin.info("memory").number("used_memory");
    ok(&mut sound.admin, &format!("CONFIG SET maxmemory {}", used * 100 / percent));
}

fn fail_to_save(sound: &mut Sound) {
    let path = sound.server.dir().join("dump.rdb");
    fs::create_dir(&path).unwrap();
    ok(&mut sound.admin, "BGSAVE");
    wait_until("the save has failed", || {
        sound.admin.info("persistence").text("rdb_last_bgsave_status") == "err"
    });
    fs::remove_dir(&path).unwrap();
}

#[test]
fn faults_of_the_module_and_the_load_are_found() {
    assert_found(&[
        Fault {
            name: "a panic",
            build: lockwatch_test_support::Builder::may_panic,
            plant: |sound| drop(sound.admin.run("LW.DEBUG PANIC")),
            expected: &[("warning", "panics")],
        },
        Fault {
            name: "no module",
            build: lockwatch_test_support::Builder::without_module,
            plant: |_| {},
            expected: &[("error", "module")],
        },
        Fault {
            name: "a second line that loads the module",
            build: |builder| builder,
            plant: |sound| {
                let path = sound.server.dir().join("redis.conf");
                let conf = fs::read_to_string(&path).unwrap();
                let line = conf.lines().find(|line| line.starts_with("loadmodule")).unwrap();
                fs::write(sound.server.dir().join("more.conf"), format!("{line}\n")).unwrap();
                fs::write(&path, format!("{conf}\ninclude more.conf\n")).unwrap();
            },
            expected: &[("error", "double-load")],
        },
        Fault {
            name: "a module that came from elsewhere, after CONFIG REWRITE",
            build: lockwatch_test_support::Builder::without_module,
            plant: |sound| {
                let path = sound.server.put_module();
                ok(&mut sound.admin, &format!("MODULE LOAD {path}"));
                sound.grant();
                ok(&mut sound.admin, "CONFIG REWRITE");
            },
            expected: &[("warning", "double-load")],
        },
        Fault {
            name: "hardly any room for clients",
            build: |builder| builder,
            plant: |sound| {
                // With the program's own they are 19 or 20.
                let clients = sound.admin.info("clients").number("connected_clients");
                sound.idle = (clients..18).map(|_| sound.server.client()).collect();
                wait_until("they are accepted", || {
                    sound.admin.info("clients").number("connected_clients") == 18
                });
                ok(&mut sound.admin, "CONFIG SET maxclients 20");
            },
            expected: &[("warning", "connections")],
        },
        Fault {
            name: "a clock that was set back",
            build: |builder| builder,
            plant: |sound| {
                ok(&mut sound.admin, "LW.DEBUG CLOCK 60000");
                ok(&mut sound.admin, "LW.ISSUE auth alice");
                ok(&mut sound.admin, "LW.DEBUG CLOCK 0");
            },
            expected: &[("warning", "clock-steps")],
        },
    ]);
}

#[test]
fn a_clock_that_is_wrong_is_found() {
    let sound = Sound::start();
    let meddler = Meddler::to(sound.server.address(), Duration::ZERO, |bytes| shift_time(bytes, -60));
    let report = doctor_at(&meddler.url(), &["--single"]);
    report.assert_is(&[("warning", "clock")]);
    assert!(
        report.seen("clock").contains("behind") && report.seen("clock").contains("59s")
            || report.seen("clock").contains("1m")
    );
}

/// Moves the seconds in answers of TIME.
fn shift_time(bytes: Vec<u8>, by: i64) -> Vec<u8> {
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let Some(rest) = text.strip_prefix("*2\r\n$10\r\n") else { return bytes };
    let Some(seconds) = rest.get(..10).and_then(|seconds| seconds.parse::<i64>().ok()) else { return bytes };
    format!("*2\r\n$10\r\n{}{}", seconds + by, &rest[10..]).into_bytes()
}

#[test]
fn a_slow_server_is_found() {
    let sound = Sound::start();
    let meddler = Meddler::to(sound.server.address(), Duration::from_millis(150), |bytes| bytes);
    doctor_at(&meddler.url(), &["--single"]).assert_is(&[("warning", "latency")]);
}

#[test]
fn a_server_that_does_not_answer_is_an_error() {
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    doctor_at(&format!("redis://{gone}"), &["--only", "reachable"]).assert_is(&[("error", "reachable")]);
    let sound = Sound::of(sound(Server::builder()).start());
    let login = Some(("doctor", "a wrong password"));
    let wrong = super::report::run_as(login, &sound.server.url(), &["--only", "reachable"]);
    wrong.assert_is(&[("error", "reachable")]);
    assert!(
        wrong.seen("reachable").contains("WRONGPASS") && !wrong.printed.contains("a wrong password"),
        "{}",
        wrong.printed
    );
}

#[test]
fn counters_that_grow_while_it_watches_are_found() {
    let mut sound = Sound::start();
    let url = sound.server.url();
    let admin = &mut sound.admin;
    let report = std::thread::scope(|scope| {
        let watching = scope.spawn(|| doctor_at(&url, &["--only", "growth", "--watch", "2s"]));
        while !watching.is_finished() {
            // Beyond maxmemory events are refused.
            ok(admin, "CONFIG SET maxmemory 100kb");
            assert!(admin.run("LW.AUDIT USER alice").is_error());
            std::thread::sleep(Duration::from_millis(20));
        }
        watching.join().unwrap()
    });
    report.assert_is(&[("error", "growth")]);
    assert!(report.seen("growth").contains("lockwatch_audit_refused_total has grown by"));
}
