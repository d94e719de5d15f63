//! A connection to Postgres that cannot hang: every step has a deadline. A connection that exceeds
//! one is dropped without a Terminate message.
//!
//! The thread that uses the link also drives tokio-postgres: dropping a connection closes its
//! socket and waits for nothing, whatever the state of the other end.

use std::error::Error as _;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use futures_util::TryStreamExt;
use tokio::task::JoinHandle;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

use super::encoding::Encoding;
pub(crate) use super::failure::Failure;
use lockwatch_common::postgres::target::Target;

/// The maximum time to connect: look up names, try each host, TLS, authentication.
const CONNECT: Duration = Duration::from_secs(30);

/// The maximum time for Postgres to run a statement, and to wait for a lock.
pub(crate) const STATEMENT: Duration = Duration::from_secs(30);

/// How much longer this side waits before it gives up the link.
const BEYOND: Duration = Duration::from_secs(5);

pub struct Link {
    client: Client,
    driver: JoinHandle<()>,
    encoding: Encoding,
}

impl Drop for Link {
    fn drop(&mut self) {
        // This closes the socket.
        self.driver.abort();
    }
}

/// Whether no host accepts writes, which tokio-postgres reports as an error of its own inside an
/// I/O error.
fn refuses_writes(error: &Error) -> bool {
    let io = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    io.is_some_and(|io| io.kind() == io::ErrorKind::PermissionDenied && io.raw_os_error().is_none())
}

impl Link {
    /// Connects to the first host of `target` that takes writes.
    pub async fn open(target: &Target) -> Result<Self, Failure> {
        let connector = target.tls().connector().map_err(Failure::other)?;
        let connecting = tokio::time::timeout(CONNECT, target.config().connect(connector));
        let connected = connecting.await.map_err(|_| Failure::other("connecting took too long"))?;
        let (client, connection) = connected.map_err(|error| {
            if refuses_writes(&error) {
                return Failure::other("no host that takes writes could be reached");
            }
            Failure::from(error)
        })?;
        let encoding = Encoding::of(connection.parameter("server_encoding"));
        let driver = tokio::spawn(async move {
            // Callers that wait for an answer get the error.
            let _ = connection.await;
        });
        Ok(Self { client, driver, encoding })
    }

    /// The encoding of the database.
    pub(crate) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Whether the other end has closed the connection.
    pub async fn is_closed(&self) -> bool {
        // The driver has to run to notice.
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        self.client.is_closed()
    }

    /// Runs statements without parameters, in order.
    pub async fn run(&self, statements: &str) -> Result<(), Failure> {
        within(self.client.batch_execute(statements)).await
    }

    /// Runs a query that returns one number, in the current transaction if there is one.
    pub async fn number(&self, sql: &str) -> Result<i64, Failure> {
        let row = within(self.client.query_typed_one(sql, &[])).await?;
        row.try_get(0).map_err(Failure::from)
    }

    /// Runs a query in a transaction of its own, in one round trip.
    pub async fn query(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Failure> {
        self.in_transaction(" READ ONLY", self.client.query_typed(sql, parameters)).await
    }

    /// Like [`Link::query`], but passes each row to `keep` when it arrives, until `keep` returns
    /// false. So the rows need not be in memory together.
    pub(crate) async fn query_while(
        &self,
        sql: &str,
        parameters: &[Parameter<'_>],
        mut keep: impl FnMut(Row) -> bool,
    ) -> Result<(), Failure> {
        let parameters = parameters.iter().map(|(value, kind)| (*value, kind.clone()));
        self.in_transaction(" READ ONLY", async {
            let mut rows = pin!(self.client.query_typed_raw(sql, parameters).await?);
            while let Some(row) = rows.try_next().await? {
                if !keep(row) {
                    break;
                }
            }
            Ok(())
        })
        .await
    }

    /// Runs a statement in a transaction of its own, in one round trip. It is on disk when this
    /// returns.
    pub async fn execute(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<u64, Failure> {
        self.in_transaction("", self.client.execute_typed(sql, parameters)).await
    }

    /// Runs a statement and rolls it back, to learn whether it would succeed. It waits for a lock
    /// no longer than a second.
    pub(crate) async fn probe(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<u64, Failure> {
        let begin = format!("{}; SET LOCAL lock_timeout = 1000", begin(""));
        let all = async {
            let (begun, done, checked, ended) = tokio::join!(
                biased;
                self.client.batch_execute(&begin),
                self.client.execute_typed(sql, parameters),
                self.client.batch_execute("SET CONSTRAINTS ALL IMMEDIATE"),
                self.client.batch_execute("ROLLBACK"),
            );
            begun?;
            let done = done?;
            checked?;
            ended?;
            Ok(done)
        };
        within(all).await
    }

    /// Settings apply to the transaction only, so that this works through PgBouncer.
    async fn in_transaction<T>(
        &self,
        mode: &str,
        statement: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Failure> {
        let begin = begin(mode);
        let all = async {
            // Each is sent when it is first polled, so in this order, and none waits for the answer
            // to another.
            let (begun, done, ended) = tokio::join!(
                biased;
                self.client.batch_execute(&begin),
                statement,
                self.client.batch_execute("COMMIT"),
            );
            // COMMIT after a failed statement rolls back and succeeds.
            begun?;
            let done = done?;
            ended?;
            Ok(done)
        };
        within(all).await
    }
}

pub(crate) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// Begins a transaction whose statements time out.
pub(crate) fn begin(mode: &str) -> String {
    let ms = STATEMENT.as_millis();
    format!("BEGIN{mode}; SET LOCAL statement_timeout = {ms}; SET LOCAL synchronous_commit = on")
}

async fn within<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
    match tokio::time::timeout(STATEMENT + BEYOND, work).await {
        Ok(done) => done.map_err(Failure::from),
        Err(_) => Err(Failure::other("no answer in time")),
    }
}
