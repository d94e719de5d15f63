//! Programs that refuse to run as root, which is what tests may run as.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::Command;

/// A command that runs `program` without root's privileges. If there are none to drop, it runs as it is.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let Some((uid, gid)) = someone_else() else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={uid}")).arg(format!("--regid={gid}")).arg("--clear-groups").arg(program);
    command
}

/// Gives a file or a directory to whom such a command runs as.
pub fn hand_over(path: &Path) {
    if let Some((uid, gid)) = someone_else() {
        chown(path, Some(uid), Some(gid)).expect("root may give a file away");
    }
}

/// Whom root becomes: `postgres` if there is one, else `nobody`.
fn someone_else() -> Option<(u32, u32)> {
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
