//! LW.ACQUIRE, LW.RENEW and LW.RELEASE.

mod arguments;
mod calls;
mod contexts;
mod copies;
mod damaged;
mod onclose;
mod persistence;
mod race;

use super::support::leases::Acquired;
