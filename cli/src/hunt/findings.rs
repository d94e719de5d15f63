//! The strangest of all subjects of a log.

use std::net::IpAddr;

use ipnet::IpNet;

use super::census::Census;
use super::event::{HOUR, unmapped};
use super::features::{OF_ADDRESSES, OF_USERS, Site, quietest};
use super::name::Name;
use super::options::{Args, By};
use super::score::{FEWEST, Strange, strangest};
use super::subject::Subject;

/// Subjects beyond the wanted ones that are ranked, in case the first turn out to be allowed.
const RESERVE: usize = 50;

pub(super) struct Findings {
    pub(super) addresses: Option<Ranking>,
    pub(super) users: Option<Ranking>,
    /// Hours of the day in UTC.
    pub(super) night: (usize, usize),
}

/// Users or addresses.
pub(super) struct Ranking {
    /// How many were compared; or were too few for that.
    pub(super) compared: usize,
    /// The strangest first.
    pub(super) strangest: Vec<Strange>,
}

impl Ranking {
    pub(super) fn is_too_small(&self) -> bool {
        self.compared < FEWEST
    }
}

impl Findings {
    pub(super) fn of(census: &Census, args: &Args) -> Self {
        let totals = &census.totals;
        let night = args.night.unwrap_or_else(|| quietest(&totals.hours));
        let is_night = std::array::from_fn(|hour| is_between(hour, night));
        let span = totals.last_ms - totals.first_ms + HOUR;
        let site = Site::new(&totals.hours, is_night, totals.calls, totals.failures, span);
        let addresses = args.compares(By::Ip).then(|| {
            let named = census.addresses.iter().map(|(block, it)| (Name::Address(*block), it));
            let counted = compared(named, args.min_calls);
            let strangest =
                strangest(&counted, &OF_ADDRESSES, &site, usize::from(args.top) + RESERVE, args.seed);
            Ranking { compared: counted.len(), strangest }
        });
        let users = args.compares(By::User).then(|| {
            let named = census.users.iter().map(|(user, it)| (Name::User(user.clone()), it));
            let mut counted = compared(named, args.min_calls);
            counted.retain(|(name, _)| !args.exclude_user.iter().any(|it| it.as_bytes() == name.bytes()));
            let strangest = strangest(&counted, &OF_USERS, &site, usize::from(args.top) + RESERVE, args.seed);
            Ranking { compared: counted.len(), strangest }
        });
        Self { addresses, users, night }
    }

    pub(super) fn rankings(&self) -> impl Iterator<Item = &Ranking> {
        self.addresses.iter().chain(&self.users)
    }

    pub(super) fn rankings_mut(&mut self) -> impl Iterator<Item = &mut Ranking> {
        self.addresses.iter_mut().chain(&mut self.users)
    }
}

/// Those with enough calls, in the order of their names, so that it does not depend on the map.
fn compared<'a>(
    subjects: impl Iterator<Item = (Name, &'a Subject)>,
    least_calls: u32,
) -> Vec<(Name, &'a Subject)> {
    let mut enough: Vec<_> = subjects.filter(|(_, subject)| subject.calls >= least_calls).collect();
    enough.sort_by(|(one, _), (other, _)| one.cmp(other));
    enough
}

/// Whether `hour` lies between two hours of the day, over midnight if need be.
fn is_between(hour: usize, (from, to): (usize, usize)) -> bool {
    if from < to { (from..to).contains(&hour) } else { hour >= from || hour < to }
}

/// Whether one of `blocks` has the address.
pub(super) fn is_in(blocks: &[IpNet], ip: IpAddr) -> bool {
    let ip = unmapped(ip);
    blocks.iter().any(|block| block.contains(&ip))
}
