//! Lifting bans, revoking sessions and retrying dead letters.

use lockwatch_test_support::alerts::Dead;
use lockwatch_test_support::cluster::Cluster;
use lockwatch_test_support::receiver::{Answer as Webhook, Receiver};
use lockwatch_test_support::tokens::{Algorithm, issuer};
use lockwatch_test_support::{Client, Server, Value, wait_until};
use serde_json::{Value as Json, json};

use super::exchange::{Answer, Request, encode};
use super::page::{Page, Visitor, auth_file};

const PASSWORD: &str = "correct horse battery staple";
/// Shortens the waits between tries of webhooks.
const RUSH: u32 = 50_000;

type Fields<'a> = &'a [(&'a str, &'a str)];

const BAN: Fields<'static> =
    &[("guard", "login"), ("kind", "ip"), ("value", "203.0.113.9"), ("back", "/bans")];

/// The path that asks for confirmation.
fn path(action: &str, fields: Fields<'_>) -> String {
    let pair = |(name, value): &(&str, &str)| format!("{}={}", encode(name), encode(value));
    let pairs: Vec<_> = fields.iter().map(pair).collect();
    format!("/actions/{action}?{}", pairs.join("&"))
}

/// Does an action as a browser does: asks, and posts the form of the page that asks for
/// confirmation. Returns what the next page says.
#[track_caller]
fn confirm(visitor: &Visitor<'_>, action: &str, fields: Fields<'_>) -> String {
    let asked = visitor.get(&path(action, fields));
    assert_eq!(asked.status, 200, "{asked:?}");
    let names = fields.iter().map(|(name, _)| *name).chain(["csrf", "confirm"]);
    let posted: Vec<_> = names.map(|name| (name, asked.field(name))).collect();
    let posted: Vec<_> = posted.iter().map(|(name, value)| (*name, unescape(value))).collect();
    let posted: Vec<_> = posted.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let done = visitor.send(Request::post(format!("/actions/{action}"), &posted));
    let back = fields.iter().find(|(name, _)| *name == "back").map_or("/", |(_, back)| *back);
    assert_eq!((done.status, done.header("location")), (303, Some(back)), "{done:?}");
    let shown = visitor.get(back);
    let flash = flash(&shown).unwrap_or_else(|| panic!("no outcome is shown: {shown:?}"));
    assert_eq!(super::actions::flash(&visitor.get(back)), None, "an outcome is shown once");
    flash
}

/// The outcome that a page shows.
fn flash(page: &Answer) -> Option<String> {
    let (_, rest) = page.body.split_once("<p class=\"flash")?;
    Some(unescape(rest.split_once('>')?.1.split_once("</p>")?.0))
}

fn unescape(html: &str) -> String {
    let names = [("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&")];
    names.iter().fold(html.to_owned(), |text, (name, char)| text.replace(name, char))
}

/// The DATA of the audit events of a kind, newest first.
fn events(client: &mut Client, kind: &str) -> Vec<Json> {
    client.audit_kinds().into_iter().filter(|(known, _)| known == kind).map(|(_, data)| data).collect()
}

fn bans(client: &mut Client) -> usize {
    client.run("LW.BANS login").items().len()
}

fn ban(client: &mut Client, subject: &str) {
    assert!(!client.run(&format!("LW.BAN login {subject} FOR 1h BY max")).is_error());
}

