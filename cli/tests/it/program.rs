//! Runs the program.

use std::process::{Command, Output};

/// The program with these arguments, and without the environment's settings.
pub fn lockwatch<'a>(args: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockwatch"));
    command.args(args);
    for name in
        ["LOCKWATCH_REDIS_URL", "LOCKWATCH_REDIS_USER", "LOCKWATCH_REDIS_PASSWORD", "LOCKWATCH_DATABASE_URL"]
    {
        command.env_remove(name);
    }
    command
}

/// Runs the program to its end.
#[track_caller]
pub fn run<'a>(args: impl IntoIterator<Item = &'a str>) -> Output {
    lockwatch(args).output().expect("the program can be run")
}

/// What a program printed.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the program prints UTF-8")
}
