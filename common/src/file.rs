//! Reads small files that directives name. This runs on the main thread, so it accepts regular
//! files only and never blocks.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::{ffi::OsStr, io};

pub const MAX_BYTES: u64 = 64 * 1024;

/// Reads the regular file at `path`, of at most [`MAX_BYTES`]. Errors do not contain its name.
pub fn read_small(path: &[u8]) -> Result<Vec<u8>, String> {
    read_regular(path, MAX_BYTES)
}

/// Like [`read_small`], with another limit. Large files belong on a worker.
pub fn read_regular(path: &[u8], most: u64) -> Result<Vec<u8>, String> {
    let path = Path::new(OsStr::from_bytes(path));
    let is_url = path.to_string_lossy().contains("://");
    let failed = |why: io::Error| {
        match why.kind() {
        io::ErrorKind::NotFound if is_url => {
            "this is a URL: write it to a file and give the file's path; if it holds a secret, SLOWLOG RESET, \
             because SLOWLOG may have recorded it"
                .to_owned()
        }
        io::ErrorKind::NotFound => "the file can't be read: there is none by that path".to_owned(),
        kind => format!("the file can't be read: {kind}"),
    }
    };
    // Opening a FIFO would wait for a writer, and a terminal could become the controlling one.
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    if !meta.is_file() {
        return Err("it is not a regular file".into());
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > most {
        return Err(format!("the file is larger than {most} bytes"));
    }
    Ok(bytes)
}

/// Whether every user of the machine may read the file at `path`.
pub fn is_open_to_all(path: &[u8]) -> bool {
    let meta = std::fs::metadata(Path::new(OsStr::from_bytes(path)));
    meta.is_ok_and(|meta| meta.permissions().mode() & 0o004 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_small_regular_files_are_read() {
        let dir = tempfile::tempdir().unwrap_or_else(|why| panic!("{why}"));
        let path = |name: &str| dir.path().join(name);
        let write = |name: &str, size: usize| {
            std::fs::write(path(name), vec![b'x'; size]).unwrap_or_else(|why| panic!("{why}"));
        };
        write("full", MAX_BYTES as usize);
        write("over", MAX_BYTES as usize + 1);
        let read = |name: &str| read_small(path(name).as_os_str().as_bytes());
        assert_eq!(read("full").map(|bytes| bytes.len()), Ok(MAX_BYTES as usize));
        assert!(read("over").is_err_and(|why| why.contains("larger")));
        assert!(read("none").is_err_and(|why| why.contains("can't be read")));
        assert!(read_small(dir.path().as_os_str().as_bytes()).is_err_and(|why| why.contains("regular")));
        assert!(read_small(b"/dev/null").is_err_and(|why| why.contains("regular")));
    }
}
