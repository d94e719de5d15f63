//! What the command line says about itself to a shell and to `man`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Command;
use clap_complete::Shell;

use crate::output;

/// Prints the completions for a shell.
///
/// For bash: lockwatch completions bash > /etc/bash_completion.d/lockwatch
#[derive(Debug, clap::Args)]
pub struct Completions {
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the manual page, or writes one page for each subcommand.
#[derive(Debug, clap::Args)]
pub struct Man {
    /// Writes the pages into this directory instead of printing the first.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub fn completions(args: &Completions, mut program: Command) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, "lockwatch", &mut script);
    output::print(&script)?;
    Ok(ExitCode::SUCCESS)
}

pub fn man(args: &Man, program: Command) -> Result<ExitCode> {
    match &args.dir {
        Some(dir) => clap_mangen::generate_to(program, dir)
            .with_context(|| format!("can't write into {}", dir.display()))?,
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(program).render(&mut page)?;
            output::print(&page)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
