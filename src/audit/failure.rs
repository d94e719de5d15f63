//! Why something that was asked of Postgres failed, in our own words.

use std::error::Error as StdError;
use std::io;

use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity};

use super::refused::DataError;
use super::sqlstate::SqlState;

#[derive(Debug)]
pub struct Failure {
    /// A text without secrets, without names of roles, databases and hosts, and without any data of
    /// events: never a message of Postgres.
    pub reason: String,
    /// Set if Postgres answered.
    pub(crate) state: Option<SqlState>,
    /// Set if Postgres refused a statement and goes on with the session: then a row of the
    /// statement may be at fault, or the database.
    pub(crate) refusal: Option<DataError>,
    /// Whether a row belongs to no partition.
    pub(crate) lacks_partition: bool,
    /// Whether Postgres refuses every row at present.
    pub(crate) refuses_all: bool,
}

/// The function of Postgres that finds that a row belongs to no partition. Its SQLSTATE is that of
/// any check.
const FINDS_PARTITION: &str = "ExecFindPartition";

impl Failure {
    /// A failure without an answer of Postgres.
    pub(crate) fn other(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), state: None, refusal: None, lacks_partition: false, refuses_all: false }
    }

    pub(crate) fn is(&self, state: SqlState) -> bool {
        self.state == Some(state)
    }

    fn answered(answer: &DbError) -> Self {
        let state = SqlState::of(answer.code().code());
        // FATAL and PANIC end the session. PgBouncer sends the older form of the severity alone.
        let goes_on = answer
            .parsed_severity()
            .map_or(answer.severity() == "ERROR", |severity| severity == Severity::Error);
        Self {
            reason: format!("{} ({state})", state.meaning()),
            state: Some(state),
            refusal: goes_on.then(|| DataError::of(state, answer.message())),
            lacks_partition: answer.routine() == Some(FINDS_PARTITION),
            refuses_all: false,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        error.as_db_error().map_or_else(|| Self::other(without_answer(&error)), Self::answered)
    }
}

/// The text of an error that occurred before Postgres could answer.
fn without_answer(error: &Error) -> String {
    if error.is_closed() {
        return "the connection is closed".into();
    }
    // The text of the error itself is one of a few fixed ones. Those of its causes may contain
    // names.
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(meaning) = meaning(inner) {
            return format!("{error}: {meaning}");
        }
        cause = inner.source();
    }
    error.to_string()
}

fn meaning(cause: &(dyn StdError + 'static)) -> Option<String> {
    if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
        return Some(meaning_of_tls(tls).into());
    }
    if let Some(io) = cause.downcast_ref::<io::Error>() {
        if let Some(tls) = io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Some(meaning_of_tls(tls).into());
        }
        return Some(meaning_of_io(io));
    }
    match cause.to_string().as_str() {
        "server does not support TLS" => Some("the server does not support TLS".into()),
        "password missing" => Some("the URL has no password".into()),
        _ => None,
    }
}

fn meaning_of_io(error: &io::Error) -> String {
    // The standard library has no kind for this error.
    if error.to_string().starts_with("failed to lookup address information") {
        return "the name of the host can't be looked up".into();
    }
    match error.kind() {
        io::ErrorKind::Other | io::ErrorKind::InvalidData => "an unexpected error".into(),
        kind => kind.to_string(),
    }
}

fn meaning_of_tls(error: &rustls::Error) -> &'static str {
    use rustls::CertificateError as Certificate;
    let rustls::Error::InvalidCertificate(why) = error else { return "TLS failed" };
    match why {
        Certificate::UnknownIssuer => "the server's certificate leads to no trusted root",
        Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
            "the server's certificate is for another name"
        }
        Certificate::Expired | Certificate::ExpiredContext { .. } => "the server's certificate has expired",
        Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet"
        }
        Certificate::Revoked => "the server's certificate was revoked",
        _ => "the server's certificate can't be verified",
    }
}
