//! One try to deliver one alert to one endpoint: the request, and what the answer means.

#[cfg(test)]
mod tests;

use std::io::{self, Read};
use std::time::{SystemTime, UNIX_EPOCH};

use ureq::http::{Response, header};
use ureq::{Agent, Body, Error};

use super::dial::{self, Terms};
use super::endpoint::{Endpoint, Format};
use super::{Alert, reason, schedule, signature, slack};
use crate::journal::id::Id;
use crate::text::time::{Span, Timestamp};

/// How much of an answer's body is read, only to be thrown away.
const BODY_BYTES: u64 = 64 * 1024;

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The receiver has it: a status of 200 to 299.
    Delivered {
        /// Which.
        status: u16,
    },
    /// Status 410: the receiver wants no more of them.
    Gone,
    /// Anything else.
    Failed {
        /// Why, in one line of at most 160 bytes, without the URL's path and without secrets.
        reason: String,
        /// What the receiver asked for in `Retry-After`.
        retry_after: Option<Span>,
    },
    /// It was not tried.
    Untouched,
}

impl Answer {
    /// A failure of which the receiver said nothing.
    pub(super) fn failed(reason: &str) -> Self {
        Self::Failed { reason: reason.to_owned(), retry_after: None }
    }
}

/// What makes the tries for one endpoint. Keeps the connection open for the next one.
#[derive(Default)]
pub struct Sender {
    agent: Option<(Terms, Agent)>,
}

impl Sender {
    /// Tries to deliver `alert`, which is called `id`, to `endpoint`. Never an [`Answer::Untouched`].
    pub fn send(&mut self, id: Id, alert: &Alert, endpoint: &Endpoint, terms: Terms) -> Answer {
        let now = now();
        match self.post(id, alert, endpoint, terms, now) {
            Ok(response) => judge(response, now),
            Err(error) => Answer::failed(&reason::of(&error, terms)),
        }
    }

    /// Closes the connection that was kept.
    pub fn rest(&mut self) {
        self.agent = None;
    }

    fn post(
        &mut self,
        id: Id,
        alert: &Alert,
        endpoint: &Endpoint,
        terms: Terms,
        now: Timestamp,
    ) -> Result<Response<Body>, Error> {
        let id = id.to_string();
        let timestamp = now.0 / 1000;
        let slack;
        let body = match endpoint.format {
            Format::Standard => &alert.body,
            Format::Slack => {
                slack = slack::body(&alert.body);
                &slack
            }
        };
        let mut request = self
            .agent(terms, endpoint)
            .post(endpoint.url())
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", timestamp);
        if let Some(signature) = signature::sign(&endpoint.secrets, &id, timestamp, body) {
            request = request.header("webhook-signature", signature);
        }
        request.send(body)
    }

    /// The client for `terms`. Other terms take another one: a connection that was made when private addresses could be
    /// dialled must not outlive that.
    fn agent(&mut self, terms: Terms, endpoint: &Endpoint) -> &Agent {
        let kept = self.agent.take().filter(|(agreed, _)| *agreed == terms);
        let make = || (terms, dial::agent(terms, endpoint.url().scheme_str() == Some("https")));
        &self.agent.insert(kept.unwrap_or_else(make)).1
    }
}

fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

fn judge(response: Response<Body>, now: Timestamp) -> Answer {
    let status = response.status().as_u16();
    let asked = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = asked.and_then(|value| schedule::parse_retry_after(value, now));
    drain(response);
    match status {
        200..=299 => Answer::Delivered { status },
        410 => Answer::Gone,
        300..=399 => {
            Answer::Failed { reason: format!("status {status}; redirects are not followed"), retry_after }
        }
        _ => Answer::Failed { reason: format!("status {status}"), retry_after },
    }
}

/// Reads the body to its end, so that the connection can be used again. One that is too long, too slow or broken costs
/// the connection and nothing else: the status has said it all.
fn drain(response: Response<Body>) {
    let mut body = response.into_body().into_reader().take(BODY_BYTES + 1);
    let _ = io::copy(&mut body, &mut io::sink());
}