#[test]
fn a_ban_is_lifted_and_the_audit_log_says_by_whom() {
    let server = Server::start();
    let mut client = server.client();
    let (_dir, auth) = auth_file(&[("dora", "support", PASSWORD)]);
    let page = Page::with(&server, &["--allow-actions", "--auth-file", &auth]);
    let dora = page.sign_in("dora", PASSWORD);
    for subject in ["IP 203.0.113.9", "IP 203.0.113.0/24", "USER mallory", "KEY k1"] {
        ban(&mut client, subject);
    }
    let asked = dora.get(&path("lift", BAN));
    assert!(asked.body.contains("203.0.113.9") && asked.body.contains("login"), "{asked:?}");
    assert_eq!(bans(&mut client), 4, "asking changes nothing");
    assert!(confirm(&dora, "lift", BAN).contains("203.0.113.9"));
    assert_eq!(bans(&mut client), 3);
    let lifts = events(&mut client, "guard.lift");
    assert_eq!((lifts.len(), &lifts[0]["by"]), (1, &json!("dora")), "{lifts:?}");
    let again = confirm(&dora, "lift", BAN);
    assert!(again.contains("Nothing to lift"), "{again}");
    let hash = |client: &mut Client, subject: &str| client.why(subject).field("hash").text();
    let (user, key) = (hash(&mut client, "USER mallory"), hash(&mut client, "KEY k1"));
    for (kind, value) in [("hash", &*user), ("hash", &key), ("ip", "203.0.113.0/24")] {
        let fields = [("guard", "login"), ("kind", kind), ("value", value), ("back", "/")];
        assert!(confirm(&dora, "lift", &fields).contains(value), "{kind}");
    }
    assert_eq!((bans(&mut client), events(&mut client, "guard.lift").len()), (0, 4));
}

#[test]
fn every_kind_of_subject_can_be_lifted() {
    let server = Server::start();
    let mut client = server.client();
    let page = Page::with(&server, &["--allow-actions"]);
    let visitor = page.enter();
    let user = b"mallory \xff\r\n\"<b>\\x41";
    let printed = "mallory \\xff\\r\\n\"<b>\\\\x41";
    client.call(&[b"LW.BAN", &b"login"[..], b"USER", user, b"FOR", b"1h"]);
    let fields = [("guard", "login"), ("kind", "user"), ("value", printed)];
    let outcome = confirm(&visitor, "lift", &fields);
    assert!(outcome.contains(printed) && bans(&mut client) == 0, "{outcome}");
    ban(&mut client, "KEY k1");
    confirm(&visitor, "lift", &[("guard", "login"), ("kind", "key"), ("value", "k1")]);
    assert_eq!(bans(&mut client), 0);
    // The fifth guess of a pair is challenged.
    let attempt = "IP 203.0.113.9 USER eve";
    wait_until("the pair is challenged", || client.attempt(attempt).verdict == 1);
    let outcome = confirm(
        &visitor,
        "lift",
        &[("guard", "login"), ("kind", "pair"), ("value", "203.0.113.9 eve"), ("forget", "no")],
    );
    assert!(outcome.contains("eve at 203.0.113.9"), "{outcome}");
    assert_eq!(client.check(attempt).verdict, 0);
    assert_eq!(events(&mut client, "guard.lift")[0]["by"], json!("local"));
}

#[test]
fn a_session_is_revoked_and_the_audit_log_says_by_whom() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let page = Page::with(&server, &["--allow-actions"]);
    let visitor = page.enter();
    let sessions: Vec<_> = (0..3).map(|_| client.issue("auth alice").session).collect();
    client.issue("auth bob");
    let live = |client: &mut Client| client.run("LW.SESSIONS auth alice").items().len();
    let one =
        [("store", "auth"), ("subject", "alice"), ("session", &*sessions[1]), ("back", "/sessions?a=b")];
    assert!(confirm(&visitor, "revoke", &one).contains("alice"));
    assert_eq!(live(&mut client), 2);
    assert!(confirm(&visitor, "revoke", &one).contains("before"));
    let all = [("store", "auth"), ("subject", "alice")];
    assert!(confirm(&visitor, "revoke", &all).contains("2 sessions"));
    assert!(confirm(&visitor, "revoke", &all).contains("no session"));
    assert_eq!((live(&mut client), client.run("LW.SESSIONS auth bob").items().len()), (0, 1));
    let expected = [
        json!({ "by": "local", "store": "auth", "session": "all" }),
        json!({ "by": "local", "store": "auth", "session": sessions[1] }),
    ];
    assert_eq!(events(&mut client, "operator.revoke"), expected, "what changed nothing is not recorded");
    let found = client.run("LW.AUDITLOG QUERY USER alice KIND operator.revoke");
    assert_eq!(found.items().len(), 2);
}

