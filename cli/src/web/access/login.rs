//! Signing in by name and password.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::accounts::Accounts;
use super::address::network;
use super::limiter::Limiter;
use super::password::{LONGEST, Memory};
use super::secret::Mark;
use crate::web::log;

/// Hashing takes memory and a processor. These are the numbers of passwords that are compared at
/// once and that wait.
const AT_ONCE: usize = 2;
const WAITING: usize = 16;

pub struct Login {
    pub accounts: Accounts,
    limiter: Limiter,
    working: Arc<Semaphore>,
    /// One for each password that can be compared at once, when not in use.
    memories: Arc<Mutex<Vec<Memory>>>,
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
            memories: Arc::default(),
            waiting: Semaphore::new(AT_ONCE + WAITING),
        }
    }

    /// Compares a password. Returns the mark of the account. A name that does not exist takes as
    /// long as one that does.
    pub async fn check(&self, name: &str, password: &str, from: IpAddr) -> Result<Mark, Refused> {
        let network = network(from);
        // A try that can't be made is not counted: else a flood of tries would do so for everybody.
        let _place = self.waiting.try_acquire().map_err(|_| Refused::Busy)?;
        let table = self.accounts.current().map_err(|_| Refused::Unavailable)?;
        if let Err(wait) = self.limiter.admit(name, network) {
            log::line(&format!("a login from {from} was refused: too many tries"));
            return Err(Refused::TooMany(wait));
        }
        let permit = Arc::clone(&self.working).acquire_owned().await.map_err(|_| Refused::Busy)?;
        let memories = Arc::clone(&self.memories);
        let (name, password) = (name.to_owned(), password.to_owned());
        let compared = tokio::task::spawn_blocking(move || {
            // Held until the memory is back, so that there are no more memories than permits.
            let _permit = permit;
            let account = table.get(&name);
            let hash = account.map_or(table.decoy(), |account| &account.hash);
            let mut memory = lock(&memories).pop().unwrap_or_default();
            let right = password.len() <= LONGEST && hash.is_of(&password, &mut memory);
            lock(&memories).push(memory);
            (name, account.filter(|_| right).map(|account| account.mark), account.is_some())
        });
        let (name, mark, known) = compared.await.map_err(|_| Refused::Busy)?;
        let Some(mark) = mark else {
            // A name that does not exist may be a password that was typed into the wrong field.
            let whom = if known { format!("of '{name}'") } else { "of an unknown name".into() };
            log::line(&format!("a login {whom} from {from} was refused"));
            return Err(Refused::Wrong);
        };
        self.limiter.welcome(&name, network);
        log::line(&format!("'{name}' signed in from {from}"));
        Ok(mark)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    // Of the password `correct horse battery staple`.
    const LINE: &str = concat!(
        "dora view $argon2id$v=19$m=19456,t=2,p=1",
        "$IkbUGqVE0h/BhN5k/qXnhA$IKdheUK3gnewhley/neLHgIMsFbPwMDCduUUdJVCGxo"
    );

    fn login(dir: &tempfile::TempDir) -> Login {
        let path = dir.path().join("auth");
        std::fs::write(&path, LINE).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        Login::new(Accounts::open(&path).unwrap())
    }

    #[tokio::test]
    async fn a_try_that_finds_no_place_is_not_counted() {
        let dir = tempfile::tempdir().unwrap();
        let login = login(&dir);
        let from = IpAddr::from([192, 0, 2, 1]);
        let places = login.waiting.try_acquire_many(u32::try_from(AT_ONCE + WAITING).unwrap()).unwrap();
        for _ in 0..30 {
            assert_eq!(login.check("dora", "a wrong password", from).await, Err(Refused::Busy));
        }
        drop(places);
        assert!(login.check("dora", "correct horse battery staple", from).await.is_ok());
        assert_eq!(lock(&login.memories).len(), 1);
    }
}
