//! What findings tell people to do.

use super::super::super::finding::Remedy;
use super::super::super::users;
use super::*;

#[test]
fn a_password_that_leaves_the_machine_without_tls_is_found() {
    let sent = |name: &str| found(&Facts { plain_password: true, ..facts(vec![node(name, "", "")]) });
    for name in ["127.0.0.1:6379", "[::1]:6379", "localhost:6379", "/run/redis.sock"] {
        assert_eq!(sent(name), [], "{name}");
    }
    for name in ["10.0.0.1:6379", "[2001:db8::1]:6379", "redis.example:6379", "127.evil.example:1"] {
        assert_eq!(sent(name), [(Warning, "plain-password")], "{name}");
    }
    assert_eq!(found(&facts(vec![node("10.0.0.1:6379", "", "")])), []);
}

#[test]
fn a_cluster_without_replicas_is_worth_a_note() {
    let mut one = node("a:1", "connected_slaves=0", "");
    one.slots = vec![(0, 16383)];
    assert_eq!(found(&Facts { kind: Kind::Cluster, ..facts(vec![one]) }), [(Note, "cluster-replicas")]);
}

#[test]
fn what_to_copy_for_an_open_default_user_makes_an_administrator_first() {
    let default = users::parse("user default on nopass ~* &* +@all").unwrap();
    let admin = users::parse("user root on #00 ~* &* +@all").unwrap();
    let check = all().find(|check| check.name == "default-user").unwrap();
    for (users, commands) in [(vec![default.clone()], 2), (vec![default, admin], 1)] {
        let mut node = node("a:1", "", "");
        answers(&mut node).users = Ok(users);
        let found = check::run(check, &facts(vec![node])).findings;
        assert_eq!(found[0].remedies.len(), commands, "{found:?}");
    }
}

#[test]
fn an_endpoint_with_a_private_address_is_allowed_by_the_line_to_copy() {
    let mut node = node("a:1", "", "");
    let line = "lockwatch_version:0.2.0\nlockwatch_alert_endpoint_0:url=https://hook,source=file,state=open,\
                last_status=0,last_error=10.0.0.1 is a private address  dialled only with \
                lockwatch.webhook-allow-private yes";
    answers(&mut node).info = Ok(Info::parse(line));
    let check = all().find(|check| check.name == "webhooks").unwrap();
    let found = check::run(check, &facts(vec![node])).findings;
    assert!(
        found[0].seen.contains("tried once a minute: 10.0.0.1 is a private address, dialled"),
        "{found:?}"
    );
    let allow = Remedy::Redis("CONFIG SET lockwatch.webhook-allow-private yes".into());
    assert_eq!(found[0].remedies[0], allow);
}
