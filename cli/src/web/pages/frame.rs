//! What surrounds every page: its title, the links to the others, who is signed in.

use std::time::SystemTime;

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use super::words::{shown, unix_ms};
use super::{assets, words};
use crate::connect::failure::{Failure, Kind};
use crate::web::app::{App, Flash, Role, Visitor};

/// Seconds between two updates of a page that is open.
const UPDATE: u32 = 5;

/// The pages that every other page links to: path and name.
const PAGES: [(&str, &str); 7] = [
    ("/", "Overview"),
    ("/limits", "Limits"),
    ("/bans", "Bans"),
    ("/sessions", "Sessions"),
    ("/audit", "Audit log"),
    ("/delivery", "Delivery"),
    ("/nodes", "Servers"),
];

pub struct Frame {
    pub title: String,
    /// The path of the page among [`PAGES`] that this one belongs to.
    pub section: &'static str,
    /// Seconds between updates; 0 for a page that does not change by itself.
    pub live: u32,
    pub name: String,
    pub role: &'static str,
    pub csrf: String,
    pub flash: Option<Flash>,
    /// Which actions the visitor may take.
    pub may_support: bool,
    pub may_admin: bool,
    /// The time for which the page was made, in Unix milliseconds.
    pub now_ms: i64,
}

impl Frame {
    pub fn new(app: &App, visitor: &Visitor, section: &'static str, title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            section,
            live: 0,
            name: shown(&visitor.name),
            role: visitor.role.name(),
            csrf: visitor.csrf.clone(),
            flash: visitor.flash.clone(),
            may_support: app.may(visitor, Role::Support),
            may_admin: app.may(visitor, Role::Admin),
            now_ms: unix_ms(SystemTime::now()),
        }
    }

    /// Makes the page update itself.
    pub fn live(mut self) -> Self {
        self.live = UPDATE;
        self
    }

    pub fn pages(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        let section = self.section;
        PAGES.into_iter().map(move |(path, name)| (path, name, path == section))
    }

    pub fn asset(&self, name: &str) -> String {
        assets::url(name)
    }

    /// How long something has lasted since `ms`.
    pub fn lasting(&self, ms: &i64) -> String {
        words::duration(self.now_ms.saturating_sub(*ms).max(1000) / 1000 * 1000)
    }

    pub fn when(&self, ms: &i64) -> words::When {
        words::When::of(*ms, self.now_ms)
    }
}

/// Something that a page could not find out, and what to do about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Trouble(pub String);

impl Trouble {
    /// `command` failed on `node`.
    pub fn of(command: &str, node: &str, why: &Failure) -> Self {
        let text = shown(&why.text);
        Self(match (why.kind, why.code.as_str()) {
            (Kind::Away, _) => format!("{node} is away: {text}."),
            (Kind::Slow, _) => format!("{node} does not answer in time."),
            (_, "NOPERM") => {
                let right = command.to_ascii_lowercase().replace(' ', "|");
                format!("{node} refuses {command}: the user of this program needs the right +{right}. {text}")
            }
            _ if ["unknown command", "unknown subcommand"].iter().any(|what| text.contains(what)) => {
                format!("{node} does not know {command}: it has no lockwatch, or an older version.")
            }
            _ => format!("{node} answers {command} with: {text}"),
        })
    }

    pub fn all(command: &str, failures: &[(String, Failure)]) -> Vec<Self> {
        failures.iter().map(|(node, why)| Self::of(command, node, why)).collect()
    }
}

/// The page as an answer.
pub fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => Html(html).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_right_is_named() {
        let why = Failure { kind: Kind::Refused, code: "NOPERM".into(), text: "NOPERM no".into() };
        assert_eq!(
            Trouble::of("LW.ALERTS RECENT", "a:1", &why).0,
            "a:1 refuses LW.ALERTS RECENT: the user of this program needs the right +lw.alerts|recent. NOPERM no"
        );
        let why = Failure { code: "ERR".into(), text: "ERR unknown command 'LW.TOP'".into(), ..why };
        assert!(Trouble::of("LW.TOP", "a:1", &why).0.contains("has no lockwatch"));
    }
}
