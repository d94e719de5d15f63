//! Values that few servers and requests have.

use lockwatch_test_support::Server;
use lockwatch_test_support::tokens::{Algorithm, issuer};

use super::page::Page;

#[test]
fn a_key_that_expires_after_the_year_9999_is_shown() {
    let server = Server::start();
    let mut client = server.client();
    client.run("LW.RATELIMIT far 5 60");
    assert!(!client.run("PEXPIREAT far 9000000000000000").is_error());
    let page = Page::of(&server);
    let answer = page.enter().get("/key?key=far");
    assert!(answer.status == 200 && answer.body.contains("9999-12-31"), "{answer:?}");
}

#[test]
fn a_subject_that_is_not_text_is_nobody_else() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let session = server.client().issue("auth \u{fffd}").session;
    let page = Page::of(&server);
    let visitor = page.enter();
    let of = |subject: &str| visitor.get(&format!("/sessions?store=auth&subject={subject}"));
    assert!(of("%EF%BF%BD").body.contains(&session));
    let answer = of("%FF");
    assert!(answer.status == 200 && !answer.body.contains(&session), "{answer:?}");
}
