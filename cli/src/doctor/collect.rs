//! Asks the servers. Everything that is asked changes nothing and takes microseconds.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use redis::{Value, cmd};

use super::facts::{Answers, Asked, Clock, Loads, Missing, Module, NodeFacts, RecentAlert, asked};
use super::host;
use super::time::{millis, now_ms};
use super::users::{self, TRIED, User};
use crate::connect::failure::{Failure, Kind};
use crate::connect::fleet::Member;
use crate::connect::node::Node;
use crate::info::Info;
use crate::reply::{self, Record};

/// How often the clock is read. The fastest call counts.
const TRIES: usize = 5;
/// The number of users that are tried with commands.
const MAX_USERS: usize = 100;
/// The directives of the server that checks look at. None of them is a secret.
const DIRECTIVES: &[&str] = &[
    "appendfsync",
    "appendonly",
    "bind",
    "dir",
    "maxmemory",
    "maxmemory-policy",
    "min-replicas-max-lag",
    "min-replicas-to-write",
    "protected-mode",
    "replica-read-only",
    "save",
    "lockwatch.*",
];

pub async fn node(member: Member) -> NodeFacts {
    let node = &member.node;
    let facts =
        |primary, answers| NodeFacts { name: node.name(), primary, slots: member.slots.clone(), answers };
    let info = match info(node).await {
        Ok(info) => Ok(info),
        Err(failure) if failure.code == "NOPERM" => Err(missing(&failure, "INFO", "+info")),
        Err(failure) => return facts(member.primary, Err(failure)),
    };
    let role = info.as_ref().ok().and_then(|info| info.text("role"));
    let primary = role.map_or(member.primary, |role| role == "master");
    facts(primary, Ok(Box::new(answers(node, info).await)))
}

/// INFO with the sections that the checks look at.
pub async fn info(node: &Node) -> Result<Info, Failure> {
    let reply = node.read(cmd("INFO").arg(Info::SECTIONS).arg("commandstats")).await?;
    Ok(Info::parse(&reply::text(&reply).unwrap_or_default()))
}

async fn answers(node: &Node, info: Asked<Info>) -> Answers {
    // Alone, so that no other answer delays it.
    let clock = clock(node).await;
    let in_cluster = info.as_ref().is_ok_and(|info| info.number("cluster_enabled") == Some(1));
    let (config, modules, whoami, users, rules, alerts, throttle, cluster) = tokio::join!(
        config(node),
        modules(node),
        text(node, &["ACL", "WHOAMI"], "+acl|whoami"),
        acl_users(node),
        rules(node),
        recent_alerts(node),
        throttle(node),
        cluster(node, in_cluster),
    );
    let loads = loads(&info, &config, &modules);
    Answers {
        info,
        later: None,
        config,
        modules,
        clock,
        whoami,
        users,
        rules,
        alerts,
        throttle,
        cluster,
        loads,
    }
}

/// Calls a command that needs `right`.
async fn ask(node: &Node, words: &[&str], right: &'static str) -> Asked<Value> {
    let mut call = cmd(words[0]);
    call.arg(&words[1..]);
    node.read(&call).await.map_err(|failure| missing(&failure, &words[..words.len().min(2)].join(" "), right))
}

fn missing(failure: &Failure, command: &str, right: &'static str) -> Missing {
    if failure.code == "NOPERM" {
        return Missing { right: Some(right), why: format!("the program's user may not call {command}") };
    }
    let why = match failure.kind {
        Kind::Refused => format!("{command}: {failure}"),
        Kind::Away | Kind::Slow => format!("{command} was not answered: {failure}"),
    };
    Missing::because(why)
}

async fn text(node: &Node, words: &[&str], right: &'static str) -> Asked<String> {
    Ok(reply::text(&ask(node, words, right).await?).unwrap_or_default())
}

async fn config(node: &Node) -> Asked<BTreeMap<String, String>> {
    let words = [&["CONFIG", "GET"], DIRECTIVES].concat();
    let reply = ask(node, &words, "+config|get").await?;
    let record = Record::of(&reply).unwrap_or_default();
    let value = |(name, value): (&str, &Value)| (name.to_owned(), reply::text(value).unwrap_or_default());
    Ok(record.fields().map(value).collect())
}

async fn modules(node: &Node) -> Asked<Vec<Module>> {
    let reply = ask(node, &["MODULE", "LIST"], "+module|list").await?;
    let module = |record: &Record| Module {
        name: record.text("name").unwrap_or_default(),
        path: record.text("path").unwrap_or_default(),
    };
    Ok(reply::records(&reply).iter().map(module).collect())
}

