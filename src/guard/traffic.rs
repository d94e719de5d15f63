//! Generated traffic against the built-in rules: what attacks get, and what it costs the honest.
//!
//! - [`site`]: a guard under a simulated clock, and a record of what it does. [`generator`]: random
//!   numbers with a fixed seed.
//! - [`attacks`]: guessing, stuffing and spraying, from one address and from many.
//! - [`people`]: honest people who log in, mistype, forget and give up. [`habits`]: how often they
//!   do. [`honest`]: many of them behind one address.
//! - [`broken`]: a site where every login fails for ten minutes. [`stale`]: applications that repeat
//!   an old password.
//! - [`tricks`]: what attackers try in order to get more guesses.
//! - [`escalation`]: how bans grow.
//!
//! Tests print lines of tables: `cargo test --profile it --features debug-commands --lib
//! guard::traffic -- --nocapture`. Attacks and working days last 30 days where `LOCKWATCH_SOAK` is
//! set, otherwise about a week.

mod attacks;
mod broken;
mod escalation;
mod generator;
mod habits;
mod honest;
mod people;
mod site;
mod stale;
mod tricks;
