//! A change in the form in which it travels to replicas and the AOF.
//!
//! A payload is a byte that names its kind, then a value in postcard's format:
//! - 1: a step;
//! - 2: replaces the guard: its header and what concerns it as a whole;
//! - 3: adds entries.
//!
//! A whole guard is one payload of kind 2, then as many of kind 3 as it takes.

use std::ffi::CStr;

use crate::journal::wire;

use super::snapshot::{self, Item, Opening};
use super::step::{Change, ChangeOf, Step};
use super::value::Guard;

/// The internal command that applies a payload.
pub(crate) const EFFECT: &CStr = c"LW._GUARD";

const STEP: u8 = 1;
const OPENING: u8 = 2;
const MORE: u8 = 3;

/// A decoded payload.
#[derive(Debug, PartialEq)]
pub(crate) enum GuardEffect {
    Step(Step<Change>),
    Opening(Box<Opening>),
    More(Vec<Item>),
}

impl Step<ChangeOf<'_>> {
    pub(crate) fn encode(&self) -> Vec<u8> {
        wire::write(STEP, self)
    }
}

/// Passes on the payloads that create `guard` from nothing.
pub(crate) fn whole(guard: &Guard, emit: &mut dyn FnMut(&[u8])) {
    emit(&wire::write(OPENING, &Opening::of(guard)));
    snapshot::batches(guard, &mut |batch| emit(&wire::write(MORE, batch)));
}

impl GuardEffect {
    pub(crate) fn decode(payload: &[u8]) -> Result<Self, &'static str> {
        let damaged = "it is damaged";
        match payload.split_first() {
            Some((&STEP, rest)) => {
                wire::read(rest).filter(Step::is_sound).map(Self::Step).ok_or("a damaged step")
            }
            Some((&OPENING, rest)) => {
                let opening = wire::read(rest).filter(Opening::is_sound).map(Box::new);
                opening.map(Self::Opening).ok_or(damaged)
            }
            Some((&MORE, rest)) => {
                let items: Option<Vec<Item>> = wire::read(rest);
                items.filter(|items| items.iter().all(Change::is_sound)).map(Self::More).ok_or(damaged)
            }
            Some(_) => Err("a newer version of lockwatch wrote it"),
            None => Err("it is empty"),
        }
    }
}