async fn clock(node: &Node) -> Asked<Clock> {
    let (mut best, mut times) = (None::<(Duration, i64)>, Vec::new());
    for _ in 0..TRIES {
        let (before, began) = (now_ms(), Instant::now());
        let reply = ask(node, &["TIME"], "+time").await?;
        let took = began.elapsed();
        times.push(took);
        let [seconds, micros] = reply::items(&reply) else { continue };
        let (Some(seconds), Some(micros)) = (reply::int(seconds), reply::int(micros)) else { continue };
        let middle = before + millis(took) / 2;
        let ahead = seconds.saturating_mul(1000).saturating_add(micros / 1000).saturating_sub(middle);
        if best.is_none_or(|(fastest, _)| took < fastest) {
            best = Some((took, ahead));
        }
    }
    times.sort();
    let (fastest, ahead_ms) = best.ok_or_else(|| Missing::because("TIME has no answer that can be read"))?;
    Ok(Clock { ahead_ms, uncertain_ms: millis(fastest) / 2 + 1, round_trip: times[times.len() / 2] })
}

async fn acl_users(node: &Node) -> Asked<Vec<User>> {
    let reply = ask(node, &["ACL", "LIST"], "+acl|list").await?;
    let lines = reply::items(&reply).iter().filter_map(reply::text);
    let mut users: Vec<User> = lines.filter_map(|line| users::parse(&line)).collect();
    let tried = users.iter_mut().filter(|user| user.on && !user.superuser && user.name != "default");
    for (number, user) in tried.enumerate() {
        user.may = if number < MAX_USERS {
            try_user(node, &user.name).await
        } else {
            Err(Missing::because(format!("only {MAX_USERS} users are tried")))
        };
    }
    Ok(users)
}

async fn try_user(node: &Node, name: &str) -> Asked<Vec<&'static users::Tried>> {
    let calls = TRIED.iter().map(|tried| async move {
        let words = [&["ACL", "DRYRUN", name], tried.call].concat();
        let answer = match ask(node, &words, "+acl|dryrun").await {
            Ok(answer) => reply::text(&answer).unwrap_or_default(),
            Err(missing) if missing.right.is_some() => return Err(missing),
            // This server does not know the command.
            Err(_) => String::new(),
        };
        Ok(users::may_call(&answer).then_some(tried))
    });
    let answers: Asked<Vec<_>> = join_all(calls).await.into_iter().collect();
    Ok(answers?.into_iter().flatten().collect())
}

async fn rules(node: &Node) -> Asked<Vec<String>> {
    let reply = ask(node, &["LW.RULES"], "+lw.rules").await?;
    Ok(reply::items(&reply).iter().filter_map(reply::text).collect())
}

async fn recent_alerts(node: &Node) -> Asked<Vec<RecentAlert>> {
    let reply = ask(node, &["LW.ALERTS", "RECENT"], "+lw.alerts|recent").await?;
    let alert = |record: &Record| {
        Some(RecentAlert { kind: record.text("type")?, at_ms: record.int("timestamp_ms")? })
    };
    Ok(reply::records(&reply).iter().filter_map(alert).collect())
}

/// Which module has CL.THROTTLE.
async fn throttle(node: &Node) -> Asked<String> {
    let reply = ask(node, &["COMMAND", "DOCS", "cl.throttle"], "+command|docs").await?;
    let docs = Record::of(&reply).unwrap_or_default();
    Ok(docs.record("cl.throttle").and_then(|docs| docs.text("module")).unwrap_or_default())
}

async fn cluster(node: &Node, in_cluster: bool) -> Asked<Info> {
    if !in_cluster {
        return Ok(Info::default());
    }
    Ok(Info::parse(&text(node, &["CLUSTER", "INFO"], "+cluster|info").await?))
}

/// The `loadmodule` lines of a server on this machine.
fn loads(
    info: &Asked<Info>,
    config: &Asked<BTreeMap<String, String>>,
    modules: &Asked<Vec<Module>>,
) -> Asked<Loads> {
    let info = asked(info)?;
    let conf = info.text("config_file").unwrap_or_default();
    if conf.is_empty() {
        return Ok(Loads::default());
    }
    let (dir, pid) = (asked(config)?.get("dir"), info.number("process_id").unwrap_or(0));
    if !dir.is_some_and(|dir| host::is_here(pid, dir)) {
        let why = "redis.conf can be read on the server's own machine only, as root or the server's user";
        return Err(Missing::because(why));
    }
    let module = asked(modules)?.iter().find(|module| module.name == "lockwatch");
    let Some(module) = module else { return Ok(Loads::default()) };
    let name = Path::new(&module.path).file_name().and_then(|name| name.to_str());
    host::loads(Path::new(conf), name.unwrap_or("liblockwatch.so"))
}
