//! `lockwatch doctor`: looks for faults in servers and in the audit log's database.
//!
//! - [`collect`] and [`database`] ask for all facts ([`facts`], [`users`], [`host`]), each
//!   [`asked`].
//! - [`checks`] has the checks, each of which reads the facts and returns findings ([`finding`]);
//!   [`check`] runs them.
//! - [`text`] and [`json`] print the result.

mod asked;
mod check;
mod checks;
mod collect;
mod database;
mod facts;
mod finding;
mod host;
mod json;
mod remedy;
mod text;
mod time;
mod users;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use futures_util::future::join_all;

use self::check::{Check, Checked};
use self::facts::{DatabaseFacts, Facts};
use self::finding::Level;
use self::remedy::Shell;
use crate::connect::fleet::Fleet;
use crate::connect::node::Node;
use crate::connect::options::Options;
use crate::output;

/// Checks servers, and says what is wrong and what to do.
///
/// It changes nothing. The exit code is 0 when all is well, 1 with warnings, and 2 with errors,
/// also when no server can be reached.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Prints the result as JSON.
    #[arg(long)]
    json: bool,

    /// Prints the checks and what they look at, and connects to nothing.
    #[arg(long)]
    list: bool,

    /// Runs these checks only.
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = known)]
    only: Vec<String>,

    /// Leaves these checks out.
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = known)]
    skip: Vec<String>,

    /// Looks a second time after this long, and reports the counters of faults that have grown.
    #[arg(long, value_name = "TIME", value_parser = watch)]
    watch: Option<Duration>,

    #[command(flatten)]
    database: crate::database::Options,
}

fn known(name: &str) -> Result<String, String> {
    let names: Vec<&str> = checks::all().map(|check| check.name).collect();
    if names.contains(&name) {
        return Ok(name.to_owned());
    }
    match lockwatch_common::nearest::nearest(name, &names) {
        Some(near) => Err(format!("there is no such check, did you mean {near}?")),
        None => Err("there is no such check: see --list".into()),
    }
}

fn watch(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|why| format!("{why} (write 10s or 1m)"))?;
    let range = Duration::from_secs(1)..=Duration::from_secs(3600);
    if range.contains(&time) { Ok(time) } else { Err("must be 1s to 1h".into()) }
}

pub async fn run(args: &Args, connection: &Options) -> Result<ExitCode> {
    let chosen: Vec<&'static Check> = checks::all().filter(|check| args.chooses(check.name)).collect();
    if chosen.is_empty() {
        bail!("no check is left");
    }
    let mut out = Vec::new();
    if args.list {
        if args.json {
            json::list(&mut out, &chosen)?
        } else {
            text::list(&mut out, &chosen)?
        };
        return print(&out, ExitCode::SUCCESS);
    }
    let facts = collect(args, connection).await?;
    let checked = run_checks(args, &facts);
    let shell = Shell::of(connection);
    if args.json {
        json::report(&mut out, &facts, &checked, &shell)?;
    } else {
        text::report(&mut out, &facts, &checked, &shell, output::has_colours())?;
    }
    print(&out, ExitCode::from(exit_code(&checked)))
}

impl Args {
    fn chooses(&self, name: &str) -> bool {
        let named = |names: &[String]| names.iter().any(|it| it == name);
        (self.only.is_empty() || named(&self.only)) && !named(&self.skip)
    }
}

/// Runs the chosen checks, and reports servers that do not answer even if that was not chosen.
fn run_checks(args: &Args, facts: &Facts) -> Vec<Checked> {
    let checked = checks::all().filter_map(|check| {
        let chosen = args.chooses(check.name);
        let checked = (chosen || check.name == checks::REACHABLE).then(|| check::run(check, facts))?;
        (chosen || !checked.findings.is_empty()).then_some(checked)
    });
    checked.collect()
}

/// 2 with errors, 1 with warnings.
fn exit_code(checked: &[Checked]) -> u8 {
    match checked.iter().map(Checked::level).max() {
        Some(Level::Error) => 2,
        Some(Level::Warning) => 1,
        _ => 0,
    }
}

fn print(out: &[u8], code: ExitCode) -> Result<ExitCode> {
    output::print(out)?;
    Ok(code)
}

async fn collect(args: &Args, connection: &Options) -> Result<Facts> {
    let target = args.database.target()?;
    let fleet = Fleet::connect_or_wait(connection).await?;
    let members = fleet.members();
    let nodes: Vec<Arc<Node>> = members.iter().map(|member| Arc::clone(&member.node)).collect();
    let database = async {
        match &target {
            None => DatabaseFacts::NotAsked,
            Some(target) => match database::ask(target).await {
                Ok(database) => DatabaseFacts::Asked(Box::new(database)),
                Err(why) => DatabaseFacts::Failed(format!("{why:#}")),
            },
        }
    };
    let (nodes_facts, database) = tokio::join!(join_all(members.into_iter().map(collect::node)), database);
    let mut facts = Facts {
        kind: fleet.kind(),
        nodes: nodes_facts,
        failure: fleet.failure(),
        plain_password: fleet.sends_plain_password(),
        database,
    };
    if let Some(time) = args.watch {
        look_again(&mut facts, &nodes, time).await;
    }
    Ok(facts)
}

/// Asks for INFO once more, some time later.
async fn look_again(facts: &mut Facts, nodes: &[Arc<Node>], time: Duration) {
    let began = Instant::now();
    tokio::time::sleep(time).await;
    let later = join_all(nodes.iter().map(|node| collect::info(node))).await;
    for (node, info) in facts.nodes.iter_mut().zip(later) {
        if let Ok(answers) = &mut node.answers {
            let info = info.map_err(|why| facts::Missing::because(format!("INFO: {why}")));
            answers.later = Some((info, began.elapsed()));
        }
    }
}
