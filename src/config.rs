//! Every directive, in one table. redis.conf.example documents the same list.

#![forbid(unsafe_code)]

use crate::alert::settings;
use crate::audit;
use crate::server::directive::{Directive, Integer, Switch, Text};
use crate::token::session::{MOST_LEEWAY, MOST_TTL};
use crate::token::settings as token;
use crate::window::log::MAX_ENTRIES;

/// The most entries a rate limiter's key holds before old ones merge.
pub static WINDOW_MAX_ENTRIES: Integer = Integer::new(c"window-max-entries", 512, 8, MAX_ENTRIES as i64);

/// The key pairs that sign and verify access tokens: PEM files, separated by spaces.
pub static JWT_KEYS: Text = Text::new(c"jwt-keys", token::take_keys);

/// The file with the secrets that sign access tokens where there is no key pair.
pub static JWT_SECRET_FILE: Text = Text::new(c"jwt-secret-file", token::take_secret_file);

/// The file with the secrets that make refresh tokens.
pub static REFRESH_SECRET_FILE: Text = Text::new(c"refresh-secret-file", token::take_refresh_file);

/// Who issues tokens, unless something is configured.
pub const DEFAULT_ISSUER: &str = "lockwatch";

/// Who issues tokens.
pub static JWT_ISSUER: Text = Text::with_default(c"jwt-issuer", c"lockwatch", token::take_issuer);

/// Whom tokens are for, unless something is configured.
pub const DEFAULT_AUDIENCE: &str = "lockwatch-api";

/// Whom tokens are for, unless a session has an audience of its own.
pub static JWT_AUDIENCE: Text = Text::with_default(c"jwt-audience", c"lockwatch-api", token::take_audience);

/// By how many seconds clocks may be apart.
pub static JWT_LEEWAY: Integer = Integer::new(c"jwt-leeway", 5, 0, MOST_LEEWAY as i64);

/// How many threads sign with RSA keys.
pub static SIGN_THREADS: Integer = Integer::new(c"sign-threads", 2, 1, 64);

/// How many seconds an access token lives.
pub static ACCESS_TTL: Integer = Integer::new(c"access-ttl", 900, 1, MOST_TTL as i64);

/// How many seconds a refresh token lives.
pub static REFRESH_TTL: Integer = Integer::new(c"refresh-ttl", 604_800, 1, MOST_TTL as i64);

/// How many seconds a session lasts at most, however often it is rotated.
pub static SESSION_MAX_AGE: Integer = Integer::new(c"session-max-age", 2_592_000, 1, MOST_TTL as i64);

/// How many sessions a subject may have in a store.
pub static SESSIONS_PER_SUBJECT: Integer = Integer::new(c"sessions-per-subject", 100, 1, 10_000);

/// For how many seconds a refresh token that was just used is answered with the same successor.
pub static ROTATE_GRACE: Integer = Integer::new(c"rotate-grace", 10, 0, 3600);

/// The same for replies that were lost, as long as the successor was not used.
pub static ROTATE_RETRY: Integer = Integer::new(c"rotate-retry", 0, 0, 604_800);

/// Sessions that began before this time, in Unix milliseconds, have ended.
pub static TOKENS_NOT_BEFORE: Integer = Integer::new(c"tokens-not-before", 0, 0, 1 << 53);

/// How many access tokens whose signature was right are remembered.
pub static VERIFY_CACHE_ENTRIES: Integer = Integer::new(c"verify-cache-entries", 10_000, 0, 1_000_000);

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
    Directive::Text(&JWT_KEYS),
    Directive::Text(&JWT_SECRET_FILE),
    Directive::Text(&REFRESH_SECRET_FILE),
    Directive::Text(&JWT_ISSUER),
    Directive::Text(&JWT_AUDIENCE),
    Directive::Integer(&JWT_LEEWAY),
    Directive::Integer(&SIGN_THREADS),
    Directive::Integer(&ACCESS_TTL),
    Directive::Integer(&REFRESH_TTL),
    Directive::Integer(&SESSION_MAX_AGE),
    Directive::Integer(&SESSIONS_PER_SUBJECT),
    Directive::Integer(&ROTATE_GRACE),
    Directive::Integer(&ROTATE_RETRY),
    Directive::Integer(&TOKENS_NOT_BEFORE),
    Directive::Integer(&VERIFY_CACHE_ENTRIES),
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
