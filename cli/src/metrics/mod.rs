//! `lockwatch metrics`: what INFO of all servers says, for Prometheus.
//!
//! - [`source`] samples the servers, at most once in five seconds.
//! - [`family`] makes metrics of single fields; [`tables`] lists those of [`limits`], [`guards`],
//!   [`tokens`], [`deliveries`] and [`server`].
//! - [`lists`] makes metrics of lines such as those of policies, [`endpoints`] of those of webhook
//!   endpoints, [`nodes`] of what the program itself knows of a server.
//! - [`known`] finds the fields of which no metric is made.
//! - [`metric`] is a metric, and writes both text formats.
//! - [`absent`] remembers servers that are gone.
//! - [`http`] serves them, [`accept`] chooses the format, [`watch`] says what to log.

mod absent;
mod accept;
mod answers;
mod deliveries;
mod endpoints;
mod family;
mod guards;
mod http;
mod known;
mod limits;
mod lists;
mod log;
mod metric;
mod nodes;
mod server;
mod source;
mod tables;
mod tokens;
mod watch;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::net::TcpListener;

use crate::connect::fleet::Fleet;
use crate::connect::options::Options;
use crate::output;
use crate::signal::Stop;

use metric::Format;
use source::Source;

/// Serves metrics for Prometheus.
///
/// One program serves the metrics of all servers: give it the address of any of them. They are at
/// the path /metrics. /healthz answers as long as the program runs, whether Redis does or not.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Address and port to listen at.
    ///
    /// The metrics hold no secret, no key, no user and no address of a client, but they tell how
    /// busy the servers are. There is no TLS and no password: where others can reach the port, put
    /// a firewall or a proxy before it.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9600")]
    listen: SocketAddr,

    /// Prints the metrics once and ends.
    #[arg(long, conflicts_with = "listen")]
    once: bool,

    /// Prints them in the format OpenMetrics instead of that of Prometheus.
    #[arg(long, requires = "once")]
    openmetrics: bool,
}

pub async fn run(args: &Args, connection: &Options) -> Result<ExitCode> {
    if args.once {
        let format = if args.openmetrics { Format::OpenMetrics } else { Format::Prometheus };
        let source = Source::new(Fleet::connect(connection).await?);
        output::print(source.text(format).await?.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let fleet = Fleet::connect_or_wait(connection).await?;
    let mut stop = Stop::listen()?;
    let listener =
        TcpListener::bind(args.listen).await.with_context(|| format!("can't listen at {}", args.listen))?;
    // With port 0 the system chooses one.
    log::line(&format!("the metrics are at http://{}/metrics", listener.local_addr()?));
    let source = Arc::new(Source::new(fleet));
    // Logs which servers there are before anybody asks for metrics.
    let first = Arc::clone(&source);
    tokio::spawn(async move {
        let (sample, _) = first.sample().await;
        log::line(&format!("found {}", nodes::summary(&sample)));
    });
    http::serve(listener, source, &mut stop).await;
    log::line("stopped by a signal");
    Ok(ExitCode::SUCCESS)
}
