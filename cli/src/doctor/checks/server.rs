//! Whether the servers answer, and which server and module they are.

use super::super::check::{Check, Look, Outcome};
use super::super::facts::{Facts, Seen, asked};
use super::super::finding::Finding;
use super::{found, well};
use crate::connect::failure::Failure;

pub const CHECKS: &[Check] = &[
    Check {
        name: "reachable",
        about: "every server answers and lets the program in",
        look: Look::Anyway(reachable),
    },
    Check { name: "loading", about: "no server is still loading its data", look: Look::Server(loading) },
    Check { name: "module", about: "the module is loaded on every server", look: Look::Server(module) },
    Check {
        name: "module-version",
        about: "all servers have one version of the module",
        look: Look::Fleet(versions),
    },
    Check {
        name: "server-version",
        about: "the module is tested with this server",
        look: Look::Server(server_version),
    },
    Check {
        name: "double-load",
        about: "redis.conf does not load the module twice",
        look: Look::Module(double_load),
    },
    Check {
        name: "panics",
        about: "no command or thread of the module has panicked",
        look: Look::Module(panics),
    },
];

fn reachable(facts: &Facts) -> Outcome {
    let mut findings = Vec::new();
    for node in &facts.nodes {
        if let Err(failure) = &node.answers {
            findings.push(away(failure).on(&node.name));
        }
    }
    if let Some(why) = facts.failure.as_ref().filter(|_| findings.is_empty()) {
        findings.push(
            Finding::error(format!("the list of servers can't be read: {why}"))
                .why("Servers may be missing from this report.")
                .todo("Give the addresses of several servers, or the right --sentinel, user and password."),
        );
    }
    Ok(findings)
}

fn away(failure: &Failure) -> Finding {
    let finding = Finding::error(format!("no answer: {failure}"));
    match failure.code.as_str() {
        "NOAUTH" => finding
            .why("It lets nobody in without a password. No other check could look at it.")
            .todo("Give this program a user and a password: --user and --password-file."),
        "WRONGPASS" => finding
            .why("There is no such user, it is off, or its password is another. No other check could look at it.")
            .todo("Correct --user and --password-file. ACL users belong to a server: make them on each."),
        _ => finding
            .why(
                "The clients of this server admit or refuse requests as they are configured for a Redis that \
                 is away. No other check could look at it.",
            )
            .todo("Start it, or correct the address, user and password of this program."),
    }
}

fn loading(node: Seen<'_>) -> Outcome {
    if node.number("loading")? == 0 && node.number("async_loading")? == 0 {
        return well();
    }
    let seen = format!("the server loads its data, {} % so far", node.text("loading_loaded_perc")?);
    found(
        Finding::warning(seen)
            .why(
                "Until it has finished, clients are answered LOADING, and most of this report is not about \
                 its normal state.",
            )
            .todo("Wait, then run this again."),
    )
}

fn module(node: Seen<'_>) -> Outcome {
    if node.info()?.has_module() {
        return well();
    }
    let role = if node.primary {
        ""
    } else {
        "A replica without it drops what its primary sends, and can't load a full synchronisation. "
    };
    found(
        Finding::error("the module lockwatch is not loaded")
            .why(format!("{role}Every LW. command is an unknown command here."))
            .todo(
                "Add the loadmodule line to redis.conf and restart the server. With replicas: replicas \
                 first.",
            )
            .shell("loadmodule /usr/lib/redis/modules/liblockwatch.so    # a line of redis.conf"),
    )
}

fn versions(facts: &Facts) -> Outcome {
    let version = |node: &Seen<'_>| node.text("lockwatch_version").unwrap_or_default().to_owned();
    let newest_replica =
        facts.with_module().filter(|node| !node.primary).map(|node| numbers(&version(&node))).min();
    let newest_primary =
        facts.with_module().filter(|node| node.primary).map(|node| numbers(&version(&node))).max();
    let all: Vec<(String, String)> =
        facts.with_module().map(|node| (node.name.to_owned(), version(&node))).collect();
    if all.iter().all(|(_, version)| *version == all[0].1) {
        return well();
    }
    let seen: Vec<String> = all.iter().map(|(name, version)| format!("{version} on {name}")).collect();
    let seen = seen.join(", ");
    if newest_replica < newest_primary && newest_replica.is_some() {
        return found(
            Finding::error(seen)
                .why(
                    "A replica that is older than its primary refuses effects that it does not know, and \
                     its copy differs from then on.",
                )
                .todo("Upgrade the replicas, and resynchronise them. At the next upgrade: replicas first."),
        );
    }
    found(
        Finding::warning(seen)
            .why("That is how it should be during an upgrade, replicas first, and not for longer.")
            .todo("Finish the upgrade: fail over to an upgraded replica, then upgrade the old primary."),
    )
}

/// The numbers of a version, for comparison.
fn numbers(version: &str) -> Vec<u32> {
    version.split(['.', '-', '+']).map_while(|part| part.parse().ok()).collect()
}

fn server_version(node: Seen<'_>) -> Outcome {
    let info = node.info()?;
    let (name, version) = match info.text("valkey_version") {
        Some(version) => ("Valkey", version),
        None => ("Redis", info.text("redis_version").unwrap_or_default()),
    };
    let major = numbers(version).first().copied().unwrap_or(0);
    let known = if name == "Valkey" { matches!(major, 7..=9) } else { matches!(major, 7 | 8) };
    if known {
        return well();
    }
    found(
        Finding::warning(format!("{name} {version}"))
            .why(
                "This version of lockwatch was tested with Redis 7 and 8 and with Valkey 7.2, 8 and 9. Of \
                 others nothing is known.",
            )
            .todo("Look for a newer lockwatch that names this server in docs/reference/compatibility.md."),
    )
}

fn double_load(node: Seen<'_>) -> Outcome {
    let loads = asked(&node.answers.loads)?;
    let lines = loads.lines.join(" and ");
    let why = "A server that loads the module twice aborts at its start, with 'lockwatch is loaded \
               already' in the log.";
    if loads.lines.len() > 1 {
        return found(
            Finding::error(format!("{} lines load the module: {lines}", loads.lines.len()))
                .why(why)
                .todo("Remove all but one of these lines before the next restart."),
        );
    }
    if loads.rewritten {
        return found(
            Finding::warning(format!("CONFIG REWRITE has added the line {lines}"))
                .why(format!(
                    "The module came from elsewhere: --loadmodule, an image's modules folder, or MODULE \
                     LOAD. If that happens at the next start too, the module is loaded twice. {why}"
                ))
                .todo("Keep one of the two: remove this line, or start the server without --loadmodule."),
        );
    }
    well()
}

fn panics(node: Seen<'_>) -> Outcome {
    let panics = node.lockwatch("panics_total")?;
    if panics == 0 {
        return well();
    }
    found(
        Finding::warning(format!("lockwatch_panics_total is {panics}"))
            .why(
                "Each panic is a bug in the module. The server went on, but the call or the work of the \
                 thread was lost.",
            )
            .todo(
                "Look for 'panic' in the server's log and report it. If a caller can cause it, as \
                 SECURITY.md says. The counter starts anew with the server.",
            ),
    )
}
