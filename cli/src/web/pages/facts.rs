//! What the first page shows of all servers.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;

use super::alerts::data_of;
use crate::connect::fleet::Fleet;
use crate::facts::alerts::{Alert, recent};
use crate::facts::bans::{Ban, List, bans};
use crate::facts::gathered::Gathered;
use crate::facts::policies::{Policy, policies};
use crate::facts::rules::{Rule, rules};
use crate::facts::top::{TopKey, top_keys};

/// How many limited keys the page shows.
const KEYS: usize = 8;
/// Alerts that are fetched: those of the last minutes make the headline.
const FETCHED_ALERTS: usize = 100;
/// Guards that are asked for their bans, and the entries of each. The others are on the page of
/// bans.
pub const GUARDS: usize = 10;
const ENTRIES: usize = 1000;

/// Visitors share them.
pub struct Facts {
    pub top: Gathered<TopKey>,
    pub alerts: Gathered<Alert>,
    pub bans: Gathered<Ban>,
    /// Guards that were not asked.
    pub other_guards: usize,
    /// Whether a guard has more bans than were fetched.
    pub more_bans: bool,
    pub policies: Gathered<Policy>,
    pub rules: Vec<Rule>,
}

impl Facts {
    /// Asks all nodes, and the guards for their bans.
    pub async fn fetch(fleet: Arc<Fleet>, guards: Vec<Vec<u8>>) -> Self {
        let fleet = &*fleet;
        let (top, alerts, policies, rules) =
            tokio::join!(top_keys(fleet, KEYS), recent(fleet, FETCHED_ALERTS), policies(fleet), rules(fleet));
        let asked = first_guards(guards.clone(), &alerts.items);
        let each = asked.iter().map(|guard| bans(fleet, std::slice::from_ref(guard), List::Bans, ENTRIES));
        let mut all = Gathered::default();
        let mut more_bans = false;
        for one in join_all(each).await {
            more_bans |= one.items.len() >= ENTRIES;
            all.items.extend(one.items);
            all.failures.extend(one.failures);
        }
        all.items.sort_by_key(|ban| std::cmp::Reverse(ban.from_ms));
        all.failures.dedup_by(|a, b| a.0 == b.0 && a.1.text == b.1.text);
        Self { top, alerts, bans: all, other_guards: guards.len() - asked.len(), more_bans, policies, rules }
    }
}

/// The guards to ask: those that alerts are about, and then the others.
fn first_guards(mut guards: Vec<Vec<u8>>, alerts: &[Alert]) -> Vec<Vec<u8>> {
    if guards.len() > GUARDS {
        let of_alert = |alert: &Alert| data_of(alert)["key"].as_str().map(|key| key.as_bytes().to_vec());
        let named: BTreeSet<Vec<u8>> = alerts.iter().filter_map(of_alert).collect();
        guards.sort_by_key(|guard| !named.contains(guard));
        guards.truncate(GUARDS);
    }
    guards
}
