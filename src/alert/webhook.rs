//! One attempt to deliver one alert to one endpoint: the request, and the meaning of the answer.

#[cfg(test)]
mod tests;

use std::io::{self, Read};

use ureq::http::{Response, header};
use ureq::{Agent, Body, Error};

use super::dial::{self, DialOptions};
use super::endpoint::{Endpoint, Format};
use super::reason::Reason;
use super::{Alert, schedule, signature, slack};
use crate::journal::id::Id;
use crate::text::time::{Span, Timestamp};

/// How much of an answer's body is read and ignored.
const BODY_BYTES: u64 = 64 * 1024;

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DeliveryStatus {
    /// The receiver answered with this status, 200 to 299.
    Delivered {
        status: u16,
    },
    /// The receiver answered 410: it wants no more alerts.
    Gone,
    Failed {
        reason: Reason,
        /// What the receiver asked for in `Retry-After`.
        retry_after: Option<Span>,
    },
    NotAttempted,
}

impl DeliveryStatus {
    pub(crate) fn is_delivered(&self) -> bool {
        matches!(self, Self::Delivered { .. })
    }

    pub(super) fn no_answer(reason: &'static str) -> Self {
        Self::Failed { reason: Reason::NoAnswer(reason.into()), retry_after: None }
    }
}

/// Makes the attempts for one endpoint. Keeps the connection open for the next one.
#[derive(Default)]
pub(crate) struct Sender {
    agent: Option<(DialOptions, Agent)>,
}

impl Sender {
    /// Never returns [`DeliveryStatus::NotAttempted`].
    pub(crate) fn send(
        &mut self,
        id: Id,
        alert: &Alert,
        endpoint: &Endpoint,
        options: DialOptions,
    ) -> DeliveryStatus {
        let now = Timestamp::from_system_clock();
        match self.post(id, alert, endpoint, options, now) {
            Ok(response) => judge(response, now),
            Err(error) => {
                DeliveryStatus::Failed { reason: Reason::of_error(&error, options), retry_after: None }
            }
        }
    }

    /// Closes the connection that is kept open.
    pub(crate) fn disconnect(&mut self) {
        self.agent = None;
    }

    fn post(
        &mut self,
        id: Id,
        alert: &Alert,
        endpoint: &Endpoint,
        options: DialOptions,
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
            .agent(options, endpoint)
            .post(endpoint.url())
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", timestamp);
        if let Some(signature) = signature::sign(&endpoint.secrets, &id, timestamp, body) {
            request = request.header("webhook-signature", signature);
        }
        request.send(body)
    }

    /// The client for `options`. Other options take another one: a connection made while private
    /// addresses were allowed must not outlive that setting.
    fn agent(&mut self, options: DialOptions, endpoint: &Endpoint) -> &Agent {
        let kept = self.agent.take().filter(|(known, _)| *known == options);
        let make = || (options, dial::agent(options, endpoint.url().scheme_str() == Some("https")));
        &self.agent.insert(kept.unwrap_or_else(make)).1
    }
}

fn judge(response: Response<Body>, now: Timestamp) -> DeliveryStatus {
    let status = response.status().as_u16();
    let asked = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = asked.and_then(|value| schedule::parse_retry_after(value, now));
    drain(response);
    match status {
        200..=299 => DeliveryStatus::Delivered { status },
        410 => DeliveryStatus::Gone,
        300..=399 => DeliveryStatus::Failed { reason: Reason::Redirect(status), retry_after },
        _ => DeliveryStatus::Failed { reason: Reason::Status(status), retry_after },
    }
}

/// Reads the body to its end, so that the connection can be used again. A body that is too long,
/// too slow or broken costs the connection and nothing else.
fn drain(response: Response<Body>) {
    let mut body = response.into_body().into_reader().take(BODY_BYTES + 1);
    let _ = io::copy(&mut body, &mut io::sink());
}
