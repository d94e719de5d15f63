//! Every directive, in one table. A part declares its directives in its `settings.rs`.
//! redis.conf.example documents the same list.

#![forbid(unsafe_code)]

use crate::server::directive::Directive;
use crate::{alert, audit, cell, guard, outbox, ship, token, top, window};

pub(crate) static DIRECTIVES: &[&dyn Directive] = &[
    &window::settings::WINDOW_MAX_ENTRIES,
    &cell::settings::CL_THROTTLE,
    &top::settings::TOP_KEYS,
    &token::settings::JWT_KEYS,
    &token::settings::JWT_SECRET_FILE,
    &token::settings::REFRESH_SECRET_FILE,
    &token::settings::JWT_ISSUER,
    &token::settings::JWT_AUDIENCE,
    &token::settings::JWT_LEEWAY,
    &token::settings::SIGN_THREADS,
    &token::settings::ACCESS_TTL,
    &token::settings::REFRESH_TTL,
    &token::settings::SESSION_MAX_AGE,
    &token::settings::SESSIONS_PER_SUBJECT,
    &token::settings::ROTATE_GRACE,
    &token::settings::ROTATE_RETRY,
    &token::settings::TOKENS_NOT_BEFORE,
    &token::settings::VERIFY_CACHE_ENTRIES,
    &alert::settings::WEBHOOK_URLS,
    &alert::settings::WEBHOOK_URLS_FILE,
    &alert::settings::WEBHOOK_SECRET_FILE,
    &alert::settings::WEBHOOK_TIMEOUT,
    &alert::settings::WEBHOOK_ALLOW_PRIVATE,
    &alert::settings::ALERT_MAX_EVENTS,
    &alert::settings::ALERT_MAX_BYTES,
    &audit::settings::POSTGRES_URL_FILE,
    &audit::settings::AUDIT_MAX_EVENTS,
    &audit::settings::AUDIT_MAX_BYTES,
    &audit::settings::AUDIT_BATCH,
    &audit::settings::AUDIT_MAX_AGE_DAYS,
    &audit::settings::AUDIT_RETENTION_DAYS,
    &audit::settings::AUDIT_LAG_ALERT,
    &guard::settings::GUARD_RULES_FILE,
    &guard::settings::GUARD_MODE,
    &guard::settings::GUARD_NEVER_BAN,
    &guard::settings::GUARD_LEARN,
    &guard::settings::GUARD_MAX_BYTES,
    &ship::SHIP,
    &outbox::settings::JOURNAL,
];
