//! Whom a call is about, as its arguments say it.

use std::net::IpAddr;

use crate::text::options::{Given, Malformed};

use super::super::address;
use super::super::hash::HashKey;
use super::super::value::Ask;

/// The subjects of a call in plain text. They leave the call only in alerts and audit events.
#[derive(Clone, Copy, Default)]
pub(crate) struct Subjects<'a> {
    /// Normalised.
    pub ip: Option<IpAddr>,
    pub user: Option<&'a [u8]>,
    pub device: Option<&'a [u8]>,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
}

impl<'a> Subjects<'a> {
    /// Reads those options that the command has.
    pub(crate) fn parse(given: &Given<'a>, options: &[&str]) -> Result<Self, Malformed> {
        let mut subjects = Self::default();
        for option in options {
            match *option {
                "IP" => subjects.ip = given.optional("IP", address::read)?,
                "USER" => subjects.user = given.optional("USER", name)?,
                "DEVICE" => subjects.device = given.optional("DEVICE", name)?,
                "KEY" => subjects.key = given.optional("KEY", name)?,
                _ => subjects.value = given.optional("VALUE", name)?,
            }
        }
        Ok(subjects)
    }

    pub(crate) fn ask(&self, hash_key: &HashKey) -> Ask {
        Ask {
            ip: self.ip,
            user: self.user.map(|user| hash_key.user(user)),
            device: self.device.map(|device| hash_key.device(device)),
            key: self.key.map(|key| hash_key.key(key)),
            value: self.value.map(|value| hash_key.value(value)),
        }
    }
}

/// Any bytes but none: an empty name is the mistake of an application that would lump all its users
/// together.
pub(crate) fn name(text: &[u8]) -> Result<&[u8], &'static str> {
    if text.is_empty() { Err("is empty") } else { Ok(text) }
}
