//! `lockwatch hunt`: finds the strangest users and addresses of the last days in the audit log.
//!
//! - [`options`] is the command line, [`log`] reads events from Postgres.
//! - [`event`] is one of them. [`census`] adds it to the [`subject`]s that it is about, in the
//!   bounded memory of [`sketch`].
//! - [`features`] says by what subjects are compared, [`forest`] how strange a point is among
//!   others, [`score`] ranks the subjects and says why.
//! - [`findings`] puts it together, [`standing`] asks the servers who is allowed or denied already.
//! - [`report`] prints, [`alerts`] raises alerts, [`name`] writes who it is.

mod alerts;
mod census;
mod event;
mod features;
mod findings;
mod forest;
mod log;
mod name;
mod options;
mod random;
mod report;
mod score;
mod sketch;
mod standing;
mod subject;
#[cfg(test)]
mod traffic;
#[cfg(test)]
mod trial;

use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};

use crate::connect::options::Options;
use crate::output;
use crate::text::printable;
use census::{Bounds, Census};
use findings::{Findings, Ranking, is_in};
pub use options::Args;
use report::Report;
use standing::Standing;

pub async fn run(args: &Args, connection: &Options) -> Result<ExitCode> {
    let range = args.range()?;
    let target = args.database.target()?.ok_or_else(|| {
        anyhow!(
            "no database is named: give --database-url-file, or LOCKWATCH_DATABASE_URL in the environment"
        )
    })?;
    let (standing, mut excluded) = servers(args, connection).await?;
    excluded.extend(&args.exclude);
    let mut census =
        Census::new(Bounds { subjects: args.max_subjects as usize, least_calls: args.min_calls });
    let query = log::Query {
        from_ms: range.0,
        to_ms: range.1,
        agent_field: &args.agent_field,
        timeout: args.query_timeout,
    };
    log::read(&target, &query, |event| {
        let is_excluded = event.ip.is_some_and(|ip| is_in(&excluded, ip));
        census.add(event, is_excluded);
    })
    .await?;
    let mut findings = Findings::of(&census, args);
    for ranking in findings.rankings_mut() {
        settle(ranking, standing.as_ref(), usize::from(args.top)).await;
    }
    let alerts = match &standing {
        Some(standing) if args.alert => {
            Some(alerts::raise(&findings, standing, &args.guard, args.alert_score).await?)
        }
        _ => None,
    };
    let (guard, store) = (args.guard.as_str(), args.store.as_str());
    print(args, &Report { range, totals: &census.totals, findings: &findings, guard, store, alerts })?;
    Ok(ExitCode::SUCCESS)
}

/// The servers, and the addresses that they say are never banned. Without servers a log can still
/// be read, unless an alert is to be raised.
async fn servers(args: &Args, connection: &Options) -> Result<(Option<Standing>, Vec<ipnet::IpNet>)> {
    if args.no_redis {
        return Ok((None, Vec::new()));
    }
    let asked = async {
        let standing = Standing::connect(connection, &args.guard).await?;
        let left_out = standing.left_out().await?;
        Ok::<_, anyhow::Error>((standing, left_out))
    };
    match asked.await {
        Ok((standing, left_out)) => Ok((Some(standing), left_out)),
        Err(why) if args.alert => Err(why).context("alerts need a server"),
        Err(why) => {
            let why = printable(format!("{why:#}").as_bytes());
            output::complain(&format!("allowed and never banned addresses are not left out: {why}"));
            Ok((None, Vec::new()))
        }
    }
}

/// Keeps the first `top` that are not allowed, and notes what the guard says about each.
async fn settle(ranking: &mut Ranking, mut standing: Option<&Standing>, top: usize) {
    let mut kept = Vec::new();
    for mut strange in std::mem::take(&mut ranking.strangest) {
        if kept.len() == top {
            break;
        }
        if let Some(server) = standing {
            match server.of(&strange.name).await {
                Ok((true, _)) => continue,
                Ok((false, now)) => strange.standing = now,
                Err(why) => {
                    let why = format!("what the guard says about those found is not shown: {why}");
                    output::complain(&why);
                    standing = None;
                }
            }
        }
        kept.push(strange);
    }
    ranking.strangest = kept;
}

fn print(args: &Args, report: &Report) -> Result<()> {
    let is_bold = output::has_colours();
    let text = match args {
        Args { json: true, .. } => format!("{:#}\n", report.json()),
        Args { quiet: true, .. } => format!("{}\n", report.line()),
        _ => format!("{}{}\n", report.text(is_bold), report.line()),
    };
    output::print(text.as_bytes()).context("the report can't be printed")
}
