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
use crate::text::time::Timestamp;

use super::super::change::Change;
use super::super::id::SessionId;
use super::super::keyring;
use super::super::native::commit;
use super::super::session::{MOST_DENIED, REMEMBERED, Session};
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
        let (count, changes) = changes;
        if !changes.is_empty() {
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

    /// How many that were live it ends, and what that changes. What is stored is ended, live or not: a clock or
    /// `tokens-not-before` that is set back brings nothing back that was revoked.
    fn changes(&self, store: Option<&Store>, now: Timestamp) -> Result<(u64, Vec<Change>), Refusal> {
        let is_live = |session: &Session| session.is_live(now, settings::TOKENS_NOT_BEFORE.get());
        let stored = |id| store.and_then(|store| store.get(id));
        let end = |id| match stored(id) {
            Some(session) => (u64::from(is_live(session)), vec![Change::End(id)]),
            None => (0, Vec::new()),
        };
        match self {
            Self::Session(id) => Ok(end(*id)),
            Self::Subject(subject, except) => {
                let Some(store) = store else { return Ok((0, Vec::new())) };
                let sessions = || store.of_subject(subject).filter(|(id, _)| Some(*id) != *except);
                let live = sessions().filter(|(_, session)| is_live(session)).count();
                Ok((live as u64, sessions().map(|(id, _)| Change::End(id)).collect()))
            }
            Self::Token(token) if token.starts_with(refresh::PREFIX.as_bytes()) => {
                let ring = keyring::current();
                ring.refresh_secret()?;
                Ok(end(refresh::read(token, &ring.refresh)?.session))
            }
            Self::Token(token) => {
                let claims = verify::signed(&keyring::current(), token)?;
                let session = stored(claims.session).filter(|session| *session.subject == *claims.subject);
                let Some(session) = session.filter(|session| !session.denies(claims.generation)) else {
                    return Ok((0, Vec::new()));
                };
                let is_over = now >= claims.expires + settings::JWT_LEEWAY.get();
                let count = u64::from(is_live(session) && !is_over);
                let until = claims.expires + REMEMBERED;
                Ok(match () {
                    () if now >= until => (0, Vec::new()),
                    // It can't come to this unless nearly every access token of a session is revoked.
                    () if session.denied() >= MOST_DENIED => (count, vec![Change::End(claims.session)]),
                    () => (count, vec![Change::Deny(claims.session, claims.generation, now, until)]),
                })
            }
        }
    }
}
