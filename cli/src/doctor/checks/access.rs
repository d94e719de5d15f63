//! Who may do what.

use std::net::IpAddr;

use super::super::check::{Check, Look, Outcome};
use super::super::facts::{Answers, Facts, Missing, NodeFacts, Seen, asked};
use super::super::finding::{Finding, Level};
use super::super::remedy::word;
use super::super::users::User;
use super::well;

pub const CHECKS: &[Check] = &[
    Check {
        name: "own-rights",
        about: "the program's user has the rights that the other checks need",
        look: Look::Server(own_rights),
    },
    Check {
        name: "default-user",
        about: "the user default has a password or is off",
        look: Look::Server(default_user),
    },
    Check {
        name: "exposed",
        about: "a server without a password listens on loopback only",
        look: Look::Server(exposed),
    },
    Check {
        name: "plain-password",
        about: "the program's password is sent with TLS, or stays on its machine",
        look: Look::Fleet(plain_password),
    },
    Check {
        name: "user-rights",
        about: "users of applications may not call what is for people, such as LW.BAN",
        look: Look::Module(user_rights),
    },
    Check {
        name: "internal-commands",
        about: "no user has a rule for an internal command of the module",
        look: Look::Module(internal),
    },
];

fn own_rights(node: Seen<'_>) -> Outcome {
    let lacking = lacking(node.answers);
    if lacking.is_empty() {
        return well();
    }
    let user = node.answers.whoami.as_deref().unwrap_or("NAME");
    let rights = lacking.join(" ");
    Ok(vec![
        Finding::warning(format!("the program's user lacks {rights}"))
            .why("Checks that need these rights are skipped, so this report is incomplete.")
            .todo("Grant them. None of them changes data.")
            .redis(format!("ACL SETUSER {} {rights}", word(user))),
    ])
}

/// The rights that were missing, each once.
fn lacking(answers: &Answers) -> Vec<&'static str> {
    fn right<T>(fact: &Result<T, Missing>) -> Option<&'static str> {
        fact.as_ref().err()?.right
    }
    let users = answers.users.as_deref().unwrap_or_default();
    let mut rights: Vec<&'static str> = [
        right(&answers.info),
        right(&answers.config),
        right(&answers.modules),
        right(&answers.clock),
        right(&answers.whoami),
        right(&answers.users),
        users.iter().find_map(|user| right(&user.may)),
        right(&answers.rules),
        right(&answers.alerts),
        right(&answers.throttle),
        right(&answers.cluster),
    ]
    .into_iter()
    .flatten()
    .collect();
    rights.dedup();
    rights
}

fn open_default<'a>(node: Seen<'a>) -> Result<Option<&'a User>, Missing> {
    let users = asked(&node.answers.users)?;
    Ok(users.iter().find(|user| user.name == "default" && user.on && user.nopass))
}

fn default_user(node: Seen<'_>) -> Outcome {
    let Some(user) = open_default(node)? else { return well() };
    let may = if user.superuser { "everything" } else { "what its rules allow" };
    let finding = Finding::warning(format!("the user default is on, needs no password and may do {may}"))
        .why(
            "Whoever reaches the port reads and changes all limits, tokens and bans; CONFIG SET even lets \
             them read files.",
        )
        .todo(
            "Make a user for yourself, log in as it, and give each application a user of its own \
             (docs/guides/operate/acl.md). Then turn the default user off: whoever still connects as it, \
             also a replica without masteruser, is shut out. Save the users by ACL SAVE or CONFIG REWRITE.",
        );
    let is_admin = |user: &User| user.on && user.superuser && !user.nopass && user.name != "default";
    let finding = if asked(&node.answers.users)?.iter().any(is_admin) {
        finding
    } else {
        finding.redis("ACL SETUSER admin on '>CHOOSE-A-PASSWORD' '~*' '&*' +@all    # first")
    };
    Ok(vec![finding.redis("ACL SETUSER default off    # last")])
}

