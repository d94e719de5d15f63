//! The arguments of LW.AUDITLOG QUERY: `[KIND k] [USER id] [IP ip|cidr] [ENDPOINT prefix] [FROM ms]
//! [TO ms] [LIMITED] [ANOMALY] [COUNT n] [BEFORE id]`.

use ipnet::IpNet;

use crate::journal::id::Id;
use crate::outbox::arguments::COUNT;
use crate::server::call::Call;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::escape::{self, escaped_within};
use crate::text::number;
use crate::text::syntax::Param;
use crate::text::time::Timestamp;

use super::super::entry::{ENDPOINT, KIND, USER};
use super::super::request::{ANOMALY_OPTION, KIND_OPTION, LIMITED_OPTION, USER_OPTION};
use super::filter::{self, Filter};

const DEFAULT_COUNT: usize = 100;
const MAX_COUNT: u64 = 10_000;
/// The latest time that Postgres can store, rounded down.
const MAX_MS: u64 = 9_000_000_000_000_000;

pub(crate) const ARGS: &[Param] = &[
    KIND_OPTION,
    USER_OPTION,
    Param::string(c"ip").token(c"IP").shown(c"ip|cidr").optional(),
    Param::string(c"prefix").token(c"ENDPOINT").optional(),
    Param::integer(c"from").token(c"FROM").shown(c"ms").optional(),
    Param::integer(c"to").token(c"TO").shown(c"ms").optional(),
    LIMITED_OPTION,
    ANOMALY_OPTION,
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
}

impl Page {
    pub(crate) fn parse(call: &Call<'_>, spec: &Spec) -> Result<Self, Refusal> {
        let given = spec.parse(call)?;
        let time = |label| given.optional(label, number::within(0..=MAX_MS));
        let count = given.optional("COUNT", number::within(1..=MAX_COUNT))?;
        Ok(Self {
            filter: Filter {
                kind: given.optional("KIND", escape::read_label(KIND))?.map(str::to_owned),
                user: given.bytes("USER").map(|user| escaped_within(user, USER).into_owned()),
                network: given.optional("IP", network)?,
                endpoint: given.bytes("ENDPOINT").map(|prefix| escaped_within(prefix, ENDPOINT).into_owned()),
                from: time("FROM")?.map(Timestamp),
                to: time("TO")?.map(Timestamp),
                limited: given.has("LIMITED"),
                anomaly: given.has("ANOMALY"),
            },
            count: count.and_then(|count| usize::try_from(count).ok()).unwrap_or(DEFAULT_COUNT),
            before: given.optional("BEFORE", |text| Id::parse(text).ok_or("is not an event's id"))?,
        })
    }
}

fn network(text: &[u8]) -> Result<IpNet, &'static str> {
    filter::network(text).ok_or("is neither an address nor a network in CIDR notation (203.0.113.0/24)")
}
