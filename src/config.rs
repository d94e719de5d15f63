//! Every directive, in one table. redis.conf.example documents the same list.

#![forbid(unsafe_code)]

use crate::alert::settings;
use crate::audit;
use crate::server::directive::{Directive, Integer, Switch, Text};
use crate::window::effect::MAX_ENTRIES;

/// The most entries a rate limiter's key holds before old ones merge.
pub static WINDOW_MAX_ENTRIES: Integer = Integer::new(c"window-max-entries", 512, 8, MAX_ENTRIES as i64);

/// Where alerts are sent: URLs, separated by spaces.
pub static WEBHOOK_URLS: Text = Text::new(c"webhook-urls", settings::take_urls);

/// The same in a file, for URLs that are secrets: a line each, the URL and then its own secrets.
pub static WEBHOOK_URLS_FILE: Text = Text::new(c"webhook-urls-file", settings::take_urls_file);

/// The file with the secrets that sign alerts.
pub static WEBHOOK_SECRET_FILE: Text = Text::new(c"webhook-secret-file", settings::take_secret_file);

/// How many seconds one try of a delivery may take.
pub static WEBHOOK_TIMEOUT: Integer = Integer::new(c"webhook-timeout", 10, 1, 60);

/// Whether alerts may be sent to private and loopback addresses.
pub static WEBHOOK_ALLOW_PRIVATE: Switch = Switch::new(c"webhook-allow-private", false);

/// How many alerts may wait.
pub static ALERT_MAX_EVENTS: Integer = Integer::new(c"alert-max-events", 10_000, 1, 1_000_000);

/// How many bytes of alerts may wait.
pub static ALERT_MAX_BYTES: Integer = Integer::bytes(c"alert-max-bytes", 16 << 20, 1 << 20, 1 << 30);

/// The file with the URL of the database that audit events are shipped to.
pub static POSTGRES_URL_FILE: Text = Text::new(c"postgres-url-file", audit::settings::take_url_file);

/// How many audit events may wait, or are kept where there is no database.
pub static AUDIT_MAX_EVENTS: Integer = Integer::new(c"audit-max-events", 1_000_000, 16, 100_000_000);

/// How many bytes they may take.
pub static AUDIT_MAX_BYTES: Integer = Integer::bytes(c"audit-max-bytes", 256 << 20, 1 << 20, 64 << 30);

/// How many audit events are shipped at a time.
pub static AUDIT_BATCH: Integer = Integer::new(c"audit-batch", 1000, 1, 10_000);

/// How many days of audit events the database keeps; 0 for all.
pub static AUDIT_RETENTION_DAYS: Integer = Integer::new(c"audit-retention-days", 0, 0, 36_500);

/// For how many seconds an audit event may wait for the database before an alert is raised; 0 for ever.
pub static AUDIT_LAG_ALERT: Integer = Integer::new(c"audit-lag-alert", 300, 0, 315_360_000);

/// Whether anything is delivered at all.
pub static SHIP: Switch = Switch::new(c"ship", true);

/// The table.
pub static DIRECTIVES: &[Directive] = &[
    Directive::Integer(&WINDOW_MAX_ENTRIES),
    Directive::Text(&WEBHOOK_URLS),
    Directive::Text(&WEBHOOK_URLS_FILE),
    Directive::Text(&WEBHOOK_SECRET_FILE),
    Directive::Integer(&WEBHOOK_TIMEOUT),
    Directive::Switch(&WEBHOOK_ALLOW_PRIVATE),
    Directive::Integer(&ALERT_MAX_EVENTS),
    Directive::Integer(&ALERT_MAX_BYTES),
    Directive::Text(&POSTGRES_URL_FILE),
    Directive::Integer(&AUDIT_MAX_EVENTS),
    Directive::Integer(&AUDIT_MAX_BYTES),
    Directive::Integer(&AUDIT_BATCH),
    Directive::Integer(&AUDIT_RETENTION_DAYS),
    Directive::Integer(&AUDIT_LAG_ALERT),
    Directive::Switch(&SHIP),
];
