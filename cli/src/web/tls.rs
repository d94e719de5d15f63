//! The certificate of the page.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, anyhow};
use lockwatch_common::file;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::log;

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(10);

/// Certificate and key, which are read again when the files change.
pub struct Tls {
    cert: PathBuf,
    key: PathBuf,
    last: Mutex<Last>,
}

struct Last {
    acceptor: TlsAcceptor,
    changed: [Option<SystemTime>; 2],
    looked: Instant,
}

impl Tls {
    pub fn open(cert: &Path, key: &Path) -> Result<Self> {
        if file::is_open_to_all(key.as_os_str().as_bytes()) {
            log::line("every user of this machine can read the key of the certificate");
        }
        let last =
            Last { acceptor: read(cert, key)?, changed: [cert, key].map(changed), looked: Instant::now() };
        Ok(Self { cert: cert.to_owned(), key: key.to_owned(), last: Mutex::new(last) })
    }

    /// With the certificate as it is now, or the last one that could be read.
    pub fn acceptor(&self) -> TlsAcceptor {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = [&*self.cert, &*self.key].map(changed);
        if last.looked.elapsed() >= EVERY && last.changed != now {
            match read(&self.cert, &self.key) {
                Ok(acceptor) => {
                    last.acceptor = acceptor;
                    log::line("the certificate was read again");
                }
                Err(why) => log::line(&format!("the certificate stays as it was: {why:#}")),
            }
            last.changed = now;
            last.looked = Instant::now();
        }
        last.acceptor.clone()
    }
}

fn changed(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}

fn read(cert: &Path, key: &Path) -> Result<TlsAcceptor> {
    let name = |path: &Path| path.display().to_string();
    let chain = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|_| anyhow!("no certificate can be read")).with_context(|| name(cert))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|_| anyhow!("no key can be read"));
    let private = private.with_context(|| name(key))?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .with_context(|| format!("{} and {}", name(cert), name(key)))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
