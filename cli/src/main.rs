//! `lockwatch`, the program for operators of servers with the module. It speaks to Redis as a
//! client and to Postgres read-only, and repeats no logic of the module.
//!
//! - [`args`] is the command line.
//! - [`connect`] finds the nodes behind one address and calls them.
//! - [`reply`] reads replies, [`info`] what INFO says, [`sampler`] INFO of all nodes at once,
//!   [`sum`] adds numbers.
//! - [`database`] reads the audit log from Postgres.
//! - [`detached`] work goes on although its caller is gone.
//! - [`facts`] are the replies of the module's commands as types, merged over all nodes.
//! - [`finder`] finds the guards and token stores. [`background`] keeps such work running.
//! - [`signal`] are the signals that stop it.
//! - [`output`] prints, and [`connections`] bounds the connections of servers.
//! - [`text`] makes bytes of clients safe to print, [`quote`] safe to paste into redis-cli.
//! - [`doctor`], [`metrics`], [`top`], [`web`] and [`hunt`] are the subcommands; [`shell`] has the
//!   completions and the manual page.

#![deny(unsafe_code)]

mod args;
mod background;
mod connect;
mod connections;
mod database;
mod detached;
mod doctor;
mod facts;
mod finder;
mod hunt;
mod info;
mod metrics;
mod output;
mod quote;
mod reply;
mod sampler;
mod shell;
mod signal;
mod sum;
mod text;
mod top;
mod web;

use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser};

use args::{Cli, Command};

/// The exit code for a command that could not do its work. clap uses it for a wrong command line.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(code) => code,
        Err(why) => {
            output::complain(&text::printable(format!("{why:#}").as_bytes()));
            ExitCode::from(FAILED)
        }
    }
}

fn run(cli: &Cli) -> Result<ExitCode> {
    // One cryptography library for all TLS. Only a second call can fail.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let connection = &cli.connection;
    runtime.block_on(async {
        match &cli.command {
            Command::Doctor(args) => doctor::run(args, connection).await,
            Command::Metrics(args) => metrics::run(args, connection).await,
            Command::Top(args) => top::run(args, connection).await,
            Command::Web(args) => web::run(args, connection).await,
            Command::Hunt(args) => hunt::run(args, connection).await,
            Command::Completions(args) => shell::completions(args, Cli::command()),
            Command::Man(args) => shell::man(args, Cli::command()),
        }
    })
}
