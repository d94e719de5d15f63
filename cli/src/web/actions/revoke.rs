//! `POST /actions/revoke` ends sessions of a subject: LW.REVOKE and LW.AUDIT in one script.
//!
//! Fields: `store`, `subject`, and `session`, which is empty for all sessions of the subject.

use redis::cmd;
use serde_json::json;

use super::confirm::Question;
use super::owner::change;
use crate::connect::failure::Failure;
use crate::connect::fleet::Fleet;
use crate::reply;
use crate::text::{printable, unprintable};
use crate::web::access::request::Fields;
use crate::web::app::Flash;

const SCRIPT: &str = include_str!("revoke.lua");

pub struct Revoke {
    store: Vec<u8>,
    subject: Vec<u8>,
    /// Empty for all.
    session: String,
}

impl Revoke {
    pub fn of(fields: &Fields) -> Result<Self, &'static str> {
        let (store, subject) = (unprintable(fields.get("store")), unprintable(fields.get("subject")));
        if store.is_empty() || subject.is_empty() {
            return Err("The store or the subject is missing.");
        }
        Ok(Self { store, subject, session: fields.get("session").to_owned() })
    }

    pub fn question(&self) -> Question {
        let mut facts = vec![("Store", printable(&self.store)), ("Subject", printable(&self.subject))];
        let (title, text) = if self.session.is_empty() {
            let text =
                "It ends all sessions of this subject, on all devices. Their tokens are refused from now on.";
            ("Revoke all sessions?", text)
        } else {
            facts.push(("Session", printable(self.session.as_bytes())));
            ("Revoke the session?", "It ends this session. Its tokens are refused from now on.")
        };
        Question { title, facts, text: text.into(), button: "Revoke", choice: None }
    }

    pub async fn run(&self, fleet: &Fleet, by: &str) -> Result<Flash, Failure> {
        let mut data = json!({ "by": by, "store": printable(&self.store) });
        data["session"] = if self.session.is_empty() { json!("all") } else { json!(self.session) };
        let mut command = cmd("EVAL");
        command.arg(SCRIPT).arg(1).arg(&self.store);
        command.arg(&self.subject).arg(&self.session).arg(data.to_string());
        let ended = reply::int(&change(fleet, &self.store, &command).await?).unwrap_or_default();
        let subject = printable(&self.subject);
        let text = match ended {
            0 if self.session.is_empty() => format!("{subject} has no session any more."),
            0 => format!("This session of {subject} has ended before."),
            1 => format!("One session of {subject} was revoked."),
            n => format!("{n} sessions of {subject} were revoked."),
        };
        Ok(Flash { done: ended > 0, text })
    }
}
