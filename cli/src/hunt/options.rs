//! The options of `lockwatch hunt`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use ipnet::IpNet;

use super::event::DAY;
use crate::database;

/// Searches the audit log for the users and addresses that behave least like the others.
///
/// It prints the strangest with what makes them so, and the command that would ban each. It bans
/// nobody: somebody is always the strangest, so a person has to decide.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// How many days before the end to read.
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=366))]
    pub days: u16,

    /// Begin, in place of --days: 2026-03-02, 2026-03-02T08:00:00Z, or Unix milliseconds.
    #[arg(long, value_name = "TIME", value_parser = point_in_time, conflicts_with = "days")]
    pub since: Option<i64>,

    /// End. Default: now.
    #[arg(long, value_name = "TIME", value_parser = point_in_time)]
    pub until: Option<i64>,

    /// Whom to compare. Default: both.
    #[arg(long, value_enum)]
    pub by: Option<By>,

    /// How many of each to print.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub top: u16,

    /// Those with fewer calls are not compared.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub min_calls: u32,

    /// Leaves out these addresses. May be given several times.
    #[arg(long, value_name = "CIDR", value_parser = block, value_delimiter = ',')]
    pub exclude: Vec<IpNet>,

    /// Leaves out this user. May be given several times.
    #[arg(long, value_name = "NAME")]
    pub exclude_user: Vec<String>,

    /// The guard for which LW.BAN is printed, and whose allow entries are left out.
    #[arg(long, value_name = "KEY", default_value = "login")]
    pub guard: String,

    /// The token store for which LW.REVOKE is printed.
    #[arg(long, value_name = "KEY", default_value = "auth")]
    pub store: String,

    /// Hours of the night in UTC, such as 22-6. Default: the quietest eight hours of the log.
    #[arg(long, value_name = "FROM-TO", value_parser = hours)]
    pub night: Option<(usize, usize)>,

    /// The field of an event's data that holds the client's agent.
    #[arg(long, value_name = "FIELD", default_value = "agent")]
    pub agent_field: String,

    /// Raises an alert for the strangest, at most ten a run, and once a day for each.
    #[arg(long, conflicts_with = "no_redis")]
    pub alert: bool,

    /// The least score for an alert.
    #[arg(long, value_name = "SCORE", default_value_t = 0.65, value_parser = score)]
    pub alert_score: f64,

    /// Asks no server. Then only --exclude says who is left out.
    #[arg(long)]
    pub no_redis: bool,

    /// Prints JSON.
    #[arg(long, conflicts_with = "quiet")]
    pub json: bool,

    /// Prints the summary alone: one line.
    #[arg(long, short)]
    pub quiet: bool,

    /// How long Postgres may take.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = patience)]
    pub query_timeout: Duration,

    /// How many users and how many addresses are kept in memory, at most; up to 10 KB each.
    #[arg(long, value_name = "N", default_value_t = 50_000, hide_short_help = true,
          value_parser = clap::value_parser!(u32).range(20..=10_000_000))]
    pub max_subjects: u32,

    /// Another number gives slightly other scores. The same number gives the same.
    #[arg(long, value_name = "N", default_value_t = 1, hide_short_help = true)]
    pub seed: u64,

    // The last, because its heading applies to what follows.
    #[command(flatten)]
    pub database: database::Options,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    User,
    Ip,
}

impl Args {
    /// Begin and end, in Unix milliseconds.
    pub(super) fn range(&self) -> Result<(i64, i64)> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
        let until = self.until.unwrap_or(now);
        let since = self.since.unwrap_or_else(|| until - i64::from(self.days) * DAY);
        if since >= until {
            bail!("--since is not before {}", if self.until.is_some() { "--until" } else { "now" });
        }
        Ok((since, until))
    }

    pub(super) fn compares(&self, by: By) -> bool {
        self.by.is_none_or(|chosen| chosen == by)
    }
}

fn point_in_time(text: &str) -> Result<i64, String> {
    // The last millisecond of the year 9999.
    const LATEST: i64 = 253_402_300_799_999;
    if let Ok(ms) = text.parse::<i64>() {
        return if (0..=LATEST).contains(&ms) { Ok(ms) } else { Err("must be 0 to 253402300799999".into()) };
    }
    let full = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let parsed = humantime::parse_rfc3339_weak(&full).ok();
    let since = parsed.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since
        .map(|since| since.as_millis() as i64)
        .ok_or_else(|| "write 2026-03-02, 2026-03-02T08:00:00Z, or Unix milliseconds".into())
}

fn block(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<std::net::IpAddr>().map(IpNet::from).ok();
    let block = address.or_else(|| text.parse::<IpNet>().ok());
    block
        .map(|block| block.trunc())
        .ok_or_else(|| "write an address or a block such as 203.0.113.0/24".into())
}

fn hours(text: &str) -> Result<(usize, usize), String> {
    let parsed = text.split_once('-').and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    match parsed {
        Some((from, to)) if from < 24 && to < 24 && from != to => Ok((from, to)),
        _ => Err("write two different hours of the day from 0 to 23, such as 22-6".into()),
    }
}

fn score(text: &str) -> Result<f64, String> {
    let score = text.parse().ok().filter(|score| (0.0..=1.0).contains(score));
    score.ok_or_else(|| "must be 0 to 1".into())
}

fn patience(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|why| format!("{why} (write 500ms, 60s or 10m)"))?;
    let range = Duration::from_millis(1)..=Duration::from_secs(24 * 60 * 60);
    if range.contains(&time) { Ok(time) } else { Err("must be 1ms to 24h".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_accept_what_the_help_says() {
        assert_eq!(point_in_time("2026-03-02"), Ok(1_772_409_600_000));
        assert_eq!(point_in_time("2026-03-02T08:00:00Z"), Ok(1_772_438_400_000));
        assert_eq!(point_in_time("1772409600000"), Ok(1_772_409_600_000));
        for bad in ["", "yesterday", "-1", "2026-13-02", "1960-01-01", "99999999999999999999"] {
            assert!(point_in_time(bad).is_err(), "{bad}");
        }
        assert_eq!(hours("22-6"), Ok((22, 6)));
        assert!(["24-1", "1", "6-6", "a-b", "-1-3"].iter().all(|bad| hours(bad).is_err()));
        assert_eq!(block("203.0.113.9/24").map(|block| block.to_string()), Ok("203.0.113.0/24".into()));
        assert!(block("2001:db8::1").is_ok() && block("host").is_err() && block("1.2.3.4/33").is_err());
        assert!(score("0.6").is_ok() && score("NaN").is_err() && score("2").is_err());
        assert!(patience("1ns").is_err() && patience("2m").is_ok());
    }
}