#[test]
fn a_session_of_somebody_else_is_not_revoked() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let page = Page::with(&server, &["--allow-actions"]);
    client.issue("auth alice");
    let bob = client.issue("auth bob").session;
    let fields = [("store", "auth"), ("subject", "alice"), ("session", &*bob)];
    assert!(confirm(&page.enter(), "revoke", &fields).contains("before"));
    assert_eq!(client.run("LW.SESSIONS auth bob").items().len(), 1);
    assert!(events(&mut client, "operator.revoke").is_empty());
}

#[test]
fn without_a_record_nothing_changes_and_without_a_change_nothing_is_recorded() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let session = client.issue("auth alice").session;
    client.run("SET text a");
    for (denied, store, reason) in [
        ("-lw.revoke", "auth", "lacks a right"),
        ("-lw.audit", "auth", "lacks a right"),
        ("-lw.sessions", "auth", "lacks a right"),
        ("-eval", "auth", "lacks a right"),
        ("+@all", "text", "WRONGTYPE"),
    ] {
        let acl = format!("ACL SETUSER operator reset on >a-password ~* &* +@all {denied}");
        assert_eq!(client.run(&acl), Value::Simple("OK".into()));
        let page = Page::start(
            &server.url(),
            &["--allow-actions", "--user", "operator"],
            &[("LOCKWATCH_REDIS_PASSWORD", "a-password")],
        );
        let fields = [("store", store), ("subject", "alice"), ("session", &*session)];
        let outcome = confirm(&page.enter(), "revoke", &fields);
        assert!(outcome.contains("Not done") && outcome.contains(reason), "{denied}: {outcome}");
        assert_eq!(client.run("LW.SESSIONS auth alice").items().len(), 1, "{denied}");
        assert!(events(&mut client, "operator.revoke").is_empty(), "{denied}");
    }
}

#[test]
fn a_full_journal_refuses_the_action() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    client.issue("auth alice");
    // A full journal without a database drops its oldest events, and refuses none.
    client.run("CONFIG SET lockwatch.audit-max-events 1000");
    let page = Page::with(&server, &["--allow-actions"]);
    let used = client.info("memory").number("used_memory");
    client.run("CONFIG SET maxmemory-policy noeviction");
    client.run(&format!("CONFIG SET maxmemory {used}"));
    let outcome = confirm(&page.enter(), "revoke", &[("store", "auth"), ("subject", "alice")]);
    assert!(outcome.contains("Not done"), "{outcome}");
    client.run("CONFIG SET maxmemory 0");
    assert_eq!(client.run("LW.SESSIONS auth alice").items().len(), 1);
    assert!(events(&mut client, "operator.revoke").is_empty());
}

/// Raises an alert that becomes the `n`th dead letter. The receiver takes alerts again then.
fn dead_letter(client: &mut Client, receiver: &Receiver, n: usize) -> String {
    receiver.answer(Webhook::status(503));
    let id = client.alert("payment.failed", "{}");
    wait_until("its tries are used up", || client.dead().len() == n);
    receiver.answer(Webhook::status(200));
    // The receiver is tried less often until it has taken something.
    client.alert("well", "{}");
    client.wait_until_delivered();
    id
}

