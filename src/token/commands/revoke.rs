//! `LW.REVOKE key TOKEN token | SESSION id | SUBJECT subject [EXCEPT id]`
//!
//! Ends what is named, and replies how many sessions or access tokens that were: of an access token that token alone, of a
//! refresh token of any generation its session, of a subject all its sessions but one. What is unknown or over counts 0; a
//! token with a wrong signature is `LWINVALID`.

use crate::server::args::Args;
use crate::server::call::Call;
use crate::server::command::{Command, KeyAccess, Spec};
use crate::server::docs::{DocArg, DocKind};
use crate::server::error::Refusal;
use crate::server::native::Boxed;
use crate::server::time::{Span, Timestamp};

use super::super::change::Change;
use super::super::id::SessionId;
use super::super::keyring;
use super::super::native::commit;
use super::super::session::{MOST_DENIED, MOST_LEEWAY, Session};
use super::super::store::Store;
use super::super::{clock, counters, refresh, settings, verify};
use super::arguments::{self, misuse};

const SYNTAX: &str = "LW.REVOKE key TOKEN token | SESSION id | SUBJECT subject [EXCEPT id]";

/// The command.
pub struct Revoke;

impl Command for Revoke {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.REVOKE",
        flags: "write no-monitor no-slowlog",
        categories: "write slow",
        arity: -4,
        key: KeyAccess::Update,
        summary: c"Ends an access token, a session, or all sessions of a subject.",
        complexity: c"O(log N + M) with N the number of sessions in the store and M those of the subject.",
        since: c"0.1.0",
        args: &[
            DocArg::new(c"key", DocKind::Key),
            DocArg {
                parts: &[
                    DocArg { token: Some(c"TOKEN"), ..DocArg::new(c"token", DocKind::String) },
                    DocArg { token: Some(c"SESSION"), ..DocArg::new(c"session", DocKind::String) },
                    DocArg { token: Some(c"SUBJECT"), ..DocArg::new(c"subject", DocKind::String) },
                ],
                ..DocArg::new(c"what", DocKind::OneOf)
            },
            DocArg { token: Some(c"EXCEPT"), optional: true, ..DocArg::new(c"except", DocKind::String) },
        ],
        internal: false,
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (name, args) = call.key_and_args();
        let what = What::parse(args)?;
        call.require_primary()?;
        let mut key = call.write(name);
        let now = clock::time(call.now());
        let changes = match key.value::<Boxed<Store>>()? {
            Some(store) => what.changes(Some(&store), now)?,
            None => what.changes(None, now)?,
        };
        let count = changes.len() as u64;
        if count > 0 {
            commit(call, name, key, changes, now)?;
        }
        counters::REVOKED.add(count);
        call.reply_integer(count);
        Ok(())
    }
}

enum What<'a> {
    Token(&'a [u8]),
    Session(SessionId),
    Subject(&'a str, Option<SessionId>),
}

impl<'a> What<'a> {
    fn parse(mut args: Args<'a>) -> Result<Self, Refusal> {
        let (word, value) = (args.next(), args.next());
        let word = word.map(|arg| arg.bytes()).unwrap_or_default();
        let value = value.map(|arg| arg.bytes()).unwrap_or_default();
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        let what = match () {
            () if is("TOKEN") => Self::Token(value),
            () if is("SESSION") => Self::Session(arguments::session_id("session", value, SYNTAX)?),
            () if is("SUBJECT") => {
                let subject = arguments::name("subject", value, SYNTAX)?;
                let mut options = arguments::Options::new(args.clone(), &["EXCEPT"], SYNTAX);
                let mut except = None;
                while let Some((_, value)) = options.next()? {
                    except = Some(arguments::session_id("except", value, SYNTAX)?);
                }
                return Ok(Self::Subject(subject, except));
            }
            () => return Err(misuse("neither TOKEN nor SESSION nor SUBJECT is named", SYNTAX)),
        };
        match args.remaining() {
            0 => Ok(what),
            _ => Err(misuse("there are too many arguments", SYNTAX)),
        }
    }

    /// What ending it changes.
    fn changes(&self, store: Option<&Store>, now: Timestamp) -> Result<Vec<Change>, Refusal> {
        let is_live = |session: &&Session| session.is_live(now, settings::not_before());
        let live = |id| store.and_then(|store| store.get(id)).filter(is_live);
        let end = |id| if live(id).is_some() { vec![Change::End(id)] } else { Vec::new() };
        match self {
            Self::Session(id) => Ok(end(*id)),
            Self::Subject(subject, except) => {
                let Some(store) = store else { return Ok(Vec::new()) };
                let sessions = store.of_subject(subject).filter(|(_, session)| is_live(session));
                let ended = sessions.map(|(id, _)| id).filter(|id| Some(*id) != *except);
                Ok(ended.map(Change::End).collect())
            }
            Self::Token(token) if token.starts_with(refresh::PREFIX.as_bytes()) => {
                let ring = keyring::current();
                ring.refresh_secret()?;
                Ok(end(refresh::read(token, &ring.refresh)?.session))
            }
            Self::Token(token) => {
                let claims = verify::signed(&keyring::current(), token)?;
                let session = live(claims.session).filter(|session| *session.subject == *claims.subject);
                let is_over = now >= claims.expires + settings::leeway();
                Ok(match session.filter(|session| !is_over && !session.denies(claims.generation)) {
                    None => Vec::new(),
                    // It can't come to this unless nearly every access token of a session is revoked.
                    Some(session) if session.denied() >= MOST_DENIED => vec![Change::End(claims.session)],
                    Some(_) => {
                        let until = claims.expires + Span(u64::from(MOST_LEEWAY) * 1000);
                        vec![Change::Deny(claims.session, claims.generation, now, until)]
                    }
                })
            }
        }
    }
}
