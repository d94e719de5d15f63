//! The command line itself.

use std::process::Stdio;

use crate::program::{lockwatch, run, text};

#[test]
fn every_subcommand_has_help_completions_and_a_manual_page() {
    let dir = tempfile::tempdir().unwrap();
    assert!(run(["man", "--dir", dir.path().to_str().unwrap()]).status.success());
    let bash = text(&run(["completions", "bash"]).stdout);
    for command in ["doctor", "metrics", "top", "web", "hunt"] {
        let help = run([command, "--help"]);
        assert!(help.status.success() && text(&help.stdout).contains("--redis"), "{command}");
        assert!(bash.contains(&format!("lockwatch__{command}")) || bash.contains(command), "{command}");
        let page = std::fs::read_to_string(dir.path().join(format!("lockwatch-{command}.1"))).unwrap();
        assert!(page.contains(&format!(".SH SYNOPSIS\nlockwatch {command} [OPTIONS]\n")), "{page}");
        let mut lines = page.lines().skip_while(|line| !line.contains(r"\-\-sentinel\-user"));
        assert!(lines.nth(1).is_some_and(|text| text.starts_with("User to authenticate as")), "{page}");
    }
}

#[test]
fn a_wrong_command_line_exits_with_2() {
    for args in [&["nonsense"][..], &["doctor", "--nonsense"], &["doctor", "--timeout", "1h"], &[]] {
        assert_eq!(run(args.iter().copied()).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn a_url_that_cannot_be_read_is_not_repeated() {
    let output = run(["doctor", "--redis", "redis:/:hunter2@host"]);
    assert_eq!(output.status.code(), Some(2));
    let error = text(&output.stderr);
    assert!(error.contains("redis://HOST:PORT") && !error.contains("hunter2"), "{error}");
}

#[test]
fn output_that_nobody_reads_is_no_failure() {
    for args in [&["man"][..], &["completions", "bash"]] {
        let mut child = lockwatch(args.iter().copied()).stdout(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{args:?}");
    }
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = lockwatch(["top", "--once", "--redis", "redis://127.0.0.1:1"]);
    assert_eq!(command.stderr(full).status().unwrap().code(), Some(2));
}
