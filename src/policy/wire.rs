//! Changes of policies and whole stores as bytes, for replicas, the AOF and the RDB.
//!
//! A payload starts with a version byte: 1 is a [`Change`], 2 is a whole store. postcard encodes
//! what follows. Equal stores give equal bytes.

use serde::{Deserialize, Serialize};

use crate::journal::wire;

use super::rule::{Encoded, Rule};
use super::store::Store;
use super::subject::{self, Pattern};

const CHANGE: u8 = 1;
const WHOLE: u8 = 2;

#[derive(Serialize, Deserialize)]
enum Change {
    Set(Vec<u8>, Encoded),
    SetOverride(Vec<u8>, Vec<u8>, Encoded),
    Delete(Vec<u8>),
    DeleteOverride(Vec<u8>, Vec<u8>),
}

/// A policy: its name, its limits, and its overrides in the order of their texts.
type Whole = (Vec<u8>, Encoded, Vec<(Vec<u8>, Encoded)>);

/// The payload of setting a policy, or its override for `subject`.
pub(super) fn set(name: &[u8], subject: Option<&[u8]>, rule: &Rule) -> Vec<u8> {
    let change = match subject {
        None => Change::Set(name.into(), rule.into()),
        Some(subject) => Change::SetOverride(name.into(), subject.into(), rule.into()),
    };
    wire::write(CHANGE, &change)
}

/// The payload of deleting a policy, or its override for `subject`.
pub(super) fn delete(name: &[u8], subject: Option<&[u8]>) -> Vec<u8> {
    let change = match subject {
        None => Change::Delete(name.into()),
        Some(subject) => Change::DeleteOverride(name.into(), subject.into()),
    };
    wire::write(CHANGE, &change)
}

/// The payload that replaces any store by `store`.
pub(super) fn whole(store: &Store) -> Vec<u8> {
    let all: Vec<Whole> = store
        .sorted()
        .into_iter()
        .map(|(name, policy)| {
            let overrides = policy.sorted_overrides();
            let overrides = overrides.into_iter().map(|(text, rule)| (text, rule.into())).collect();
            (name.to_vec(), policy.rule().into(), overrides)
        })
        .collect();
    wire::write(WHOLE, &all)
}

/// Applies a payload, which may be damaged or hostile. An error changes nothing.
pub(super) fn apply(store: &mut Store, payload: &[u8]) -> Result<(), &'static str> {
    match payload.split_first() {
        Some((&CHANGE, rest)) => change(store, rest).ok_or("a damaged change"),
        Some((&WHOLE, rest)) => {
            let mut read = read_whole(rest).ok_or("damaged policies")?;
            read.adopt_counts(store);
            *store = read;
            Ok(())
        }
        Some(_) => Err("a newer version of lockwatch wrote it"),
        None => Err("it is empty"),
    }
}

fn change(store: &mut Store, bytes: &[u8]) -> Option<()> {
    let named = |name: &[u8]| subject::is_name(name).then_some(());
    // The primary has made the change within its bounds. A store that differs from the primary's
    // stays within them too.
    match wire::read(bytes)? {
        Change::Set(name, rule) => {
            named(&name)?;
            let _ = store.set(&name, rule.decode()?);
        }
        Change::SetOverride(name, subject, rule) => {
            named(&name)?;
            let _ = store.set_override(&name, Pattern::parse(&subject).ok()?, rule.decode()?);
        }
        Change::Delete(name) => {
            store.delete(&name);
        }
        Change::DeleteOverride(name, subject) => {
            store.delete_override(&name, Pattern::parse(&subject).ok()?);
        }
    }
    Some(())
}

fn read_whole(bytes: &[u8]) -> Option<Store> {
    let all: Vec<Whole> = wire::read(bytes)?;
    let names_ascend = all.windows(2).all(|pair| pair[0].0 < pair[1].0);
    let mut store = Store::default();
    for (name, rule, overrides) in all {
        if !subject::is_name(&name) || !overrides.windows(2).all(|pair| pair[0].0 < pair[1].0) {
            return None;
        }
        store.set(&name, rule.decode()?).ok()?;
        for (text, rule) in overrides {
            store.set_override(&name, Pattern::parse(&text).ok()?, rule.decode()?).ok()?;
        }
    }
    names_ascend.then_some(store)
}

/// A digest of the content, by which nodes are compared (FNV-1a of [`whole`]).
pub(super) fn digest(store: &Store) -> u64 {
    whole(store).iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
