//! One server. Its connection is made at the first call, and anew after it broke.

use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, Value};
use tokio::sync::Mutex;

use super::dial::{Dial, Place};
use super::failure::{Failure, Kind};

pub struct Node {
    place: Place,
    dial: Arc<Dial>,
    link: Mutex<Option<MultiplexedConnection>>,
}

impl Node {
    pub(super) fn new(place: Place, dial: Arc<Dial>) -> Self {
        Self { place, dial, link: Mutex::new(None) }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Host and port, for people.
    pub fn name(&self) -> String {
        self.place.to_string()
    }

    /// Calls a command that changes nothing. If the connection turns out to be broken, it is made
    /// anew and the command repeated once. All of that together takes no longer than the time
    /// limit.
    pub async fn read(&self, command: &Cmd) -> Result<Value, Failure> {
        let attempts = async {
            match self.write(command).await {
                Err(why) if why.kind == Kind::Away => self.write(command).await,
                outcome => outcome,
            }
        };
        if let Ok(outcome) = tokio::time::timeout(self.dial.timeout, attempts).await {
            return outcome;
        }
        // The task that holds the lock is making a new connection.
        if let Ok(mut link) = self.link.try_lock() {
            *link = None;
        }
        Err(Failure::slow("no answer in time"))
    }

    /// Calls a command once. After a failure of the connection it is unknown whether it ran.
    pub async fn write(&self, command: &Cmd) -> Result<Value, Failure> {
        let mut link = self.link().await?;
        let outcome = link.send_packed_command(command).await.and_then(Value::extract_error);
        self.settled(outcome).await
    }

    async fn link(&self) -> Result<MultiplexedConnection, Failure> {
        let mut link = self.link.lock().await;
        if let Some(link) = &*link {
            return Ok(link.clone());
        }
        let made = tokio::time::timeout(self.dial.timeout, self.dial.connect(&self.place))
            .await
            .map_err(|_| Failure::slow("no connection in time"))??;
        *link = Some(made.clone());
        Ok(made)
    }

    async fn settled<T>(&self, outcome: redis::RedisResult<T>) -> Result<T, Failure> {
        let outcome = outcome.map_err(Failure::from);
        if outcome.as_ref().is_err_and(Failure::breaks_connection) {
            *self.link.lock().await = None;
        }
        outcome
    }
}
