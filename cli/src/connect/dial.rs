//! Makes connections as the command line says: with these users, passwords and certificates.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, anyhow};
use lockwatch_common::file;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, ProtocolVersion,
    RedisConnectionInfo, TlsCertificates,
};

use super::failure::Failure;
use super::options::Options;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    Tcp { host: String, port: u16 },
    Unix(String),
}

impl Place {
    pub fn tcp(host: &str, port: u16) -> Self {
        Self::Tcp { host: host.to_owned(), port }
    }

    /// The host, by which a server that does not know its own address can be reached.
    pub fn host(&self) -> &str {
        match self {
            Self::Tcp { host, .. } => host,
            Self::Unix(_) => "127.0.0.1",
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => f.write_str(path),
        }
    }
}

/// A user and password.
#[derive(Clone, Default)]
struct Login {
    user: Option<String>,
    password: Option<String>,
}

/// How to reach any server of the deployment.
#[derive(Clone)]
pub struct Dial {
    pub seeds: Vec<Place>,
    login: Login,
    sentinel_login: Login,
    tls: Option<TlsCertificates>,
    pub(super) db: i64,
    pub timeout: Duration,
}

impl Dial {
    pub fn of(options: &Options) -> Result<Self> {
        let mut seeds = Vec::new();
        let mut login = Login::default();
        let (mut tls, mut db) = (false, 0);
        for url in &options.redis {
            // The error may not repeat the URL, which can hold a password.
            let info: ConnectionInfo = url.parse().map_err(|_| {
                anyhow!(
                    "an address can't be read: write redis://HOST:PORT, rediss://HOST:PORT or unix:///PATH"
                )
            })?;
            seeds.push(match info.addr {
                ConnectionAddr::Tcp(host, port) => Place::Tcp { host, port },
                ConnectionAddr::TcpTls { host, port, .. } => {
                    tls = true;
                    Place::Tcp { host, port }
                }
                ConnectionAddr::Unix(path) => Place::Unix(path.to_string_lossy().into_owned()),
            });
            login = Login {
                user: info.redis.username.or(login.user),
                password: info.redis.password.or(login.password),
            };
            db = info.redis.db;
        }
        login.user = options.user.clone().or(login.user);
        let from_environment = std::env::var("LOCKWATCH_REDIS_PASSWORD").ok();
        login.password = secret(options.password_file.as_deref())?.or(from_environment).or(login.password);
        let sentinel_login = Login {
            user: options.sentinel_user.clone(),
            password: secret(options.sentinel_password_file.as_deref())?,
        };
        let tls = if tls { Some(certificates(options)?) } else { None };
        Ok(Self { seeds, login, sentinel_login, tls, db, timeout: options.timeout })
    }

    /// Whether servers are sent a password without TLS.
    pub fn sends_plain_password(&self) -> bool {
        self.login.password.is_some() && self.tls.is_none()
    }

    /// Connects to a server.
    pub async fn connect(&self, place: &Place) -> Result<MultiplexedConnection, Failure> {
        self.connect_as(place, &self.login, self.db).await
    }

    /// Connects to a Sentinel.
    pub async fn connect_to_sentinel(&self, place: &Place) -> Result<MultiplexedConnection, Failure> {
        self.connect_as(place, &self.sentinel_login, 0).await
    }

    async fn connect_as(
        &self,
        place: &Place,
        login: &Login,
        db: i64,
    ) -> Result<MultiplexedConnection, Failure> {
        let redis = RedisConnectionInfo {
            db,
            username: login.user.clone(),
            password: login.password.clone(),
            protocol: ProtocolVersion::RESP3,
        };
        let addr = match place {
            Place::Unix(path) => ConnectionAddr::Unix(path.into()),
            Place::Tcp { host, port } if self.tls.is_none() => ConnectionAddr::Tcp(host.clone(), *port),
            Place::Tcp { host, port } => {
                ConnectionAddr::TcpTls { host: host.clone(), port: *port, insecure: false, tls_params: None }
            }
        };
        let info = ConnectionInfo { addr, redis };
        let client = match &self.tls {
            Some(tls) => Client::build_with_tls(info, tls.clone())?,
            None => Client::open(info)?,
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(self.timeout)
            .set_response_timeout(self.timeout);
        Ok(client.get_multiplexed_async_connection_with_config(&config).await?)
    }
}

/// Reads a password from a file: its first line.
fn secret(path: Option<&Path>) -> Result<Option<String>> {
    let Some(path) = path else { return Ok(None) };
    let bytes = read(path)?;
    let text =
        String::from_utf8(bytes).map_err(|_| anyhow!("{}: the password is not text", path.display()))?;
    let line = text.lines().next().unwrap_or_default().to_owned();
    if line.is_empty() { Err(anyhow!("{}: the first line is empty", path.display())) } else { Ok(Some(line)) }
}

fn certificates(options: &Options) -> Result<TlsCertificates> {
    let client_tls = match (&options.tls_cert, &options.tls_key) {
        (Some(cert), Some(key)) => Some(ClientTlsConfig { client_cert: read(cert)?, client_key: read(key)? }),
        _ => None,
    };
    let root_cert = options.tls_ca.as_deref().map(read).transpose()?;
    Ok(TlsCertificates { client_tls, root_cert })
}

fn read(path: &Path) -> Result<Vec<u8>> {
    /// A bundle of a system's certificates has a quarter of a megabyte.
    const MAX_BYTES: u64 = 4 << 20;
    file::read_regular(path.as_os_str().as_bytes(), MAX_BYTES)
        .map_err(|why| anyhow!("{}: {why}", path.display()))
}
