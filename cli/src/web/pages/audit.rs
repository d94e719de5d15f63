//! Searches the audit log.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Response;

use super::fetch;
use super::frame::{Frame, Trouble, page};
use super::query::{Query, field, link};
use super::words::{parse_time, shown};
use crate::facts::audit::{Event, Query as Search};
use crate::web::app::{App, Visitor};

/// Events of a page.
const EVENTS: usize = 50;
/// Characters of the data that are shown at once.
const SUMMARY: usize = 60;

/// The fields of the form whose values are texts.
const TEXTS: [&str; 8] = ["user", "ip", "kind", "endpoint", "method", "status", "from", "to"];
const FLAGS: [&str; 3] = ["limited", "anomaly", "local"];

struct Row {
    id: String,
    at_ms: i64,
    kind: String,
    user: Option<Linked>,
    ip: Option<Linked>,
    method: String,
    endpoint: String,
    status: Option<i64>,
    is_limited: bool,
    is_anomaly: bool,
    latency: Option<String>,
    data: Option<String>,
}

/// A value, and the events that have it.
struct Linked {
    text: String,
    link: String,
}

impl Linked {
    fn of(name: &str, value: Option<&String>) -> Option<Self> {
        value.map(|value| Self { text: shown(value), link: link("/audit", &[(name, value.as_bytes())]) })
    }
}

impl Row {
    /// The beginning of the data.
    fn summary(&self) -> String {
        let data = self.data.as_deref().unwrap_or_default();
        let cut: String = data.chars().take(SUMMARY).collect();
        if cut.len() < data.len() { format!("{cut}…") } else { cut }
    }

    fn of(event: &Event) -> Self {
        Self {
            id: shown(&event.id),
            at_ms: event.timestamp_ms,
            kind: shown(&event.kind),
            user: Linked::of("user", event.user.as_ref()),
            ip: Linked::of("ip", event.ip.as_ref()),
            method: event.method.as_deref().map(shown).unwrap_or_default(),
            endpoint: event.endpoint.as_deref().map(shown).unwrap_or_default(),
            status: event.status,
            is_limited: event.limited,
            is_anomaly: event.anomaly,
            latency: event.latency_ms.as_deref().map(shown),
            data: event.data.as_deref().map(shown),
        }
    }
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    /// What the form holds.
    form: Form,
    rows: Vec<Row>,
    older: Option<String>,
    newest: Option<String>,
    troubles: Vec<Trouble>,
    /// Whether the journals alone may have the answer.
    offer_local: Option<String>,
}

struct Form(Query);

impl Form {
    fn text(&self, name: &str) -> String {
        field(self.0.text(name))
    }

    fn has(&self, name: &str) -> bool {
        self.0.has(name)
    }
}

pub async fn list(State(app): State<App>, Extension(visitor): Extension<Visitor>, query: Query) -> Response {
    let mut frame = Frame::new(&app, &visitor, "/audit", "Audit log");
    let mut troubles = Vec::new();
    let mut rows = Vec::new();
    let mut older = None;
    let mut offer_local = None;
    match search_of(&query) {
        Err(why) => troubles.push(Trouble(why)),
        Ok(search_for) => {
            let is_local = search_for.local;
            let fetch = fetch::events(Arc::clone(app.sampler.fleet()), search_for.clone());
            let found = app.pages.audit.get(search_for, fetch).await;
            if found.failures.iter().any(|(_, why)| why.code == "LWUNAVAILABLE") && !is_local {
                offer_local = Some(page_link(&query, "", true));
            }
            troubles = Trouble::all("LW.AUDITLOG QUERY", &found.failures);
            let last = found.items.last().filter(|_| found.items.len() >= EVENTS);
            older = last.map(|event| page_link(&query, &event.id, false));
            rows = found.items.iter().map(Row::of).collect();
        }
    }
    // The newest page follows what happens; an older one stays as it is.
    if !query.has("before") && !query.has("to") && troubles.is_empty() {
        frame = frame.live();
    }
    page(&AuditPage {
        newest: query.has("before").then(|| page_link(&query, "", false)),
        form: Form(query),
        rows,
        older,
        troubles,
        offer_local,
        frame,
    })
}

/// The same search, from the event `before` on.
fn page_link(query: &Query, before: &str, local: bool) -> String {
    let named = TEXTS.iter().chain(&FLAGS).map(|name| (*name, query.bytes(name)));
    let mut values: Vec<(&str, &[u8])> = named.collect();
    if local && !query.has("local") {
        values.push(("local", b"1"));
    }
    values.push(("before", before.as_bytes()));
    link("/audit", &values)
}

fn search_of(query: &Query) -> Result<Search, String> {
    let time = |name: &str, label: &str| match query.text(name) {
        text if text.is_empty() => Ok(None),
        text => parse_time(&text).map(Some).ok_or_else(|| {
            format!("{label} is no time: write it in UTC as 2026-11-30 05:19, or as Unix milliseconds.")
        }),
    };
    let path = query.text("endpoint");
    Ok(Search {
        kind: query.text("kind"),
        user: query.text("user"),
        ip: query.text("ip"),
        method: query.text("method").to_ascii_uppercase(),
        endpoint: path,
        status: query.text("status"),
        from_ms: time("from", "From")?,
        to_ms: time("to", "To")?,
        limited: query.has("limited"),
        anomaly: query.has("anomaly"),
        local: query.has("local"),
        before: query.text("before"),
        count: EVENTS,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_becomes_a_search_and_its_next_page() {
        let query = Query::parse("user=a%26b&from=2026-11-30+05%3A19&limited=1&method=get&kind=token.*");
        let search = search_of(&query).unwrap();
        assert_eq!(
            (search.user.as_str(), search.from_ms, search.limited, search.method.as_str(), search.to_ms),
            ("a&b", Some(1_796_015_940_000), true, "GET", None)
        );
        let next = page_link(&query, "1-2-3", true);
        assert_eq!(
            next,
            "/audit?user=a%26b&kind=token.%2A&method=get&from=2026-11-30%2005:19&limited=1&local=1&before=1-2-3"
        );
        assert!(search_of(&Query::parse("to=yesterday")).unwrap_err().starts_with("To is no time"));
    }
}
