//! `POST /actions/retry` puts a dead letter back: REPLAY of LW.ALERTS or LW.AUDITLOG, and LW.AUDIT
//! in one script.
//!
//! Fields: `queue` (`alerts` or `audit`), `id`, and the name of the `node` that has the letter. If
//! that is empty or no primary any more, all are asked.

use std::sync::Arc;

use redis::{Cmd, cmd};
use serde_json::json;

use super::confirm::Question;
use super::owner::on_node;
use crate::connect::failure::Failure;
use crate::connect::fleet::Fleet;
use crate::connect::node::Node;
use crate::facts::alerts::Queue;
use crate::reply;
use crate::text::printable;
use crate::web::access::request::Fields;
use crate::web::app::Flash;

const SCRIPT: &str = include_str!("retry.lua");

pub struct Retry {
    queue: Queue,
    id: String,
    /// An id that comes next after `id`.
    behind: String,
    node: String,
}

impl Retry {
    pub fn of(fields: &Fields) -> Result<Self, &'static str> {
        let queue = match fields.get("queue") {
            "alerts" => Queue::Alerts,
            "audit" => Queue::Audit,
            _ => return Err("The queue is unknown."),
        };
        let id = fields.get("id");
        let behind = behind(id).ok_or("The id is not that of a letter.")?;
        Ok(Self { queue, id: id.to_owned(), behind, node: fields.get("node").to_owned() })
    }

    pub fn question(&self) -> Question {
        let (title, text) = match self.queue {
            Queue::Alerts => {
                ("Deliver the alert again?", "It is sent again to the endpoints that did not take it.")
            }
            Queue::Audit => ("Ship the event again?", "It is sent to Postgres again."),
        };
        let mut facts = vec![("Id", printable(self.id.as_bytes()))];
        if !self.node.is_empty() {
            facts.push(("Server", printable(self.node.as_bytes())));
        }
        Question { title, facts, text: text.into(), button: "Retry", choice: None }
    }

    pub async fn run(&self, fleet: &Fleet, by: &str) -> Result<Flash, Failure> {
        let command = self.command(by);
        let (mut replayed, mut failure) = (0, None);
        for node in self.nodes(fleet).await? {
            match on_node(&node, &command).await {
                Ok(reply) => replayed = reply::int(&reply).unwrap_or_default().saturating_add(replayed),
                Err(why) => failure = Some(why),
            }
        }
        match failure {
            Some(why) if replayed == 0 => Err(why),
            _ => Ok(outcome(replayed)),
        }
    }

    /// The servers that may have the letter. After a failover, another one has it.
    async fn nodes(&self, fleet: &Fleet) -> Result<Vec<Arc<Node>>, Failure> {
        fleet.refresh().await;
        let members = fleet.members().into_iter().filter(|member| member.primary);
        let all: Vec<_> = members.map(|member| member.node).collect();
        let named: Vec<_> = all.iter().filter(|node| node.name() == self.node).map(Arc::clone).collect();
        let nodes = if named.is_empty() { all } else { named };
        if nodes.is_empty() { Err(Failure::away("no primary is known")) } else { Ok(nodes) }
    }

    fn command(&self, by: &str) -> Cmd {
        let queue = match self.queue {
            Queue::Alerts => "alerts",
            Queue::Audit => "audit",
        };
        let data = json!({ "by": by, "queue": queue, "id": self.id });
        let mut command = cmd("EVAL");
        command.arg(SCRIPT).arg(0);
        command.arg(self.queue.command()).arg(&self.id).arg(&self.behind).arg(data.to_string());
        command
    }
}

fn outcome(replayed: i64) -> Flash {
    let text = match replayed {
        0 => "There is no dead letter with this id any more.".to_owned(),
        1 => "One dead letter was put back.".to_owned(),
        n => format!("{n} dead letters were put back."),
    };
    Flash { done: replayed > 0, text }
}

/// The smallest id that comes after `id`, which is `ms-epoch-seq`.
fn behind(id: &str) -> Option<String> {
    let (front, seq) = id.rsplit_once('-')?;
    let (ms, epoch) = front.split_once('-')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_id = digits(ms) && digits(seq) && epoch.bytes().all(|byte| byte.is_ascii_hexdigit());
    let next = seq.parse::<u64>().ok()?.checked_add(1)?;
    is_id.then(|| format!("{front}-{next}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_id_has_one_behind_it() {
        assert_eq!(behind("1764480000000-00ff-9").as_deref(), Some("1764480000000-00ff-10"));
        for wrong in
            ["", "ALL", "all", "1-2", "1-2-3-4", "1-x-3", "1-ff-18446744073709551615", "1-ff-+1", "-1-ff-1"]
        {
            assert_eq!(behind(wrong), None, "{wrong}");
        }
    }
}
