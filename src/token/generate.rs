//! Keys for who has configured none: a signing key and a refresh secret, made once, in the server's working directory.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::server::file::read_small;

use super::key::Key;
use super::secrets;

/// The file of the signing key, in the server's working directory.
pub const KEY_FILE: &str = "lockwatch-jwt-key.pem";
/// The file of the refresh secret.
pub const REFRESH_FILE: &str = "lockwatch-refresh-secret";

/// What was made.
#[derive(Clone, Default)]
pub struct Made {
    /// A signing key.
    pub key: Option<Arc<Key>>,
    /// A refresh secret.
    pub refresh: Option<hmac::Key>,
}

/// What an earlier run of the server made; nothing if it has made nothing. An error if there is a file that can't be used,
/// which is then left as it is.
pub fn load() -> Result<Made, String> {
    let key = read(KEY_FILE, Key::from_pem)?.map(Arc::new);
    let refresh = read(REFRESH_FILE, |bytes| {
        let secrets = secrets::parse(bytes)?;
        Ok(hmac::Key::new(hmac::HMAC_SHA256, secrets[0]))
    })?;
    Ok(Made { key, refresh })
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

/// What is to be made, unless it is there.
#[derive(Clone, Copy)]
pub struct Needs {
    /// A signing key.
    pub key: bool,
    /// A refresh secret.
    pub refresh: bool,
}

/// Makes what is needed and not there. It takes as long as finding two primes does: not on the main thread.
pub fn make(needs: Needs) -> Result<Made, String> {
    let mut made = load()?;
    if needs.key && made.key.is_none() {
        let pem = new_key().ok_or("no key can be made")?;
        made.key = Some(Arc::new(Key::from_pem(pem.as_bytes())?));
        write(KEY_FILE, &pem)?;
    }
    if needs.refresh && made.refresh.is_none() {
        let secret = new_secret().ok_or("no secret can be made")?;
        made.refresh = Some(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()));
        write(REFRESH_FILE, &format!("# Who has this can make refresh tokens.\n{secret}\n"))?;
    }
    Ok(made)
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

/// Writes a file that nobody else can read, as a whole or not at all, and never in the place of another.
fn write(name: &str, text: &str) -> Result<(), String> {
    let draft = format!("{name}.{}.tmp", std::process::id());
    let written = write_new(&draft, text)
        // Where there are no hard links it is written in its place, which may leave a part of it behind.
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
