//! What the program prints. That nobody reads it is no failure.

use std::io::{self, ErrorKind, IsTerminal, Write};

/// Writes to the standard output. A reader that has seen enough, such as `head`, is no failure.
pub fn print(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(why) if why.kind() != ErrorKind::BrokenPipe => Err(why),
        _ => Ok(()),
    }
}

/// Whether the standard output shows colours: it is a terminal, and `NO_COLOR` is not set.
pub fn has_colours() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Writes a line to the standard error, if that is possible.
pub fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "lockwatch: {line}");
}
