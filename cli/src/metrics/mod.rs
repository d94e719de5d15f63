//! `lockwatch metrics`.

use std::process::ExitCode;

use anyhow::Result;

use crate::connect::options::Options;

/// Serves metrics for Prometheus.
#[derive(Debug, clap::Args)]
pub struct Args {}

pub async fn run(_args: &Args, connection: &Options) -> Result<ExitCode> {
    crate::connect::fleet::Fleet::connect(connection).await?;
    anyhow::bail!("not written yet")
}
