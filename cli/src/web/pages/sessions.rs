//! The sessions of a subject.

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Response;

use super::bans::{Choice, choices};
use super::forms;
use super::frame::{Frame, Trouble, page};
use super::known::missing;
use super::query::{Query, field, link};
use super::words::{number, shown};
use crate::facts::keys::inspect;
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
    let sample = app.sampler.sample().await;
    let mut troubles: Vec<Trouble> =
        missing(&sample, "token stores", "token_stores", stores.len()).into_iter().collect();
    let mut rows = None;
    let back = link("/sessions", &[("store", shown(&store).as_bytes()), ("subject", subject)]);
    let revoke = |session: &str| frame.may_support.then(|| forms::revoke(&store, subject, session, &back));
    if !store.is_empty() && !subject.is_empty() {
        match found(&app, &store, subject).await {
            Ok(found) => rows = Some(found.iter().map(|session| row(session, revoke)).collect::<Vec<_>>()),
            Err(trouble) => troubles.push(trouble),
        }
    }
    page(&SessionsPage {
        stores: store_choices(&stores, &store, subject),
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

async fn found(app: &App, store: &[u8], subject: &[u8]) -> Result<Vec<Session>, Trouble> {
    let name = shown(store);
    match sessions(app.sampler.fleet(), store, subject).await {
        Ok(found) if found.is_empty() && is_missing(app, store).await => Err(Trouble(format!(
            "There is no token store of the name {name}, so nobody is signed in there. Capital letters count."
        ))),
        Ok(found) => Ok(found),
        Err(why) if why.code == "WRONGTYPE" => {
            Err(Trouble(format!("The key {name} is not a store of tokens.")))
        }
        Err(why) => {
            let node = app.sampler.fleet().primary_of(store).map(|node| node.name());
            Err(Trouble::of("LW.SESSIONS", &node.unwrap_or_default(), &why))
        }
    }
}

/// Whether there is no such key. False if that can't be known.
async fn is_missing(app: &App, store: &[u8]) -> bool {
    matches!(inspect(app.sampler.fleet(), store).await, Ok(None))
}

/// The stores to choose from. Each leads to the sessions of the same subject.
fn store_choices(stores: &[Vec<u8>], store: &[u8], subject: &[u8]) -> Vec<Choice> {
    let mut all = choices(stores, store, "/sessions", "store");
    for choice in &mut all {
        let values = [("store", choice.name.as_bytes()), ("subject", subject)];
        choice.link = link("/sessions", &values);
    }
    all
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
