//! Asks several nodes the same, and collects their answers.

use std::sync::Arc;

use futures_util::future::join_all;
use redis::{Cmd, Value};

use crate::connect::failure::Failure;
use crate::connect::fleet::Fleet;
use crate::connect::node::Node;

/// The answers of those that answered, and why the others did not.
#[derive(Debug)]
pub struct Gathered<T> {
    pub items: Vec<T>,
    /// The name of a node and its failure.
    pub failures: Vec<(String, Failure)>,
}

impl<T> Default for Gathered<T> {
    fn default() -> Self {
        Self { items: Vec::new(), failures: Vec::new() }
    }
}

impl<T> Gathered<T> {
    pub(super) fn absorb<U>(
        &mut self,
        node: &Node,
        answer: Result<U, Failure>,
        add: impl FnOnce(&mut Vec<T>, U),
    ) {
        match answer {
            Ok(answer) => add(&mut self.items, answer),
            Err(why) => self.failures.push((node.name(), why)),
        }
    }
}

/// Asks every primary. What a node keeps for itself, such as the keys that it denied, is there.
pub(super) async fn ask_primaries(fleet: &Fleet, command: &Cmd) -> Vec<(Arc<Node>, Result<Value, Failure>)> {
    let primaries = fleet.members().into_iter().filter(|member| member.primary);
    let ask = |node: Arc<Node>| async move {
        let answer = node.read(command).await;
        (node, answer)
    };
    join_all(primaries.map(|member| ask(member.node))).await
}

/// Asks the primary that has `key`, once more after a change of the topology.
pub(super) async fn ask_owner(fleet: &Fleet, key: &[u8], command: &Cmd) -> Result<Value, Failure> {
    let first = match fleet.primary_of(key) {
        Ok(node) => node.read(command).await,
        Err(why) => Err(why),
    };
    match first {
        Err(why) if why.breaks_connection() || matches!(why.code.as_str(), "MOVED" | "READONLY") => {
            fleet.refresh().await;
            fleet.primary_of(key)?.read(command).await
        }
        answer => answer,
    }
}

/// A reply that has another shape than the reference says.
pub(super) fn unreadable(what: &str) -> Failure {
    Failure {
        kind: crate::connect::failure::Kind::Refused,
        code: String::new(),
        text: format!("the reply of {what} can't be read: the program and the module differ in version"),
    }
}
