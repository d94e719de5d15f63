//! What all requests share, and who makes one.

use std::sync::Arc;

use super::pages::state::Pages;
use crate::sampler::Sampler;

/// What a visitor may do. Each role may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Sees the page.
    View,
    /// Lifts bans and revokes sessions.
    Support,
    /// Retries dead letters too.
    Admin,
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Support => "support",
            Self::Admin => "admin",
        }
    }

    pub fn of(name: &str) -> Option<Self> {
        [Self::View, Self::Support, Self::Admin].into_iter().find(|role| role.name() == name)
    }
}

/// Who makes a request. The session's middleware puts one into the extensions of every request
/// that it lets through.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The name in the auth file; `local` for who came by the one-time link.
    pub name: String,
    pub role: Role,
    /// The token that every form that posts has to carry, in the field `csrf`.
    pub csrf: String,
    /// The outcome of the visitor's last action, to be shown once. Only a request for a whole page
    /// gets it, see [`LIVE`].
    pub flash: Option<Flash>,
}

/// The outcome of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flash {
    /// Whether the action has changed anything.
    pub done: bool,
    pub text: String,
}

/// Requests for paths that begin with this are made by the page itself, for live updates. They do
/// not count as use of the session, which otherwise would never end while a page is open.
pub const LIVE: &str = "/live";

/// Files for everybody, also those who have not signed in.
pub const STATIC: &str = "/static/";

/// The state of the server.
#[derive(Clone)]
pub struct App {
    pub sampler: Arc<Sampler>,
    pub pages: Arc<Pages>,
    /// Whether `--allow-actions` was given.
    pub allow_actions: bool,
}

impl App {
    /// Starts what goes on in the background: finding keys, and counting what happens.
    pub fn start(sampler: Arc<Sampler>, allow_actions: bool) -> Self {
        let pages = Arc::new(Pages::start(&sampler));
        Self { sampler, pages, allow_actions }
    }

    /// Whether to show a visitor the button of an action that needs `role`.
    pub fn may(&self, visitor: &Visitor, role: Role) -> bool {
        self.allow_actions && visitor.role >= role
    }
}
