//! `lockwatch top`: what is limited and who attacks, live in a terminal.
//!
//! - [`terminal`] is the only part that touches the terminal, [`fetch`] the only one that asks
//!   servers, apart from [`detail`], which explains one row.
//! - [`snapshot`] is what was fetched at one time, [`rates`] the difference of two, [`history`] all
//!   of them, [`activity`] the lines of the overview, [`problems`] what is wrong.
//! - [`events`] change the [`state`], [`keys`] says what each key does.
//! - [`panels`] make a [`table`] each. [`cell`] makes text harmless and of a known width.
//! - [`draw`] makes lines of all that and puts them where [`layout`] says, as [`theme`] says;
//!   [`once`] prints them.

mod activity;
mod cell;
mod detail;
mod draw;
mod events;
mod fetch;
mod history;
mod keys;
mod layout;
mod once;
mod panels;
mod problems;
mod rates;
#[cfg(test)]
mod sketch;
mod snapshot;
mod state;
mod table;
mod terminal;
#[cfg(test)]
mod tests;
mod theme;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;

use crate::connect::fleet::Fleet;
use crate::connect::options::Options;
use crate::output;
use fetch::Fetcher;

/// Shows live in the terminal what is limited and who attacks.
///
/// In one look: what is wrong, calls and denials a second, the keys that are denied most, bans,
/// queues and servers. Press ? for the keys. It needs a user who may call INFO, LW.TOP and, for
/// bans and the details of a row, LW.BANS, LW.WHY, LW.INSPECT, LW.PEEK, LW.POLICY and SCAN.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Time between two refreshes.
    ///
    /// In each, every server is asked for one INFO and one LW.TOP.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    interval: Duration,

    /// Prints everything once as plain text, after one interval, and exits. Needs no terminal.
    #[arg(long)]
    once: bool,

    /// With --once: rows of each list at most.
    #[arg(long, value_name = "N", default_value = "10", requires = "once")]
    rows: usize,

    /// With --once: columns of the text.
    #[arg(long, value_name = "N", default_value = "120", requires = "once",
        value_parser = clap::value_parser!(u16).range(60..=1000))]
    width: u16,

    /// Key of a guard whose bans are shown.
    ///
    /// May be given several times. The others are found by SCAN in the background.
    #[arg(long, value_name = "KEY")]
    guard: Vec<String>,
}

fn interval(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|why| format!("{why} (write 500ms, 2s or 1m)"))?;
    let range = Duration::from_millis(100)..=Duration::from_secs(3600);
    if range.contains(&time) { Ok(time) } else { Err("must be 100ms to 1h".into()) }
}

pub async fn run(args: &Args, connection: &Options) -> Result<ExitCode> {
    let guards = args.guard.iter().map(|guard| guard.clone().into_bytes()).collect();
    if args.once {
        let mut fetcher = Fetcher::new(Fleet::connect(connection).await?, args.interval, guards);
        let snapshots = once::fetch(&mut fetcher, args.interval).await;
        output::print(once::print(snapshots, args.interval, args.rows, args.width).as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    terminal::check()?;
    let fetcher = Fetcher::new(Fleet::connect_or_wait(connection).await?, args.interval, guards);
    terminal::run(fetcher, args.interval).await
}
