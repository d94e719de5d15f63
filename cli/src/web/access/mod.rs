//! Who may see the page.
//!
//! - [`site`] are the names by which the page is reached: the Host and Origin of every request.
//! - [`gate`] is the middleware that all requests pass, [`request`] what they say, [`headers`] what
//!   all answers carry.
//! - [`sessions`] are those who signed in: by a [`link`], or by a name and password ([`login`],
//!   [`login_page`]) of the auth file ([`accounts`], [`name`], [`password`]). [`limiter`] bounds
//!   the tries.

pub mod accounts;
pub mod address;
pub mod gate;
mod headers;
mod limiter;
pub mod link;
pub mod login;
pub mod login_page;
mod name;
pub mod password;
pub mod request;
pub mod secret;
pub mod sessions;
pub mod site;

use std::sync::Arc;

use accounts::Accounts;
use link::Link;
use login::Login;
use sessions::{Session, Sessions};
use site::Site;

use super::app::Role;

/// How visitors come in.
pub enum Entrance {
    Link(Link),
    Login(Box<Login>),
}

/// The state of everything that decides who may see the page.
pub struct Access {
    pub site: Site,
    pub sessions: Sessions,
    pub entrance: Entrance,
}

/// Why a session gives no access now.
pub enum Denied {
    /// It has ended, or there was none.
    SignedOut,
    /// The auth file can't be used at present.
    Unavailable,
}

impl Access {
    /// By a link that works once.
    pub fn by_link(site: Site) -> Arc<Self> {
        Arc::new(Self { site, sessions: Sessions::default(), entrance: Entrance::Link(Link::default()) })
    }

    /// By a name and password of the auth file.
    pub fn by_login(site: Site, accounts: Accounts) -> Arc<Self> {
        let entrance = Entrance::Login(Box::new(Login::new(accounts)));
        Arc::new(Self { site, sessions: Sessions::default(), entrance })
    }

    /// The role that the owner of a session has now. The session ends when the auth file no longer
    /// has its name, or has another password for it.
    pub fn role_of(&self, session: &Session) -> Result<Role, Denied> {
        if session.is_over() {
            return Err(Denied::SignedOut);
        }
        let Entrance::Login(login) = &self.entrance else { return Ok(Role::Admin) };
        let table = login.accounts.current().map_err(|_| Denied::Unavailable)?;
        match table.get(&session.name) {
            Some(account) if Some(account.mark) == session.account => Ok(account.role),
            _ => {
                session.end();
                Err(Denied::SignedOut)
            }
        }
    }
}
