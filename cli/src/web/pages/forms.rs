//! Links to the pages that confirm an action.

use super::query::link;
use crate::facts::alerts::{DeadLetter, Queue};
use crate::facts::why::Subject;
use crate::text::printable;

/// Ends the bans and challenges of `subject` in `guard`. `back` is the page to return to.
pub fn lift(guard: &[u8], subject: &Subject, back: &str) -> String {
    let (kind, value) = match subject {
        Subject::Ip(ip) => ("ip", ip.clone()),
        Subject::User(user) => ("user", printable(user)),
        Subject::Pair(ip, user) => ("pair", format!("{ip} {}", printable(user))),
        Subject::Key(key) => ("key", printable(key)),
        Subject::Hash(hash) => ("hash", hash.clone()),
    };
    let guard = printable(guard);
    let values = [("guard", guard.as_bytes()), ("kind", kind.as_bytes()), ("value", value.as_bytes())];
    link("/actions/lift", &[&values[..], &[("back", back.as_bytes())]].concat())
}

/// Ends one session of `subject`, or all of them if `session` is empty.
pub fn revoke(store: &[u8], subject: &[u8], session: &str, back: &str) -> String {
    let (store, subject) = (printable(store), printable(subject));
    link(
        "/actions/revoke",
        &[
            ("store", store.as_bytes()),
            ("subject", subject.as_bytes()),
            ("session", session.as_bytes()),
            ("back", back.as_bytes()),
        ],
    )
}

/// Puts a dead letter back into its queue.
pub fn retry(letter: &DeadLetter, back: &str) -> String {
    let queue = match letter.queue {
        Queue::Alerts => "alerts",
        Queue::Audit => "audit",
    };
    link(
        "/actions/retry",
        &[
            ("queue", queue.as_bytes()),
            ("id", letter.id.as_bytes()),
            ("node", letter.node.as_bytes()),
            ("back", back.as_bytes()),
        ],
    )
}
