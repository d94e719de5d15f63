//! Generates a signing key and a refresh secret, in the server's working directory, for servers
//! that have none configured.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use lockwatch_common::file::read_small;

use super::key::Key;
use super::secrets;

/// The file of the signing key, in the server's working directory.
pub(crate) const KEY_FILE: &str = "lockwatch-jwt-key.pem";
/// The file of the refresh secret.
pub(crate) const REFRESH_FILE: &str = "lockwatch-refresh-secret";

/// Keys in the server's working directory.
#[derive(Clone, Default)]
pub(crate) struct GeneratedKeys {
    pub key: Option<Arc<Key>>,
    pub refresh: Option<hmac::Key>,
}

/// Loads the keys that an earlier run of the server generated, if any. A file that can't be used is
/// an error, and is left as it is.
pub(crate) fn load() -> Result<GeneratedKeys, String> {
    let key = read(KEY_FILE, Key::from_pem)?.map(Arc::new);
    let refresh = read(REFRESH_FILE, |bytes| {
        let secrets = secrets::parse(bytes)?;
        Ok(hmac::Key::new(hmac::HMAC_SHA256, secrets[0]))
    })?;
    Ok(GeneratedKeys { key, refresh })
}

fn read<T>(name: &str, parse: impl FnOnce(&[u8]) -> Result<T, String>) -> Result<Option<T>, String> {
    match fs::symlink_metadata(name) {
        Err(why) if why.kind() == ErrorKind::NotFound => Ok(None),
        _ => {
            let usable = read_small(name.as_bytes()).and_then(|bytes| parse(&bytes));
            usable.map(Some).map_err(|why| format!("{name} in the working directory can't be used: {why}"))
        }
    }
}

/// Which keys to generate, unless their files exist.
#[derive(Clone, Copy)]
pub(crate) struct Needs {
    pub key: bool,
    pub refresh: bool,
}

/// Generates what is needed and has no file. Finding two primes takes some 100 ms, so this must not
/// run on the main thread.
pub(crate) fn generate(needs: Needs) -> Result<GeneratedKeys, String> {
    let mut keys = load()?;
    if needs.key && keys.key.is_none() {
        let pem = new_key().ok_or("no key can be made")?;
        keys.key = Some(Arc::new(Key::from_pem(pem.as_bytes())?));
        write(KEY_FILE, &pem)?;
    }
    if needs.refresh && keys.refresh.is_none() {
        let secret = new_secret().ok_or("no secret can be made")?;
        keys.refresh = Some(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()));
        write(REFRESH_FILE, &format!("# Who has this can make refresh tokens.\n{secret}\n"))?;
    }
    Ok(keys)
}

fn new_key() -> Option<String> {
    let pair = KeyPair::generate(KeySize::Rsa2048).ok()?;
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).ok()?;
    let text = BASE64_STANDARD.encode(der.as_ref());
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    Some(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n")))
}

fn new_secret() -> Option<String> {
    let mut bytes = [0; 48];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(BASE64_STANDARD.encode(bytes))
}

/// Writes a file with mode 0600, as a whole or not at all, and never over an existing one.
fn write(name: &str, text: &str) -> Result<(), String> {
    let draft = format!("{name}.{}.tmp", std::process::id());
    let written = write_new(&draft, text)
        // A file system without hard links gets a plain write, which a crash may leave incomplete.
        .and_then(|()| fs::hard_link(&draft, name).or_else(|why| without_links(why, name, text)))
        .and_then(|()| File::open(".")?.sync_all());
    let _ = fs::remove_file(&draft);
    written.map_err(|why| format!("{name} can't be written to the working directory: {}", why.kind()))
}

fn without_links(why: io::Error, name: &str, text: &str) -> io::Result<()> {
    if why.kind() == ErrorKind::AlreadyExists { Err(why) } else { write_new(name, text) }
}

fn write_new(name: &str, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(name)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
