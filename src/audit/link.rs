//! A connection to Postgres that can't hang: every step has its time, and what is late is dropped without a goodbye.
//!
//! tokio-postgres is driven by hand on the thread that uses the link: dropping a connection closes its socket and waits for
//! nobody, whatever has become of the other end.

use std::error::Error as _;
use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

use super::target::Target;

/// How long connecting may take in all: looking up names, trying each host, TLS, authentication.
const CONNECT: Duration = Duration::from_secs(30);

/// How long Postgres may work on a statement, and wait for a lock.
pub const STATEMENT: Duration = Duration::from_secs(30);

/// How much longer than Postgres this side waits before it gives the link up.
const BEYOND: Duration = Duration::from_secs(5);

/// A connection.
pub struct Link {
    client: Client,
    driver: JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        // Ends it where it stands, which closes the socket.
        self.driver.abort();
    }
}

/// Why something did not work.
#[derive(Debug)]
pub struct Failure {
    /// In words that hold no secret and nothing of any event.
    pub reason: String,
    /// What Postgres itself says is wrong with the data, if that is what is wrong.
    pub data: Option<String>,
    /// The SQLSTATE, if it was Postgres that said so.
    pub code: Option<String>,
    /// Whether a row belongs to no partition.
    pub lacks_partition: bool,
}

impl Failure {
    /// Something else than an answer of Postgres.
    pub fn other(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), data: None, code: None, lacks_partition: false }
    }

    /// Whether Postgres said so.
    pub fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

/// Classes of SQLSTATE that say that a row can't be stored as it is: data exception, integrity constraint violation.
const OF_DATA: [&str; 2] = ["22", "23"];
/// What a trigger raises that does not want a row.
const RAISED: &str = "P0001";

/// Classes whose messages are Postgres's own, about itself: connections, transactions, syntax and access, resources, objects
/// in use, intervention, the system.
const OF_THE_SERVER: [&str; 8] = ["08", "25", "40", "42", "53", "55", "57", "58"];
/// The function of Postgres's that says that a row belongs to no partition: its SQLSTATE is that of any check.
const FINDS_PARTITION: &str = "ExecFindPartition";

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let Some(said) = error.as_db_error() else { return Self::other(without_answer(&error)) };
        let code = said.code().code();
        let is_data = code == RAISED || OF_DATA.iter().any(|class| code.starts_with(class));
        let reason = match code.get(..2) {
            // It names the user.
            Some("28") => format!("authentication failed ({code})"),
            // It names the database.
            Some("3D") => format!("the database does not exist ({code})"),
            // It may repeat the data.
            _ if is_data => format!("a row was refused ({code})"),
            Some(class) if OF_THE_SERVER.contains(&class) => format!("{} ({code})", said.message()),
            // Whoever raised it may have put anything into it.
            _ => format!("SQLSTATE {code}"),
        };
        Self {
            reason,
            data: is_data.then(|| format!("{code} {}", said.message())),
            code: Some(code.to_owned()),
            lacks_partition: said.routine() == Some(FINDS_PARTITION),
        }
    }
}

/// What went wrong before Postgres could answer.
fn without_answer(error: &Error) -> String {
    if error.is_closed() {
        return "the connection is closed".into();
    }
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            // A certificate that is not trusted, say, is such an error, whose kind tells nothing.
            return match io.kind() {
                io::ErrorKind::Other | io::ErrorKind::InvalidData => format!("{error}: {io}"),
                kind => format!("{error}: {kind}"),
            };
        }
        cause = inner.source();
    }
    error.to_string()
}

impl Link {
    /// Connects to the first host of `target` that takes writes.
    pub async fn open(target: &Target) -> Result<Self, Failure> {
        let connector = target.tls().connector().map_err(Failure::other)?;
        let connecting = tokio::time::timeout(CONNECT, target.config().connect(connector));
        let connected = connecting.await.map_err(|_| Failure::other("connecting took too long"))?;
        let (client, connection) = connected.map_err(|error| {
            let failure = Failure::from(error);
            if failure.reason.contains("does not allow writes") {
                return Failure::other("no host that takes writes could be reached");
            }
            failure
        })?;
        let driver = tokio::spawn(async move {
            // What it ends with, whoever waits for an answer hears.
            let _ = connection.await;
        });
        Ok(Self { client, driver })
    }

    /// Whether the other end has closed it.
    pub async fn is_closed(&self) -> bool {
        // The driver learns of it when it gets to run.
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        self.client.is_closed()
    }

    /// Runs statements without parameters, in the order in which they stand.
    pub async fn run(&self, statements: &str) -> Result<(), Failure> {
        within(self.client.batch_execute(statements)).await
    }

    /// A number that a query in the running transaction answers, or outside of any.
    pub async fn number(&self, sql: &str) -> Result<i64, Failure> {
        let row = within(self.client.query_typed_one(sql, &[])).await?;
        row.try_get(0).map_err(Failure::from)
    }

    /// Runs a query in a transaction of its own, all in one round trip.
    pub async fn query(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Failure> {
        self.in_transaction(" READ ONLY", self.client.query_typed(sql, parameters)).await
    }

    /// Runs a statement in a transaction of its own that is on disk when it is answered, all in one round trip.
    pub async fn execute(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<u64, Failure> {
        self.in_transaction("", self.client.execute_typed(sql, parameters)).await
    }

    /// What applies to the statement is set for the transaction alone, so that it works through PgBouncer.
    async fn in_transaction<T>(
        &self,
        mode: &str,
        statement: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Failure> {
        let begin = begin(mode);
        let all = async {
            // In this order each is sent when it is polled first, and none waits for the answer to another.
            let (begun, done, ended) = tokio::join!(
                biased;
                self.client.batch_execute(&begin),
                statement,
                self.client.batch_execute("COMMIT"),
            );
            // After a statement that failed, COMMIT rolls back and succeeds.
            begun?;
            let done = done?;
            ended?;
            Ok(done)
        };
        within(all).await
    }
}

/// A parameter and its type.
pub type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// What begins a transaction that waits neither for a lock nor for anything else for too long.
pub fn begin(mode: &str) -> String {
    let ms = STATEMENT.as_millis();
    format!("BEGIN{mode}; SET LOCAL statement_timeout = {ms}; SET LOCAL synchronous_commit = on")
}

/// A link whose other end is silent for longer is to be given up.
async fn within<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
    match tokio::time::timeout(STATEMENT + BEYOND, work).await {
        Ok(done) => done.map_err(Failure::from),
        Err(_) => Err(Failure::other("no answer in time")),
    }
}
