//! Redis Cluster: keys spread over the nodes, clients find them, and a slot moves with its windows.

mod moving;
mod several;
mod spread;

use redis::cluster::ClusterConnection;

use super::support::{Reply, Value};

/// Calls the command in `line` through the cluster client.
#[track_caller]
fn call(connection: &mut ClusterConnection, line: &str) -> Reply {
    let (name, rest) = line.split_once(' ').expect("a command and its arguments");
    let mut command = redis::cmd(name);
    command.arg(rest.split(' ').collect::<Vec<_>>());
    let answer: Vec<i64> = command.query(connection).unwrap_or_else(|why| panic!("{line}: {why}"));
    Reply::of(&Value::Array(answer.into_iter().map(Value::Int).collect()))
}
