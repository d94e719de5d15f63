//! The options of `lockwatch web`, and which of them go together.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::access::site::Origin;

/// Serves a page for operators: what is limited, who is attacking, and whether alerts and
/// audit events arrive.
///
/// By default it listens on this machine only, and prints a link that works once and for 60
/// seconds. The link is exchanged for a session of at most 12 hours, which ends after an hour
/// without use. SIGUSR1 prints another link. With --auth-file people sign in by name and password.
///
/// To be reached from elsewhere it needs an --auth-file, and either --https-cert or --behind-proxy.
/// The page changes nothing unless --allow-actions is given.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// Address and port to listen on.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9700")]
    pub listen: SocketAddr,

    /// Lets visitors lift bans and revoke sessions (role support), and retry dead letters (admin).
    #[arg(long)]
    pub allow_actions: bool,

    /// File with the people who may sign in, one a line: NAME ROLE HASH. Roles are view, support
    /// and admin. Only its owner may have rights to it (chmod 600). Changes are noticed.
    #[arg(long, value_name = "FILE")]
    pub auth_file: Option<PathBuf>,

    /// PEM file with the certificate of the page, and those that lead to its root.
    #[arg(long, value_name = "FILE", requires = "https_key")]
    pub https_cert: Option<PathBuf>,

    /// PEM file with the key of that certificate. Both files are read again when they change.
    #[arg(long, value_name = "FILE", requires = "https_cert")]
    pub https_key: Option<PathBuf>,

    /// The address by which browsers reach the page, if it is not the one to listen on, such as
    /// https://ops.example.com:9700.
    #[arg(long, value_name = "URL", requires = "https_cert", conflicts_with = "behind_proxy")]
    pub origin: Option<Origin>,

    /// The address of the page at a reverse proxy that speaks HTTPS, such as
    /// https://ops.example.com. Nothing but the proxy may reach the port to listen on.
    #[arg(long, value_name = "URL", conflicts_with = "https_cert")]
    pub behind_proxy: Option<Origin>,

    /// Reads a password from standard input, prints a line for the auth file, and exits.
    #[arg(long, num_args = 2, value_names = ["NAME", "ROLE"])]
    pub hash_password: Option<Vec<String>>,
}

const AFTER: &str = "\
Examples:
  lockwatch web                             on this machine, by the link that it prints
  lockwatch web --hash-password dora support >> auth
  lockwatch web --listen 0.0.0.0:9700 --origin https://ops.example.com:9700 \\
    --https-cert cert.pem --https-key key.pem --auth-file auth --allow-actions";

impl Args {
    /// Refuses what would serve the page to other machines without protection.
    pub fn check(&self) -> Result<()> {
        let from_elsewhere = !self.listen.ip().is_loopback() || self.behind_proxy.is_some();
        if from_elsewhere && self.auth_file.is_none() {
            bail!("a page that other machines can reach needs --auth-file");
        }
        if !self.listen.ip().is_loopback() && self.https_cert.is_none() && self.behind_proxy.is_none() {
            bail!("to listen on {} needs --https-cert and --https-key, or --behind-proxy", self.listen);
        }
        if self.listen.ip().is_unspecified() && self.origin.is_none() && self.behind_proxy.is_none() {
            bail!("to listen on {} needs --origin, the address that browsers show", self.listen);
        }
        Ok(())
    }
}
