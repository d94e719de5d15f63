//! `lockwatch top`.

use std::process::ExitCode;

use anyhow::Result;

use crate::connect::options::Options;

/// Shows live in the terminal what is limited and who attacks.
#[derive(Debug, clap::Args)]
pub struct Args {}

pub async fn run(_args: &Args, connection: &Options) -> Result<ExitCode> {
    crate::connect::fleet::Fleet::connect(connection).await?;
    anyhow::bail!("not written yet")
}
