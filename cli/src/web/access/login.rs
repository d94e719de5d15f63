//! Signing in by name and password.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::accounts::Accounts;
use super::address::network;
use super::limiter::Limiter;
use super::password::LONGEST;
use super::secret::Mark;
use crate::web::log;

/// Hashing takes memory and a processor: so many passwords are compared at once, and so many wait.
const AT_ONCE: usize = 2;
const WAITING: usize = 16;

pub struct Login {
    pub accounts: Accounts,
    limiter: Limiter,
    working: Arc<Semaphore>,
    waiting: Semaphore,
}

/// Why somebody could not sign in.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// The name, the password or both are wrong.
    Wrong,
    /// There were too many tries; the next one is possible after this time.
    TooMany(Duration),
    /// Too many are signing in at the same time.
    Busy,
    /// The auth file can't be used.
    Unavailable,
}

impl Login {
    pub fn new(accounts: Accounts) -> Self {
        Self {
            accounts,
            limiter: Limiter::default(),
            working: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Semaphore::new(AT_ONCE + WAITING),
        }
    }

    /// Compares a password. Returns the mark of the account. A name that does not exist takes as
    /// long as one that does.
    pub async fn check(&self, name: &str, password: &str, from: IpAddr) -> Result<Mark, Refused> {
        let network = network(from);
        if let Err(wait) = self.limiter.admit(name, network) {
            log::line(&format!("a login from {from} was refused: too many tries"));
            return Err(Refused::TooMany(wait));
        }
        let table = self.accounts.current().map_err(|_| Refused::Unavailable)?;
        let _place = self.waiting.try_acquire().map_err(|_| Refused::Busy)?;
        let permit = Arc::clone(&self.working).acquire_owned().await.map_err(|_| Refused::Busy)?;
        let (name, password) = (name.to_owned(), password.to_owned());
        let compared = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let account = table.get(&name);
            let hash = account.map_or(table.decoy(), |account| &account.hash);
            let right = password.len() <= LONGEST && hash.is_of(&password);
            (name, account.filter(|_| right).map(|account| account.mark), account.is_some())
        });
        let (name, mark, known) = compared.await.map_err(|_| Refused::Busy)?;
        let Some(mark) = mark else {
            // A name that does not exist may be a password that was typed into the wrong field.
            let whom = if known { format!("of '{name}'") } else { "of an unknown name".into() };
            log::line(&format!("a login {whom} from {from} was refused"));
            return Err(Refused::Wrong);
        };
        self.limiter.forgive(&name, network);
        log::line(&format!("'{name}' signed in from {from}"));
        Ok(mark)
    }
}
