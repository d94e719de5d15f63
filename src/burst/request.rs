//! The arguments of LW.BURST: `key threshold window [COOLDOWN d] [IP ip] [ENDPOINT path] [METHOD m]
//! [AGENT ua]`.

use std::net::IpAddr;

use crate::server::call::Call;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::duration;
use crate::text::http;
use crate::text::number;
use crate::text::syntax::Param;
use crate::text::time::Span;

use super::decision::Watch;

/// 2^53 - 1, the highest integer that every client language can hold.
const MAX_THRESHOLD: u64 = (1 << 53) - 1;

const DEFAULT_COOLDOWN: Span = Span(60_000);

pub(super) const ARGS: &[Param] = &[
    Param::KEY,
    Param::integer(c"threshold"),
    Param::string(c"window"),
    Param::string(c"cooldown").token(c"COOLDOWN").shown(c"d").optional(),
    Param::string(c"ip").token(c"IP").optional(),
    Param::string(c"endpoint").token(c"ENDPOINT").shown(c"path").optional(),
    Param::string(c"method").token(c"METHOD").shown(c"m").optional(),
    Param::string(c"agent").token(c"AGENT").shown(c"ua").optional(),
];

pub(super) struct Request<'a> {
    pub watch: Watch,
    pub context: Context<'a>,
}

/// The HTTP request that the caller counts. Alerts repeat it.
#[derive(Default)]
pub(super) struct Context<'a> {
    pub ip: Option<IpAddr>,
    pub endpoint: Option<&'a [u8]>,
    pub method: Option<&'a str>,
    pub agent: Option<&'a [u8]>,
}

impl<'a> Request<'a> {
    #[inline]
    pub(super) fn parse(call: &Call<'a>, spec: &Spec) -> Result<Self, Refusal> {
        let given = spec.parse(call)?;
        Ok(Self {
            watch: Watch {
                threshold: given.required("threshold", number::within(1..=MAX_THRESHOLD))?,
                window: given.required("window", duration::parse)?,
                cooldown: given.optional("COOLDOWN", duration::parse)?.unwrap_or(DEFAULT_COOLDOWN),
            },
            context: Context {
                ip: given.optional("IP", http::address)?,
                endpoint: given.bytes("ENDPOINT"),
                method: given.optional("METHOD", http::method)?,
                agent: given.bytes("AGENT"),
            },
        })
    }
}
