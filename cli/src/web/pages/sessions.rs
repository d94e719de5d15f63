//! The sessions of a subject.

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Response;

use super::bans::{Choice, choices};
use super::forms;
use super::frame::{Frame, Trouble, page};
use super::query::{Query, field, link};
use super::words::{number, shown};
use crate::facts::sessions::{Session, sessions};
use crate::web::app::{App, Visitor};

struct Row {
    id: String,
    created_ms: i64,
    rotated_ms: i64,
    expires_ms: i64,
    generation: String,
    meta: Option<String>,
    revoke: Option<String>,
}

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsPage {
    frame: Frame,
    stores: Vec<Choice>,
    store: String,
    subject: String,
    subject_field: String,
    /// `None` if none was asked for.
    rows: Option<Vec<Row>>,
    revoke_all: Option<String>,
    audit: String,
    troubles: Vec<Trouble>,
}

pub async fn list(State(app): State<App>, Extension(visitor): Extension<Visitor>, query: Query) -> Response {
    let stores = app.pages.finder.stores();
    let only_one = || stores.first().filter(|_| stores.len() == 1).cloned().unwrap_or_default();
    let wanted = query.key("store");
    let store = if wanted.is_empty() { only_one() } else { wanted };
    let subject = query.bytes("subject");
    let frame = Frame::new(&app, &visitor, "/sessions", "Sessions");
    let mut troubles = Vec::new();
    let mut rows = None;
    let back = link("/sessions", &[("store", shown(&store).as_bytes()), ("subject", subject)]);
    let revoke = |session: &str| frame.may_support.then(|| forms::revoke(&store, subject, session, &back));
    if !store.is_empty() && !subject.is_empty() {
        match sessions(app.sampler.fleet(), &store, subject).await {
            Ok(found) => rows = Some(found.iter().map(|session| row(session, revoke)).collect::<Vec<_>>()),
            Err(why) if why.code == "WRONGTYPE" => {
                troubles.push(Trouble(format!("The key {} is not a store of tokens.", shown(&store))));
            }
            Err(why) => {
                let node = app.sampler.fleet().primary_of(&store).map(|node| node.name());
                troubles.push(Trouble::of("LW.SESSIONS", &node.unwrap_or_default(), &why));
            }
        }
    }
    page(&SessionsPage {
        stores: choices(&stores, &store, "/sessions", "store"),
        store: shown(&store),
        revoke_all: rows.as_ref().filter(|rows| !rows.is_empty()).and_then(|_| revoke("")),
        rows,
        audit: link("/audit", &[("user", subject)]),
        subject_field: field(subject),
        subject: shown(subject),
        troubles,
        frame,
    })
}

fn row(session: &Session, revoke: impl Fn(&str) -> Option<String>) -> Row {
    Row {
        id: shown(&session.id),
        created_ms: session.created_at_ms,
        rotated_ms: session.rotated_at_ms,
        expires_ms: session.expires_at_ms,
        generation: number(session.generation),
        meta: session.meta.as_deref().map(shown),
        revoke: revoke(&session.id),
    }
}
