//! One attempt to deliver one alert to one endpoint: the request, and the meaning of the answer.

#[cfg(test)]
mod tests;

use std::io::{self, Read};
use std::sync::Arc;

use ureq::http::{Response, header};
use ureq::{Agent, Body, Error};

use super::dial::{self, DialOptions};
use super::endpoint::{Endpoint, Format};
use super::line::Authorities;
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
    kept: Option<Kept>,
}

/// A client, and what it was made for.
struct Kept {
    options: DialOptions,
    authorities: Option<Authorities>,
    agent: Agent,
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
        self.kept = None;
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
        for (name, value) in &endpoint.extras.headers {
            request = request.header(name, value);
        }
        if let Some(signature) = signature::sign(&endpoint.extras.secrets, &id, timestamp, body) {
            request = request.header("webhook-signature", signature);
        }
        request.send(body)
    }

    /// The client for `options` and the authorities of `endpoint`. Others take another client: a
    /// connection made while private addresses were allowed, or while another authority was
    /// trusted, must not outlive that setting.
    fn agent(&mut self, options: DialOptions, endpoint: &Endpoint) -> &Agent {
        let authorities = &endpoint.extras.authorities;
        let fits = |kept: &Kept| {
            kept.options == options && are_equal(kept.authorities.as_ref(), authorities.as_ref())
        };
        let kept = self.kept.take().filter(fits);
        let make = || Kept {
            options,
            authorities: authorities.clone(),
            agent: dial::agent(options, endpoint.uses_tls(), authorities.as_ref()),
        };
        &self.kept.insert(kept.unwrap_or_else(make)).agent
    }
}

fn are_equal(one: Option<&Authorities>, other: Option<&Authorities>) -> bool {
    let der =
        |authorities: &Authorities| authorities.iter().map(|each| each.der().to_vec()).collect::<Vec<_>>();
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other) || der(one) == der(other),
        (one, other) => one.is_none() && other.is_none(),
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
