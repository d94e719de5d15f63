//! The directives of the audit log, and the database that audit events are shipped to: the one that
//! the environment names, else the one that a directive names.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crate::server::directive::{Bytes, Count, Seconds, Text};
use lockwatch_common::file::read_small;

use lockwatch_common::postgres::target::Target;

/// The file with the URL of the database.
pub(crate) static POSTGRES_URL_FILE: Text<Option<Arc<Target>>> =
    Text::of_files(c"postgres-url-file", read_url_file).on_change(|| CHANGED.store(true, Ordering::Relaxed));

/// How many audit events may be pending, or are kept where there is no database.
pub(crate) static AUDIT_MAX_EVENTS: Count = Count::new(c"audit-max-events", 1_000_000, 16, 100_000_000);

/// How much memory those events may take.
pub(crate) static AUDIT_MAX_BYTES: Bytes =
    Bytes::with_units(c"audit-max-bytes", 256 << 20, 1 << 20, 64 << 30);

/// How many audit events are shipped at a time.
pub(crate) static AUDIT_BATCH: Count = Count::new(c"audit-batch", 1000, 1, 10_000);

/// How many days ago an event may have happened, so that a caller cannot make a partition for each
/// day since 2000.
pub(crate) static AUDIT_MAX_AGE_DAYS: Count<u64> = Count::new(c"audit-max-age-days", 30, 1, 36_500);

/// How many days of audit events the database keeps; 0 for all.
pub(crate) static AUDIT_RETENTION_DAYS: Count<i64> = Count::new(c"audit-retention-days", 0, 0, 36_500);

/// How long an audit event may be pending before an alert is raised; 0 for any length.
pub(crate) static AUDIT_LAG_ALERT: Seconds = Seconds::new(c"audit-lag-alert", 300, 0, 315_360_000);

/// The variable of the environment that outweighs `postgres-url-file`.
const VARIABLE: &str = "LOCKWATCH_DATABASE_URL";

static FROM_ENVIRONMENT: OnceLock<Arc<Target>> = OnceLock::new();

static CHANGED: AtomicBool = AtomicBool::new(false);

fn read_url_file(path: &[u8]) -> Result<Option<Arc<Target>>, String> {
    if path.is_empty() { Ok(None) } else { Ok(Some(Arc::new(Target::parse_file(&read_small(path)?)?))) }
}

/// Reads the environment, once, when the module loads.
pub(crate) fn read_environment() -> Result<(), String> {
    let Some(url) = std::env::var_os(VARIABLE).filter(|url| !url.is_empty()) else { return Ok(()) };
    let url = url.to_str().ok_or_else(|| format!("{VARIABLE} is not text"))?;
    let target = Target::parse(url.trim()).map_err(|why| format!("{VARIABLE}: {why}"))?;
    FROM_ENVIRONMENT.get_or_init(|| Arc::new(target));
    CHANGED.store(true, Ordering::Relaxed);
    Ok(())
}

/// The database that events are shipped to, if that has changed since the last call.
pub(crate) fn changed() -> Option<Option<Arc<Target>>> {
    let changed = CHANGED.swap(false, Ordering::Relaxed);
    changed.then(|| FROM_ENVIRONMENT.get().cloned().or_else(|| POSTGRES_URL_FILE.get()))
}
