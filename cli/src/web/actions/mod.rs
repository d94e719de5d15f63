//! What visitors may change. Each action is confirmed and recorded with who did it.

use axum::Router;

use super::app::App;

pub fn routes() -> Router<App> {
    Router::new()
}
