//! Finds the nodes behind one address, and calls them.
//!
//! - [`options`] are the options of the command line, [`dial`] makes connections of them.
//! - [`node`] is one server: a connection that is made anew when it breaks.
//! - [`failure`] says why a call failed.
//! - [`topology`] asks a server which other servers there are, [`slots`] reads a cluster's nodes.
//! - [`fleet`] is all of them: the nodes, their roles, and which one has a key.

mod dial;
pub mod failure;
pub mod fleet;
pub mod node;
pub mod options;
mod slots;
mod topology;
