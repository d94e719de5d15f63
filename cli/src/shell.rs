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
    let mut program = with_all_texts(program.disable_help_subcommand(true));
    program.build();
    let Some(dir) = &args.dir else {
        output::print(page(&program)?.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    };
    for command in [&program].into_iter().chain(program.get_subcommands()) {
        let name = clap_mangen::Man::new(command.clone()).get_filename();
        std::fs::write(dir.join(name), page(command)?)
            .with_context(|| format!("can't write into {}", dir.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The manual page leaves out the texts that the short help hides.
fn with_all_texts(command: Command) -> Command {
    command.mut_args(|arg| arg.hide_short_help(false)).mut_subcommands(with_all_texts)
}

/// The page of a command, with its usage in place of a list of all options without their values.
fn page(command: &Command) -> Result<String> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    let page = String::from_utf8(page).context("the manual page is not UTF-8")?;
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").replace('-', "\\-");
    let mut lines = Vec::new();
    for line in page.lines() {
        let is_synopsis = lines.last() == Some(&".SH SYNOPSIS");
        lines.push(if is_synopsis { usage.as_str() } else { line });
    }
    Ok(lines.join("\n") + "\n")
}
