//! Faults of users and rights.

use lockwatch_test_support::Server;

use super::deployment::{Fault, RIGHTS, Sound, assert_found, ok};
use super::report::{doctor_at, run_as};

#[test]
fn faults_of_users_are_found() {
    assert_found(&[
        Fault {
            name: "a default user without a password",
            build: |builder| builder,
            plant: |sound| ok(&mut sound.admin, "ACL SETUSER default nopass"),
            expected: &[("warning", "default-user")],
        },
        Fault {
            // A leading - lets the server start although the address is not this machine's.
            name: "a server without a password that listens outside",
            build: |builder| builder.config("protected-mode no").config("bind 127.0.0.1 -192.0.2.7"),
            plant: |sound| ok(&mut sound.admin, "ACL SETUSER default nopass"),
            expected: &[("error", "exposed"), ("warning", "default-user")],
        },
        Fault {
            name: "an application that may ban",
            build: |builder| builder,
            plant: |sound| ok(&mut sound.admin, "ACL SETUSER app on >p ~login -@all +lw.attempt +lw.ban"),
            expected: &[("warning", "user-rights")],
        },
        Fault {
            name: "an application that may set directives",
            build: |builder| builder,
            plant: |sound| ok(&mut sound.admin, "ACL SETUSER app on >p ~lw:* +@all"),
            expected: &[("error", "user-rights")],
        },
        Fault {
            name: "users as the guide has them",
            build: |builder| builder,
            plant: |sound| {
                for user in [
                    "root on >p ~* &* +@all",
                    "off off >p ~lw:* +@all",
                    "limiter on >p resetkeys ~lw:* +@connection -@dangerous +lw.ratelimit +lw.peek +lw.audit",
                    "guard on >p ~login ~login:* +@connection -@dangerous +lw.attempt +lw.event +lw.check",
                    "support on >p ~login ~login:* +@connection -@dangerous +lw.why +lw.bans +lw.lift",
                    "operator on >p +@connection -@dangerous +info +lw.alerts +lw.auditlog +config|get",
                ] {
                    ok(&mut sound.admin, &format!("ACL SETUSER {user}"));
                }
            },
            expected: &[],
        },
    ]);
}

#[test]
fn a_rule_for_an_internal_command_is_found_where_the_server_accepts_it() {
    let mut sound = Sound::start();
    // Redis 8 hides these commands.
    let accepted = !sound.admin.run("ACL SETUSER app on >p ~login -@all +lw._guard").is_error();
    let expected: &[_] = if accepted { &[("warning", "internal-commands")] } else { &[] };
    sound.doctor(&[]).assert_is(expected);
}

#[test]
fn each_missing_right_is_named_and_what_needs_it_is_skipped() {
    for right in RIGHTS.split_ascii_whitespace().filter(|right| *right != "+@connection") {
        let mut sound = Sound::start();
        ok(&mut sound.admin, "ACL SETUSER somebody on >p ~lw:* -@all +lw.ratelimit");
        let command = right.trim_start_matches('+');
        if right.starts_with("+cluster") {
            continue;
        }
        // Redis can't take a subcommand away from a user who has it alone.
        let rest: Vec<&str> = RIGHTS.split_ascii_whitespace().filter(|other| *other != right).collect();
        ok(&mut sound.admin, &format!("ACL SETUSER doctor -@all {}", rest.join(" ")));
        let report = sound.doctor(&[]);
        if right == "+info" {
            // Not even the other servers can be found.
            assert!(report.code == 2 && report.seen("own-rights").contains("+info"), "{}", report.printed);
            continue;
        }
        assert_eq!(report.code, 1, "{right}: {}", report.printed);
        assert!(report.seen("own-rights").contains(command), "{right}: {}", report.printed);
        let skipped = report.findings().into_iter().filter(|(level, ..)| level == "skipped");
        let skipped: Vec<_> = skipped.map(|(_, check, _)| check).collect();
        assert_eq!(skipped.is_empty(), right == "+acl|whoami", "{right}: {skipped:?}");
        let others = report
            .findings()
            .into_iter()
            .filter(|(level, check, _)| level != "skipped" && check != "own-rights");
        assert_eq!(others.collect::<Vec<_>>(), [], "{right}");
    }
}

#[test]
fn a_user_without_any_right_gets_a_report_of_what_is_missing() {
    let mut sound = Sound::start();
    ok(&mut sound.admin, "ACL SETUSER doctor -@all +hello +auth");
    let report = doctor_at(&sound.server.url(), &["--single"]);
    // Without INFO not even the topology can be asked.
    assert_ne!(report.code, 0, "{}", report.printed);
    assert!(report.printed.contains("+info") || report.printed.contains("INFO"), "{}", report.printed);
}

#[test]
fn no_output_contains_a_secret() {
    let mut sound = Sound::of(super::deployment::sound(Server::builder()).start());
    ok(&mut sound.admin, "ACL SETUSER app on >a-password-of-an-app ~lw:* +@all");
    ok(
        &mut sound.admin,
        "CONFIG SET lockwatch.webhook-urls https://hooks.example/T0/B0/a-secret-path?token=x1y2z3",
    );
    ok(&mut sound.admin, "LW.ALERT order 1");
    let report = sound.doctor(&[]);
    let plain = run_as(Some(("doctor", super::report::PASSWORD)), &sound.server.url(), &[]);
    for printed in [&report.printed, &plain.printed] {
        for secret in ["a-password-of", "a-secret-path", "x1y2z3", "#"] {
            assert!(!printed.contains(secret), "{secret}: {printed}");
        }
    }
}

#[test]
fn a_hostile_name_of_a_user_reaches_no_terminal_and_no_shell() {
    let mut sound = Sound::start();
    let name = "e\x1b[2J$(reboot)\u{202e}il";
    let rules = ["on", ">p", "~lw:*", "+@all"];
    let words = [&["ACL", "SETUSER", name][..], &rules].concat();
    assert!(!sound.admin.call(&words).is_error());
    let mut command = crate::program::lockwatch(["doctor", "--redis", &sound.server.url()]);
    let login = [("LOCKWATCH_REDIS_USER", "doctor"), ("LOCKWATCH_REDIS_PASSWORD", super::report::PASSWORD)];
    let output = crate::program::text(&command.envs(login).output().unwrap().stdout);
    assert!(output.contains("the user e\\x1b[2J$(reboot)\\u{202e}il"), "{output}");
    assert!(!output.contains(['\x1b', '\u{202e}']), "{output}");
    let copied = output.lines().find(|line| line.contains("ACL GETUSER")).unwrap();
    assert!(copied.contains(r"ACL GETUSER $'e\x1b") && !copied.contains("$("), "{copied}");
}
