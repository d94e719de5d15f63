//! Runs programs that refuse to run as root, for tests that do run as root.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::Command;

/// Returns a command that runs `program` as an unprivileged user if the tests run as root.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let Some((uid, gid)) = unprivileged_user() else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={uid}")).arg(format!("--regid={gid}")).arg("--clear-groups").arg(program);
    command
}

/// Makes the unprivileged user the owner of a file or directory.
pub fn hand_over(path: &Path) {
    if let Some((uid, gid)) = unprivileged_user() {
        chown(path, Some(uid), Some(gid)).expect("root may give a file away");
    }
}

/// The user and group that replace root: those of `postgres` if it exists, else of `nobody`.
fn unprivileged_user() -> Option<(u32, u32)> {
    let is_root = fs::metadata("/proc/self").expect("/proc is there").uid() == 0;
    if !is_root {
        return None;
    }
    let passwd = fs::read_to_string("/etc/passwd").expect("/etc/passwd can be read");
    let ids = |name: &str| {
        let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2).map(|field| field.parse().ok());
        Some((fields.next()??, fields.next()??))
    };
    Some(ids("postgres").or_else(|| ids("nobody")).expect("there is a user without privileges"))
}
