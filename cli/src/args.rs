//! The command line: the subcommands and the options that all of them share.

use clap::{Parser, Subcommand};

use crate::connect::options::Options;
use crate::{doctor, hunt, metrics, shell, top, web};

/// Looks after Redis and Valkey servers with the module lockwatch.
///
/// It connects to one server and finds the others: the replicas of a primary, the nodes of a
/// cluster, or the servers that a Sentinel watches.
#[derive(Debug, Parser)]
#[command(name = "lockwatch", version, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub connection: Options,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Doctor(doctor::Args),
    Metrics(metrics::Args),
    Top(top::Args),
    Web(web::Args),
    Hunt(Box<hunt::Args>),
    Completions(shell::Completions),
    Man(shell::Man),
}
