//! The commands of guards, one file each.

pub(crate) mod apply;
pub(crate) mod arguments;
pub(crate) mod attempt;
pub(crate) mod ban;
pub(crate) mod bans;
pub(crate) mod check;
pub(crate) mod event;
pub(crate) mod lift;
pub(crate) mod reply;
pub(crate) mod rules;
pub(crate) mod subjects;
mod whom;
pub(crate) mod why;
