//! The arguments of LW.AUDITLOG QUERY.

use ipnet::IpNet;

use crate::journal::id::Id;
use crate::outbox::arguments::COUNT;
use crate::server::call::Call;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::escape::escaped_within;
use crate::text::http;
use crate::text::network;
use crate::text::number;
use crate::text::syntax::Param;
use crate::text::time::unix_ms;

use super::super::entry::{ENDPOINT, USER};
use super::super::request::{
    ANOMALY_OPTION, LIMITED_OPTION, METHOD_OPTION, STATUS, STATUS_OPTION, USER_OPTION,
};
use super::filter::{self, Filter};

const DEFAULT_COUNT: usize = 100;
const MAX_COUNT: u64 = 10_000;

pub(crate) const ARGS: &[Param] = &[
    Param::string(c"kind").token(c"KIND").shown(c"k|prefix*").optional(),
    USER_OPTION,
    Param::string(c"ip").token(c"IP").shown(c"ip|cidr").optional(),
    METHOD_OPTION,
    Param::string(c"prefix").token(c"ENDPOINT").optional(),
    STATUS_OPTION,
    Param::integer(c"from").token(c"FROM").shown(c"ms").optional(),
    Param::integer(c"to").token(c"TO").shown(c"ms").optional(),
    LIMITED_OPTION,
    ANOMALY_OPTION,
    Param::word(c"LOCAL", c"local").optional(),
    COUNT,
    Param::string(c"before").token(c"BEFORE").shown(c"id").optional(),
];

/// A call's arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub filter: Filter,
    /// The most events to list.
    pub count: usize,
    /// List only events that are older than this one.
    pub before: Option<Id>,
    /// Search the journal of this server and not Postgres.
    pub local: bool,
}

impl Page {
    pub(crate) fn parse(call: &Call<'_>, spec: &Spec) -> Result<Self, Refusal> {
        let given = spec.parse(call)?;
        let status = given.optional("STATUS", number::within(STATUS))?;
        let count = given.optional("COUNT", number::within(1..=MAX_COUNT))?;
        Ok(Self {
            filter: Filter {
                kind: given.optional("KIND", filter::kind)?,
                user: given.bytes("USER").map(|user| escaped_within(user, USER).into_owned()),
                network: given.optional("IP", network)?,
                endpoint: given.bytes("ENDPOINT").map(|prefix| escaped_within(prefix, ENDPOINT).into_owned()),
                method: given.optional("METHOD", http::method)?.map(str::to_owned),
                status: status.and_then(|status| u16::try_from(status).ok()),
                from: given.optional("FROM", unix_ms)?,
                to: given.optional("TO", unix_ms)?,
                limited: given.has("LIMITED"),
                anomaly: given.has("ANOMALY"),
            },
            count: count.and_then(|count| usize::try_from(count).ok()).unwrap_or(DEFAULT_COUNT),
            before: given.optional("BEFORE", |text| Id::parse(text).ok_or("is not an event's id"))?,
            local: given.has("LOCAL"),
        })
    }
}

fn network(text: &[u8]) -> Result<IpNet, &'static str> {
    network::network(text).ok_or("is neither an address nor a network in CIDR notation (203.0.113.0/24)")
}
