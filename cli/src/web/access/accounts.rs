//! The auth file: who may sign in.

use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, anyhow};
use lockwatch_common::file;

use super::name;
use super::password::Hash;
use super::secret::{self, Mark};
use crate::web::app::Role;
use crate::web::log;

pub struct Account {
    pub role: Role,
    pub hash: Hash,
    /// A digest of name and hash, by which a session notices another password.
    pub mark: Mark,
}

/// What the file says.
pub struct Table {
    accounts: HashMap<String, Account>,
    decoy: Hash,
}

impl Table {
    pub fn get(&self, name: &str) -> Option<&Account> {
        self.accounts.get(name)
    }

    /// What a password is compared with if there is no such name.
    pub fn decoy(&self) -> &Hash {
        &self.decoy
    }

    /// Errors say the line, and nothing of what is in it.
    fn parse(text: &str) -> Result<Self, String> {
        let mut accounts = HashMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, account) = parse_line(line).map_err(|why| format!("line {number}: {why}"))?;
            if accounts.insert(name, account).is_some() {
                return Err(format!("line {number}: this name was there before"));
            }
        }
        if accounts.is_empty() {
            return Err(
                "there is nobody in it: add a line with lockwatch web --hash-password NAME ROLE".into()
            );
        }
        let decoy = Hash::decoy(accounts.values().map(|account: &Account| &account.hash))?;
        Ok(Self { accounts, decoy })
    }
}

fn parse_line(line: &str) -> Result<(String, Account), String> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [name, role, hash] = words.as_slice() else { return Err("it must be NAME ROLE HASH".into()) };
    name::check(name)?;
    let role = Role::of(role).ok_or("the role must be view, support or admin")?;
    let mark = secret::mark(format!("{name} {hash}").as_bytes());
    Ok(((*name).to_owned(), Account { role, hash: Hash::parse(hash)?, mark }))
}

/// The file, which is read again when it changes. While it can't be used, nobody may sign in, and
/// those who have may see nothing.
pub struct Accounts {
    path: PathBuf,
    last: Mutex<(Stamp, Result<Arc<Table>, String>)>,
}

/// By what a change of a file is noticed.
type Stamp = Option<([u64; 3], [i64; 2], [i64; 2])>;

impl Accounts {
    /// Fails if the file can't be used.
    pub fn open(path: &Path) -> Result<Self> {
        let (stamp, table) = (stamp(path), read(path));
        if let Err(why) = &table {
            return Err(anyhow!("{}: {why}", path.display()));
        }
        Ok(Self { path: path.to_owned(), last: Mutex::new((stamp, table)) })
    }

    /// What the file says now.
    pub fn current(&self) -> Result<Arc<Table>, String> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamp(&self.path);
        if now != last.0 {
            let table = read(&self.path);
            match &table {
                Ok(_) => log::line("the auth file was read again"),
                Err(why) => log::line(&format!("nobody may see the page: the auth file: {why}")),
            }
            *last = (now, table);
        }
        last.1.clone()
    }
}

fn stamp(path: &Path) -> Stamp {
    let meta = std::fs::metadata(path).ok()?;
    let (modified, changed) = ([meta.mtime(), meta.mtime_nsec()], [meta.ctime(), meta.ctime_nsec()]);
    Some(([meta.dev(), meta.ino(), meta.size()], modified, changed))
}

fn read(path: &Path) -> Result<Arc<Table>, String> {
    let bytes = file::read_small(path.as_os_str().as_bytes())?;
    let meta = std::fs::metadata(path).map_err(|why| why.kind().to_string())?;
    if !is_private(&meta) {
        return Err("other users may read or change it: run chmod 600 on it".into());
    }
    let text = String::from_utf8(bytes).map_err(|_| "it is not text")?;
    Table::parse(&text).map(Arc::new)
}

fn is_private(meta: &Metadata) -> bool {
    meta.mode() & 0o077 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str =
        "$argon2id$v=19$m=7168,t=5,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    #[test]
    fn lines_are_a_name_a_role_and_a_hash() {
        let table =
            Table::parse(&format!("# people\n\ndora support {HASH}\nmax@example.com  admin {HASH}\n"));
        let table = table.map_err(|why| panic!("{why}")).unwrap();
        assert_eq!(table.get("dora").map(|account| account.role), Some(Role::Support));
        assert_eq!(table.get("max@example.com").map(|account| account.role), Some(Role::Admin));
        assert!(table.get("eve").is_none());
    }

    #[test]
    fn errors_name_the_line_and_show_nothing_of_it() {
        for (text, expected) in [
            (String::new(), "nobody"),
            ("# nobody\n".into(), "nobody"),
            (format!("# x\ndora {HASH}"), "line 2: it must be NAME ROLE HASH"),
            (format!("dora root {HASH}"), "line 1: the role"),
            (format!("d/ora view {HASH}"), "line 1: a name"),
            (format!("dora view {HASH}\ndora admin {HASH}"), "line 2: this name"),
            ("dora view hunter2".into(), "line 1: the hash"),
        ] {
            let why = Table::parse(&text).map(|_| ()).unwrap_err();
            assert!(
                why.contains(expected) && !why.contains("argon2id$") && !why.contains("hunter2"),
                "{why}"
            );
        }
    }
}
