//! What a hostile server says.

use super::super::super::finding::Finding;
use super::super::super::remedy::Shell;
use super::super::super::users::User;
use super::*;

const NAME: &str = "$(id>/tmp/owned):17842";

/// The lines to copy of the findings of one check, as they are printed.
fn lines(facts: &Facts, name: &str) -> Vec<String> {
    let check = all().find(|check| check.name == name).unwrap();
    let shell = Shell::plain();
    let lines = |finding: Finding| -> Vec<String> {
        finding.remedies.iter().map(|remedy| shell.line(remedy, finding.node.as_deref())).collect()
    };
    check::run(check, facts).findings.into_iter().flat_map(lines).collect()
}

#[test]
fn a_line_to_copy_runs_nothing_that_a_node_names_itself() {
    let mut lost = node(NAME, "", "");
    answers(&mut lost).cluster = Ok(Info::parse("cluster_slots_assigned:1\ncluster_state:fail\n"));
    let quoted = format!("redis-cli --cluster check '{NAME}'");
    assert_eq!(lines(&facts(vec![lost]), "cluster-slots"), [quoted]);

    let mut alone = node(NAME, "connected_slaves=0", "");
    let mut other = node("a:1", "connected_slaves=1", "");
    alone.slots = vec![(0, 1)];
    other.slots = vec![(2, 3)];
    let cluster = Facts { kind: Kind::Cluster, ..facts(vec![alone, other]) };
    assert_eq!(lines(&cluster, "cluster-replicas"), [format!("redis-cli --cluster check '{NAME}'")]);
}

#[test]
fn a_line_to_copy_runs_nothing_that_the_rules_of_a_user_say() {
    let mut server = node("a:1", "", "");
    answers(&mut server).users = Ok(vec![User {
        name: "app;id".into(),
        on: true,
        nopass: false,
        superuser: false,
        internal: vec!["+lw._guard".into(), "+lw._guard|`id`".into()],
        may: Ok(Vec::new()),
    }]);
    let line = "redis-cli -h a -p 1 ACL SETUSER 'app;id' -lw._guard '-lw._guard|`id`'";
    assert_eq!(lines(&facts(vec![server]), "internal-commands"), [line]);
}
