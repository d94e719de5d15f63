//! What the pages other than the first one ask the servers. Visitors who ask the same share it.

use std::sync::Arc;

use crate::connect::failure::Failure;
use crate::connect::fleet::Fleet;
use crate::facts::alerts::{Alert, DeadLetter, Queue, dead, recent};
use crate::facts::audit::{Event, Query, search};
use crate::facts::bans::{Ban, List, bans};
use crate::facts::gathered::Gathered;
use crate::facts::keys::{Inspected, Peeked, inspect, peek};
use crate::facts::policies::{Policy, policies};
use crate::facts::rules::{Rule, rules};
use crate::facts::top::{TopKey, top_keys};
use crate::facts::why::{Subject, Why, why};

/// Keys on the page of limits.
const KEYS: usize = 100;
/// Alerts and dead letters.
const MOST: usize = 100;

pub type Limits = (Gathered<TopKey>, Gathered<Policy>);

pub async fn limits(fleet: Arc<Fleet>) -> Limits {
    tokio::join!(top_keys(&fleet, KEYS), policies(&fleet))
}

pub struct Key {
    /// What a policy says of the key, if one was asked about.
    pub peeked: Option<Result<Peeked, Failure>>,
    pub inspected: Result<Option<Inspected>, Failure>,
}

/// `policy` may be empty.
pub async fn key(fleet: Arc<Fleet>, name: Vec<u8>, policy: String) -> Key {
    let peeked = if policy.is_empty() { None } else { Some(peek(&fleet, &name, &policy).await) };
    Key { peeked, inspected: inspect(&fleet, &name).await }
}

pub type Bans = (Gathered<Ban>, Vec<Rule>);

/// At most `most` entries of each guard.
pub async fn entries(fleet: Arc<Fleet>, guards: Vec<Vec<u8>>, list: List, most: usize) -> Bans {
    tokio::join!(bans(&fleet, &guards, list, most), rules(&fleet))
}

/// With the newest alerts, among which a lift is looked for.
pub type Reasons = (Result<Why, Failure>, Vec<Rule>, Gathered<Alert>);

pub async fn reasons(fleet: Arc<Fleet>, guard: Vec<u8>, subject: Subject) -> Reasons {
    tokio::join!(why(&fleet, &guard, &subject), rules(&fleet), recent(&fleet, MOST))
}

pub async fn events(fleet: Arc<Fleet>, query: Query) -> Gathered<Event> {
    search(&fleet, &query).await
}

pub struct Letters {
    pub alerts: Gathered<Alert>,
    pub dead_alerts: Gathered<DeadLetter>,
    pub dead_events: Gathered<DeadLetter>,
}

pub async fn letters(fleet: Arc<Fleet>) -> Letters {
    let (alerts, dead_alerts, dead_events) = tokio::join!(
        recent(&fleet, MOST),
        dead(&fleet, Queue::Alerts, MOST),
        dead(&fleet, Queue::Audit, MOST)
    );
    Letters { alerts, dead_alerts, dead_events }
}
