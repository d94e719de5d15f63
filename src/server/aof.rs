//! The state of the node in a rewritten AOF.
//!
//! A rewritten AOF starts with an RDB preamble, which holds the state as an RDB does
//! ([`super::node`]). Without the preamble (`aof-use-rdb-preamble no`) the server writes only
//! commands that restore keys. For that case, the child that has written them appends the commands
//! that restore the state. Only the child can do this safely: the main thread would stall while it
//! writes a large state, and may not write to the AOF at all during a pause of writes or a
//! failover, in which the rewrite may end.
//!
//! The server offers no function for this. These facts hold in Redis 7.0 to 8 and Valkey 8 and 9
//! (`rewriteAppendOnlyFile` and `startSaving` in their aof.c and rdb.c):
//!
//! - The child runs the event AOF_START before it writes, and ENDED after the file is complete,
//!   synced, closed and renamed to `temp-rewriteaof-bg-<pid>.aof` in the working directory.
//! - If the child then exits with a code other than 0, the rewrite has failed: the server removes
//!   that file, and the AOF before the rewrite stays in use.

use std::ffi::CStr;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::guard::guarded;
use super::log;
use super::node::{self, NodeEntry};

static STATES: OnceLock<&[NodeEntry]> = OnceLock::new();

/// Whether this process is a child that rewrites the AOF.
static REWRITES: AtomicBool = AtomicBool::new(false);

/// Sets the states that a rewritten AOF has to hold.
pub(super) fn set_states(states: &'static [NodeEntry]) {
    STATES.get_or_init(|| states);
}

/// A child of the server begins to rewrite the AOF.
pub(super) fn rewrite_began() {
    REWRITES.store(true, Ordering::Relaxed);
    node::forget_saving();
}

/// Writing an RDB or rewriting the AOF has ended without an error. Ends the process if the AOF
/// lacks the state and it can't be appended.
pub(super) fn saving_ended() {
    let rewrites = REWRITES.swap(false, Ordering::Relaxed);
    // An RDB preamble holds the state.
    if !rewrites || node::is_saved() {
        return;
    }
    let path = format!("temp-rewriteaof-bg-{}.aof", process::id());
    let why = match guarded(|| append_states(Path::new(&path))) {
        Some(Ok(())) => return,
        Some(Err(why)) => why.to_string(),
        None => "a panic".to_owned(),
    };
    log::warning(&format!(
        "the rewrite of the AOF fails, and the AOF before it stays in use: \
         alerts, audit events and policies can't be appended to {path}: {why}"
    ));
    // SAFETY: this process is a child of the server, which ends its children in the same way.
    unsafe { libc::_exit(1) };
}

fn append_states(path: &Path) -> io::Result<()> {
    let mut aof = None;
    let states = STATES.get().copied().unwrap_or_default();
    for state in states.iter().filter(|state| (state.is_saved)()) {
        append_state(state, &mut aof, path)?;
    }
    match aof {
        Some(file) => file.into_inner()?.sync_all(),
        None => Ok(()),
    }
}

/// Appends the effects that restore `state` to the file at `path`, which is opened for the first of
/// them.
fn append_state(state: &NodeEntry, aof: &mut Option<BufWriter<File>>, path: &Path) -> io::Result<()> {
    let mut result = Ok(());
    (state.save)(&mut |piece| {
        // An empty piece marks the end of the state in an RDB.
        if result.is_ok() && !piece.is_empty() {
            result = append(state.effect, piece, aof, path);
        }
    });
    result
}

/// Appends `command payload` as the server writes a command into an AOF.
fn append(command: &CStr, payload: &[u8], aof: &mut Option<BufWriter<File>>, path: &Path) -> io::Result<()> {
    let file = match aof {
        Some(file) => file,
        None => {
            let file = OpenOptions::new().append(true).custom_flags(libc::O_NOFOLLOW).open(path)?;
            aof.insert(BufWriter::new(file))
        }
    };
    let command = command.to_bytes();
    write!(file, "*2\r\n${}\r\n", command.len())?;
    file.write_all(command)?;
    write!(file, "\r\n${}\r\n", payload.len())?;
    file.write_all(payload)?;
    file.write_all(b"\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: NodeEntry = NodeEntry::for_test(c"LW._X", |write| {
        write(b"one\r\n");
        write(b"");
    });
    const EMPTY: NodeEntry = NodeEntry::for_test(c"LW._X", |_| {});

    #[test]
    fn pieces_become_commands_behind_what_the_file_holds() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "before").unwrap();
        let mut aof = None;
        for state in [&EMPTY, &STATE, &STATE] {
            append_state(state, &mut aof, file.path()).unwrap();
        }
        aof.unwrap().into_inner().unwrap();
        let command = "*2\r\n$5\r\nLW._X\r\n$5\r\none\r\n\r\n";
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), format!("before{command}{command}"));
    }

    #[test]
    fn a_file_that_is_missing_is_an_error_only_if_there_is_something_to_write() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("missing");
        assert!(append_state(&EMPTY, &mut None, &path).is_ok());
        let error = append_state(&STATE, &mut None, &path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(!path.exists());
    }
}
