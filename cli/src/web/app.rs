//! What all requests share, and who makes one.

use std::sync::Arc;

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

/// Who makes a request. The session's middleware puts one into the extensions of every request
/// that it lets through.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The name in the auth file; `local` for who came by the one-time link.
    pub name: String,
    pub role: Role,
    /// The token that every form of an action has to carry, in the field `csrf`.
    pub csrf: String,
}

/// The state of the server.
#[derive(Clone)]
pub struct App {
    pub sampler: Arc<Sampler>,
    /// Whether `--allow-actions` was given.
    pub allow_actions: bool,
}

impl App {
    /// Whether to show a visitor the button of an action that needs `role`.
    pub fn may(&self, visitor: &Visitor, role: Role) -> bool {
        self.allow_actions && visitor.role >= role
    }
}