#[test]
fn dead_letters_are_retried_and_the_audit_log_says_by_whom() {
    let receiver = Receiver::start();
    let server = Server::builder().alerting(&[&receiver]).hurrying(RUSH).start();
    let mut client = server.client();
    let page = Page::with(&server, &["--allow-actions"]);
    let visitor = page.enter();
    let ids: Vec<_> = (1..=3).map(|n| dead_letter(&mut client, &receiver, n)).collect();
    let node = server.address().to_string();
    let fields = [("queue", "alerts"), ("id", &*ids[1]), ("node", &*node), ("back", "/delivery")];
    assert!(confirm(&visitor, "retry", &fields).contains("One dead letter"));
    let dead = |client: &mut Client| -> Vec<String> {
        client.dead().into_iter().map(|dead: Dead| dead.id).collect()
    };
    assert_eq!(dead(&mut client), [ids[2].clone(), ids[0].clone()]);
    assert!(confirm(&visitor, "retry", &fields).contains("no dead letter"));
    let anywhere = [("queue", "alerts"), ("id", &*ids[2]), ("node", "gone.example:6379")];
    assert!(confirm(&visitor, "retry", &anywhere).contains("One dead letter"));
    assert_eq!(dead(&mut client), [ids[0].clone()]);
    let expected: Vec<_> =
        [&ids[2], &ids[1]].map(|id| json!({ "by": "local", "queue": "alerts", "id": id })).into();
    assert_eq!(events(&mut client, "operator.retry"), expected);
    for id in ["ALL", "all", "", "x"] {
        assert_eq!(visitor.get(&path("retry", &[("queue", "alerts"), ("id", id)])).status, 400, "{id}");
    }
    assert!(confirm(&visitor, "retry", &[("queue", "audit"), ("id", &*ids[0])]).contains("no dead letter"));
}

#[test]
fn actions_are_refused_without_allow_actions() {
    let server = Server::start();
    let mut client = server.client();
    ban(&mut client, "IP 203.0.113.9");
    let page = Page::of(&server);
    let visitor = page.enter();
    let fields = [BAN, &[("confirm", "yes")]].concat();
    for action in ["lift", "revoke", "retry"] {
        assert_eq!(visitor.get(&path(action, &fields)).status, 403, "{action}");
        assert_eq!(visitor.post(&format!("/actions/{action}"), &fields).status, 403, "{action}");
    }
    assert_eq!(visitor.post("/actions/none", &fields).status, 404);
    assert!(!visitor.get("/bans?guard=login").body.contains("/actions/"));
    assert_eq!(bans(&mut client), 1);
}

#[test]
fn roles_bound_what_visitors_may_do() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    ban(&mut client, "IP 203.0.113.9");
    client.issue("auth alice");
    let people = [("vera", "view", PASSWORD), ("sue", "support", PASSWORD), ("ada", "admin", PASSWORD)];
    let (_dir, auth) = auth_file(&people);
    let page = Page::with(&server, &["--allow-actions", "--auth-file", &auth]);
    let lift = [BAN, &[("confirm", "yes")]].concat();
    let revoke = [("store", "auth"), ("subject", "alice"), ("confirm", "yes")];
    let retry = [("queue", "alerts"), ("id", "1-ff-1"), ("confirm", "yes")];
    let statuses = |visitor: &Visitor<'_>| {
        let status = |action: &str, fields| visitor.post(&format!("/actions/{action}"), fields).status;
        [status("lift", &lift), status("revoke", &revoke), status("retry", &retry)]
    };
    let has_button = |visitor: &Visitor<'_>| visitor.get("/bans?guard=login").body.contains("/actions/lift");
    let [vera, sue, ada] = people.map(|(name, _, password)| page.sign_in(name, password));
    assert!(!has_button(&vera) && has_button(&sue) && has_button(&ada));
    assert_eq!((statuses(&vera), bans(&mut client)), ([403; 3], 1));
    assert_eq!(client.run("LW.SESSIONS auth alice").items().len(), 1);
    assert_eq!((statuses(&sue), bans(&mut client)), ([303, 303, 403], 0));
    assert_eq!(statuses(&ada), [303; 3]);
    let refused = vera.post("/actions/lift", &lift);
    assert!(refused.body.contains("needs the role support; yours is view"), "{refused:?}");
}

