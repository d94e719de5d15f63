//! What visitors may change: [`lift`] bans, [`revoke`] sessions, [`retry`] dead letters.
//!
//! A page links to `GET /actions/NAME?…`, which asks for confirmation. The form on it posts the
//! same fields with `confirm=yes`. The answer leads back to the path in the field `back`, where the
//! outcome is shown. Fields that hold bytes of clients are written as [`printable`] writes them.
//!
//! Each action is recorded in the audit log of the server that it changes, with who did it, in the
//! same atomic step: without the record nothing is changed.
//!
//! [`printable`]: crate::text::printable

mod confirm;
mod lift;
mod owner;
mod retry;
mod revoke;

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};

use super::access::request::Fields;
use super::access::sessions::Session;
use super::app::{App, Flash, Role, Visitor};
use super::log;
use super::notice::{self, local_path};
use crate::connect::failure::{Failure, Kind};
use crate::connect::fleet::Fleet;
use confirm::Question;
use lift::Lift;
use retry::Retry;
use revoke::Revoke;

pub fn routes() -> Router<App> {
    Router::new().route("/actions/{name}", get(ask).post(act))
}

enum Action {
    Lift(Lift),
    Revoke(Revoke),
    Retry(Retry),
}

/// The role that an action needs; `None` if there is no such action.
fn role(name: &str) -> Option<Role> {
    match name {
        "lift" | "revoke" => Some(Role::Support),
        "retry" => Some(Role::Admin),
        _ => None,
    }
}

impl Action {
    fn of(name: &str, fields: &Fields) -> Result<Self, &'static str> {
        match name {
            "lift" => Lift::of(fields).map(Self::Lift),
            "revoke" => Revoke::of(fields).map(Self::Revoke),
            _ => Retry::of(fields).map(Self::Retry),
        }
    }

    fn question(&self) -> Question {
        match self {
            Self::Lift(lift) => lift.question(),
            Self::Revoke(revoke) => revoke.question(),
            Self::Retry(retry) => retry.question(),
        }
    }

    /// What the visitor is told, and the outcome for the log: the audit log says whom it concerned.
    async fn run(&self, fleet: &Fleet, by: &str) -> (Flash, &'static str) {
        let outcome = match self {
            Self::Lift(lift) => lift.run(fleet, by).await,
            Self::Revoke(revoke) => revoke.run(fleet, by).await,
            Self::Retry(retry) => retry.run(fleet, by).await,
        };
        match outcome {
            Ok(flash) if flash.done => (flash, "done"),
            Ok(flash) => (flash, "not done: there was nothing to do"),
            Err(why) => (Flash { done: false, text: why_not(&why) }, for_log(&why)),
        }
    }
}

/// Asks for confirmation.
async fn ask(
    State(app): State<App>,
    Path(name): Path<String>,
    Extension(visitor): Extension<Visitor>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Response {
    match allowed(&app, &visitor, &name, &Fields::of(pairs)) {
        Ok((action, fields)) => action.question().page(&name, &fields, &visitor),
        Err(refusal) => *refusal,
    }
}

/// Does it if it was confirmed, else asks.
async fn act(
    State(app): State<App>,
    Path(name): Path<String>,
    Extension(visitor): Extension<Visitor>,
    Extension(session): Extension<Arc<Session>>,
    Extension(fields): Extension<Fields>,
) -> Response {
    let action = match allowed(&app, &visitor, &name, &fields) {
        Ok((action, _)) => action,
        Err(refusal) => return *refusal,
    };
    if fields.get("confirm") != "yes" {
        return action.question().page(&name, &fields, &visitor);
    }
    let (flash, outcome) = action.run(app.sampler.fleet(), &visitor.name).await;
    log::line(&format!("{name} by '{}': {outcome}", visitor.name));
    session.keep(flash);
    app.pages.forget();
    (StatusCode::SEE_OTHER, [(LOCATION, local_path(fields.get("back")).to_owned())]).into_response()
}

type Allowed = (Action, Fields);

/// The action, if the visitor may do it and its fields are complete.
fn allowed(app: &App, visitor: &Visitor, name: &str, fields: &Fields) -> Result<Allowed, Box<Response>> {
    let refuse = |status, title: &str, text: &str| Err(Box::new(notice::page(status, title, text)));
    let Some(role) = role(name) else {
        return refuse(StatusCode::NOT_FOUND, "Not found", "There is no such action.");
    };
    if !app.allow_actions {
        let text = "This page is read-only: `lockwatch web` runs without --allow-actions.";
        return refuse(StatusCode::FORBIDDEN, "Not allowed", text);
    }
    if !app.may(visitor, role) {
        let text = format!("This needs the role {}; yours is {}.", role.name(), visitor.role.name());
        return refuse(StatusCode::FORBIDDEN, "Not allowed", &text);
    }
    match Action::of(name, fields) {
        Ok(action) => Ok((action, fields.clone())),
        Err(why) => refuse(StatusCode::BAD_REQUEST, "Not done", why),
    }
}

/// Why an action was not done, for people.
fn why_not(why: &Failure) -> String {
    match (why.kind, why.code.as_str()) {
        (Kind::Away | Kind::Slow, _) => {
            format!(
                "The server did not answer ({}). Look whether it was done before you try again.",
                why.text
            )
        }
        (_, "LWFULL") => "Not done, because it can't be recorded: the audit log is full.".into(),
        _ if lacks_right(why) => format!("Not done: the program's Redis user lacks a right. {}", why.text),
        _ => format!("Not done: {}", why.text),
    }
}

/// The same for the log, which never says whom an action concerned.
fn for_log(why: &Failure) -> &'static str {
    match (why.kind, why.code.as_str()) {
        (Kind::Away, _) => "not known whether it was done: the server is away",
        (Kind::Slow, _) => "not known whether it was done: the server did not answer in time",
        (_, "LWFULL") => "not done: the audit log is full",
        _ if lacks_right(why) => "not done: the program's Redis user lacks a right",
        _ => "not done: the server refused it",
    }
}

/// Whether an ACL forbids a command. Redis 7.0 has another error for commands of scripts.
fn lacks_right(why: &Failure) -> bool {
    why.code == "NOPERM" || why.text.contains("user executing the script")
}
