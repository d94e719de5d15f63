//! The options by which every subcommand finds its servers.

use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Connection")]
pub struct Options {
    /// Address of a server, of any node of a cluster, or of a Sentinel.
    ///
    /// redis://HOST:PORT, rediss://HOST:PORT for TLS, or unix:///PATH. May be given several times:
    /// the first that answers is asked for the others.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "LOCKWATCH_REDIS_URL",
        hide_env_values = true,
        default_value = "redis://127.0.0.1:6379",
        value_delimiter = ' '
    )]
    pub redis: Vec<String>,

    /// User to authenticate as.
    #[arg(long, global = true, value_name = "NAME", env = "LOCKWATCH_REDIS_USER")]
    pub user: Option<String>,

    /// File with the user's password. LOCKWATCH_REDIS_PASSWORD may hold the password instead.
    #[arg(long, global = true, value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// The addresses are those of Sentinels, and this is the name of the primary that they watch.
    #[arg(long, global = true, value_name = "NAME")]
    pub sentinel: Option<String>,

    /// User to authenticate as at the Sentinels.
    #[arg(long, global = true, value_name = "NAME", hide_short_help = true)]
    pub sentinel_user: Option<String>,

    /// File with the password for the Sentinels.
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub sentinel_password_file: Option<PathBuf>,

    /// Asks this server alone, and does not look for replicas or other nodes.
    #[arg(long, global = true)]
    pub single: bool,

    /// PEM file with the certificates that may sign a server's, in place of those of the system.
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub tls_ca: Option<PathBuf>,

    /// PEM file with the program's own certificate, for servers that ask for one.
    #[arg(long, global = true, value_name = "FILE", requires = "tls_key", hide_short_help = true)]
    pub tls_cert: Option<PathBuf>,

    /// PEM file with the key of that certificate.
    #[arg(long, global = true, value_name = "FILE", requires = "tls_cert", hide_short_help = true)]
    pub tls_key: Option<PathBuf>,

    /// How long to wait for a server's answer.
    #[arg(long, global = true, value_name = "TIME", default_value = "2s", value_parser = timeout)]
    pub timeout: Duration,
}

fn timeout(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|why| format!("{why} (write 500ms, 2s or 1m)"))?;
    let range = Duration::from_millis(50)..=Duration::from_secs(60);
    if range.contains(&time) { Ok(time) } else { Err("must be 50ms to 60s".into()) }
}
