//! The page that asks whether an action is meant.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use crate::web::access::request::Fields;
use crate::web::app::Visitor;
use crate::web::notice::{self, local_path};

/// What is asked before an action.
pub struct Question {
    /// Such as `Lift a ban?`.
    pub title: &'static str,
    /// What it concerns: names and printable values.
    pub facts: Vec<(&'static str, String)>,
    /// What follows from it.
    pub text: String,
    /// The word on the button.
    pub button: &'static str,
    /// A choice that the form offers: the name of a field that is `yes` if chosen, and its text.
    pub choice: Option<(&'static str, &'static str)>,
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage<'a> {
    question: Question,
    action: String,
    /// The fields of the request, to be posted again.
    fields: Vec<(&'a str, &'a str)>,
    csrf: &'a str,
    back: &'a str,
}

impl Question {
    pub fn page(self, name: &str, fields: &Fields, visitor: &Visitor) -> Response {
        let choice = self.choice.map(|(name, _)| name);
        let own = |name: &str| ["csrf", "confirm", "back"].contains(&name) || Some(name) == choice;
        let page = ConfirmPage {
            action: format!("/actions/{name}"),
            fields: fields.iter().filter(|(name, _)| !own(name)).collect(),
            csrf: &visitor.csrf,
            back: local_path(fields.get("back")),
            question: self,
        };
        notice::html(StatusCode::OK, &page)
    }
}