#[test]
fn an_action_is_not_done_without_confirmation_or_by_a_link() {
    let server = Server::start();
    let mut client = server.client();
    ban(&mut client, "IP 203.0.113.9");
    let page = Page::with(&server, &["--allow-actions"]);
    let visitor = page.enter();
    let confirmed = [BAN, &[("confirm", "yes")]].concat();
    let asked = visitor.get(&path("lift", &confirmed));
    assert!(asked.status == 200 && asked.body.contains("method=\"post\""), "{asked:?}");
    assert_eq!(visitor.send(Request::new("HEAD", path("lift", &confirmed))).status, 200);
    assert_eq!(visitor.post("/actions/lift", BAN).status, 200);
    assert_eq!(visitor.post("/actions/lift", &[BAN, &[("confirm", "no")]].concat()).status, 200);
    assert_eq!(visitor.send(Request::post("/actions/lift", &confirmed)).status, 403, "without the token");
    let foreign = Request::post("/actions/lift", &confirmed).with("origin", "http://evil.example");
    assert_eq!(visitor.send(foreign).status, 403);
    assert_eq!(bans(&mut client), 1);
    for missing in ["guard", "kind", "value"] {
        let rest: Vec<_> = confirmed.iter().copied().filter(|(name, _)| *name != missing).collect();
        assert_eq!(visitor.post("/actions/lift", &rest).status, 400, "{missing}");
    }
    assert_eq!(bans(&mut client), 1);
    // A path of another server is not followed.
    let away = [&confirmed[..3], &[("confirm", "yes"), ("back", "//evil.example")]].concat();
    assert_eq!(visitor.post("/actions/lift", &away).header("location"), Some("/"));
}

#[test]
fn what_clients_wrote_stays_text() {
    let server = Server::start();
    let page = Page::with(&server, &["--allow-actions"]);
    let visitor = page.enter();
    let evil = "\"><script>alert(1)</script>";
    let lift = [("guard", evil), ("kind", "user"), ("value", evil), ("back", evil), (evil, evil)];
    let revoke = [("store", evil), ("subject", evil), ("session", evil)];
    for (action, fields) in [("lift", &lift[..]), ("revoke", &revoke)] {
        let asked = visitor.get(&path(action, fields));
        assert_eq!(asked.status, 200);
        assert!(!asked.body.contains("<script>alert"), "{action}: {}", asked.body);
        let done = visitor.post(&format!("/actions/{action}"), &[fields, &[("confirm", "yes")]].concat());
        assert_eq!((done.status, done.header("location")), (303, Some("/")), "{action}");
        let shown = visitor.get("/");
        assert!(flash(&shown).is_some() && !shown.body.contains("<script>alert"), "{action}: {}", shown.body);
    }
}

#[test]
fn actions_reach_the_node_that_has_the_key() {
    let cluster = Cluster::start();
    let page = Page::start(&cluster.nodes[0].url(), &["--allow-actions"], &[]);
    let visitor = page.enter();
    let keys: Vec<String> = (0..6).map(|n| format!("login:{{{n}}}")).collect();
    for key in &keys {
        let mut owner = cluster.nodes[cluster.owner(cluster.slot(key))].client();
        owner.run(&format!("LW.BAN {key} IP 203.0.113.9 FOR 1h"));
        let fields = [("guard", &**key), ("kind", "ip"), ("value", "203.0.113.9")];
        assert!(confirm(&visitor, "lift", &fields).contains("was lifted"), "{key}");
        assert_eq!(owner.run(&format!("LW.BANS {key}")).items().len(), 0);
    }
    let slot = cluster.slot(&keys[0]);
    let (from, to) = (cluster.owner(slot), (cluster.owner(slot) + 1) % 3);
    cluster.nodes[from].client().run(&format!("LW.BAN {} IP 203.0.113.9 FOR 1h", keys[0]));
    cluster.move_slot(slot, to, || {});
    let fields = [("guard", &*keys[0]), ("kind", "ip"), ("value", "203.0.113.9")];
    wait_until("the moved guard is found", || confirm(&visitor, "lift", &fields).contains("was lifted"));
}