fn exposed(node: Seen<'_>) -> Outcome {
    let (bind, protected) = (node.directive("bind")?, node.directive("protected-mode")?);
    if protected != "no" || open_default(node)?.is_none() {
        return well();
    }
    let is_loopback = |address: &str| {
        let address = address.trim_start_matches('-');
        address.starts_with("127.") || address == "::1"
    };
    if !bind.is_empty() && bind.split_ascii_whitespace().all(is_loopback) {
        return well();
    }
    let bind = if bind.is_empty() { "all addresses" } else { bind };
    Ok(vec![
        Finding::error(format!(
            "protected-mode is no, no password is needed, and the server listens on {bind}"
        ))
        .why(
            "Everybody in the network has the rights of the default user. Such servers are found and taken \
             over within minutes.",
        )
        .todo("Turn protected mode on at once, and then give users passwords.")
        .redis("CONFIG SET protected-mode yes"),
    ])
}

fn plain_password(facts: &Facts) -> Outcome {
    if !facts.plain_password {
        return well();
    }
    let away = facts.nodes.iter().filter(|node| !is_here(&node.name));
    let finding = |node: &NodeFacts| {
        Finding::warning("the program's password is sent to this server without TLS")
            .why(
                "Whoever can listen on the way reads it. The servers also name each other: a client that \
                 may pose as a replica has the password sent to an address of its choice.",
            )
            .todo(
                "Use TLS: tls-port at the servers, rediss:// here. Without it, --single sends the password \
                 to the given address only.",
            )
            .on(&node.name)
    };
    Ok(away.map(finding).collect())
}

/// Whether the address of a server is one of this machine.
fn is_here(node: &str) -> bool {
    let host = node.rsplit_once(':').map_or(node, |(host, _)| host).trim_matches(['[', ']']);
    node.starts_with('/') || host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn user_rights(node: Seen<'_>) -> Outcome {
    let mut findings = Vec::new();
    for user in
        asked(&node.answers.users)?.iter().filter(|user| user.on && !user.superuser && user.name != "default")
    {
        let may = asked(&user.may)?;
        let names = |application: bool| -> Vec<&str> {
            may.iter().filter(|tried| tried.application == application).map(|tried| tried.name).collect()
        };
        let (application, person) = (names(true), names(false));
        if application.is_empty() || person.is_empty() {
            continue;
        }
        let level = if person.contains(&"CONFIG SET") { Level::Error } else { Level::Warning };
        let seen = format!(
            "the user {} calls {} and may call {}, too",
            user.name,
            application[0],
            person.join(", ")
        );
        findings.push(
            Finding::at(level, seen)
                .why(
                    "Whoever takes over the application can ban users, lift bans, change limits, or read \
                     and erase the audit log. CONFIG SET is root: it can name any file that the server \
                     may read.",
                )
                .todo(
                    "Take these commands away: start from -@all, and add what the role needs by name \
                     (docs/guides/operate/acl.md). On Redis 7.0 -@dangerous does not hold commands of \
                     modules.",
                )
                .redis(format!("ACL GETUSER {}", word(&user.name))),
        );
    }
    Ok(findings)
}

fn internal(node: Seen<'_>) -> Outcome {
    let users = asked(&node.answers.users)?.iter().filter(|user| user.on && !user.internal.is_empty());
    let finding = |user: &User| {
        let taken: Vec<String> = user.internal.iter().map(|rule| word(&rule.replacen('+', "-", 1))).collect();
        Finding::warning(format!("the user {} has {}", user.name, user.internal.join(" ")))
            .why(
                "Internal commands carry changes to replicas and into the AOF. The module refuses them \
                 from every client, so the rule is useless, and shows that somebody meant to try.",
            )
            .todo("Remove the rule.")
            .redis(format!("ACL SETUSER {} {}", word(&user.name), taken.join(" ")))
    };
    Ok(users.map(finding).collect())
}
