//! `POST /actions/lift` ends the bans and challenges of a subject: LW.LIFT, which records it.
//!
//! Fields: `guard`; `kind` (`ip`, `user`, `pair`, `key` or `hash`) and `value`, of a pair the
//! address, a space and the user; `forget=yes` to forget counts and strikes too.

use redis::cmd;

use super::confirm::Question;
use super::owner::change;
use crate::connect::failure::Failure;
use crate::connect::fleet::Fleet;
use crate::facts::why::Subject;
use crate::reply;
use crate::text::{printable, unprintable};
use crate::web::access::request::Fields;
use crate::web::app::Flash;

pub struct Lift {
    guard: Vec<u8>,
    subject: Subject,
    forget: bool,
}

impl Lift {
    pub fn of(fields: &Fields) -> Result<Self, &'static str> {
        let (guard, value) = (fields.get("guard"), fields.get("value"));
        if guard.is_empty() || value.is_empty() {
            return Err("The guard or the subject is missing.");
        }
        let subject = match fields.get("kind") {
            "ip" => Subject::Ip(value.to_owned()),
            "user" => Subject::User(unprintable(value)),
            "pair" => {
                let (ip, user) = value.split_once(' ').ok_or("A pair is an address and a user.")?;
                Subject::Pair(ip.to_owned(), unprintable(user))
            }
            "key" => Subject::Key(unprintable(value)),
            "hash" => Subject::Hash(value.to_owned()),
            _ => return Err("The kind of subject is unknown."),
        };
        Ok(Self { guard: unprintable(guard), subject, forget: fields.get("forget") == "yes" })
    }

    pub fn question(&self) -> Question {
        let text = match self.subject {
            Subject::Hash(_) | Subject::User(_) => {
                "It ends all bans and challenges in force of this user, also those of the user at single \
                 addresses. Counts and strikes stay: the next ban comes sooner and is longer."
            }
            _ => {
                "It ends all bans and challenges of this subject that are in force. Counts and strikes stay: \
                 the next ban comes sooner and is longer."
            }
        };
        Question {
            title: "Lift the ban?",
            facts: vec![("Guard", printable(&self.guard)), ("Subject", self.name())],
            text: text.into(),
            button: "Lift",
            choice: Some(("forget", "Forget counts and strikes too")),
        }
    }

    pub async fn run(&self, fleet: &Fleet, by: &str) -> Result<Flash, Failure> {
        let mut command = cmd("LW.LIFT");
        command.arg(&self.guard);
        self.subject.add_to(&mut command);
        if self.forget {
            command.arg("FORGET");
        }
        command.arg("BY").arg(by);
        let lifted = reply::int(&change(fleet, &self.guard, &command).await?).unwrap_or_default();
        let (name, guard) = (self.name(), printable(&self.guard));
        let text = match lifted {
            0 if self.forget => {
                format!("No ban or challenge of {name} was in force in {guard}. Its counts are forgotten.")
            }
            0 => format!("Nothing to lift: no ban or challenge of {name} is in force in {guard}."),
            1 => format!("One ban or challenge of {name} in {guard} was lifted."),
            n => format!("{n} bans and challenges of {name} in {guard} were lifted."),
        };
        Ok(Flash { done: lifted > 0 || self.forget, text })
    }

    fn name(&self) -> String {
        match &self.subject {
            Subject::Ip(ip) => printable(ip.as_bytes()),
            Subject::User(user) => format!("user {}", printable(user)),
            Subject::Pair(ip, user) => format!("user {} at {}", printable(user), printable(ip.as_bytes())),
            Subject::Key(key) => format!("key {}", printable(key)),
            Subject::Hash(hash) => format!("the user or key {}", printable(hash.as_bytes())),
        }
    }
}
