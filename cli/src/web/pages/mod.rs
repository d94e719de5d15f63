//! The pages, as HTML from templates.
//!
//! - [`overview`] says what is going on: [`headline`] in a sentence, [`remarks`] what is wrong,
//!   [`spark`] the last minutes. [`facts`] are fetched for it, [`state`] keeps them.
//! - [`limits`], [`bans`], [`why`], [`sessions`], [`audit`], [`delivery`] and [`nodes`] say more.
//! - [`frame`] surrounds them, [`known`] says what is missing in them. [`assets`] are the style
//!   sheet and the script.
//! - [`words`] puts numbers and times in words, [`alerts`], [`rules`] and [`lifted`] what they are
//!   named for. [`query`] reads and writes URLs, [`forms`] links to actions.
//!
//! Whatever a client wrote passes [`words::shown`] when a view is made, and is escaped by the
//! template.

mod alerts;
mod assets;
mod audit;
mod bans;
mod delivery;
mod facts;
mod fetch;
mod forms;
mod frame;
mod headline;
mod known;
mod lifted;
mod limits;
mod nodes;
mod overview;
mod query;
mod remarks;
mod rules;
mod sessions;
mod spark;
pub mod state;
mod why;
mod words;

pub use assets::url as asset;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{MethodRouter, get};

use super::app::{App, LIVE};
use super::notice;

pub fn routes() -> Router<App> {
    let pages: [(&str, MethodRouter<App>); 9] = [
        ("/", get(overview::overview)),
        ("/limits", get(limits::list)),
        ("/key", get(limits::key)),
        ("/bans", get(bans::list)),
        ("/why", get(why::explain)),
        ("/sessions", get(sessions::list)),
        ("/audit", get(audit::list)),
        ("/delivery", get(delivery::list)),
        ("/nodes", get(nodes::list)),
    ];
    // The script asks for the same pages below another path.
    let add = |router: Router<App>, (path, page): (&str, MethodRouter<App>)| {
        router.route(path, page.clone()).route(&format!("{LIVE}{path}"), page)
    };
    pages.into_iter().fold(assets::routes(), add).fallback(nothing)
}

async fn nothing() -> Response {
    notice::page(StatusCode::NOT_FOUND, "Not found", "There is no such page.")
}
