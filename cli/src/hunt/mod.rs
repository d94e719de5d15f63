//! `lockwatch hunt`.

use std::process::ExitCode;

use anyhow::Result;

use crate::connect::options::Options;

/// Searches the audit log for subjects that behave strangely.
#[derive(Debug, clap::Args)]
pub struct Args {}

pub async fn run(_args: &Args, _connection: &Options) -> Result<ExitCode> {
    anyhow::bail!("not written yet")
}
