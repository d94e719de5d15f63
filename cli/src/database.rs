//! The audit log in Postgres, read-only.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use lockwatch_common::file;
use lockwatch_common::postgres::target::Target;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::{Client, Config};

/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Audit log")]
pub struct Options {
    /// File with the URL of the audit log's database, as for the directive postgres-url-file.
    /// LOCKWATCH_DATABASE_URL may hold the URL instead.
    #[arg(long, value_name = "FILE")]
    pub database_url_file: Option<PathBuf>,
}

impl Options {
    /// The database that is named; `None` if none is.
    pub fn target(&self) -> Result<Option<Target>> {
        if let Some(path) = &self.database_url_file {
            let read = file::read_small(path.as_os_str().as_bytes()).and_then(|it| Target::parse_file(&it));
            return read.map(Some).map_err(|why| anyhow!("{}: {why}", path.display()));
        }
        let Some(url) = std::env::var_os("LOCKWATCH_DATABASE_URL") else { return Ok(None) };
        let url = url
            .to_str()
            .ok_or("it is not text")
            .and_then(|url| if url.is_empty() { Err("it is empty") } else { Ok(url) });
        url.map_err(str::to_owned)
            .and_then(Target::parse)
            .map(Some)
            .map_err(|why| anyhow!("LOCKWATCH_DATABASE_URL: {why}"))
    }
}

/// Connects to `target`. Statements that take longer than `limit` fail, and none may write: the
/// whole session is read-only. The connection ends when the client is dropped.
pub async fn connect(target: &Target, limit: Duration) -> Result<Client> {
    let mut config: Config = target.config().clone();
    // A standby will do.
    config.target_session_attrs(TargetSessionAttrs::Any).application_name("lockwatch program");
    let tls = target.tls().connector().map_err(|why| anyhow!(why))?;
    let connecting = tokio::time::timeout(CONNECT, config.connect(tls));
    let (client, connection) = match connecting.await {
        Ok(connected) => connected.with_context(|| format!("can't connect to {}", target.label()))?,
        Err(_) => bail!("no connection to {} within {CONNECT:?}", target.label()),
    };
    tokio::spawn(connection);
    let limits = format!(
        "SET default_transaction_read_only = on; SET statement_timeout = {}; SET lock_timeout = {}",
        limit.as_millis(),
        limit.as_millis()
    );
    client.batch_execute(&limits).await.context("the session can't be made read-only")?;
    Ok(client)
}
