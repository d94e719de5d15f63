//! The log, which is the standard error.

use crate::output;

pub fn line(line: &str) {
    output::complain(line);
}
