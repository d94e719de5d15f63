//! Calls commands that change something, once, on the server that has what they change.

use redis::{Cmd, Value, cmd};

use crate::connect::failure::Failure;
use crate::connect::fleet::Fleet;
use crate::connect::node::Node;

/// Calls `command` on the primary that has `key`. If that says that another one has it, the command
/// has not run, and is called there. The primary is asked for anew before: what is changed on one
/// that a failover has replaced is lost.
pub async fn change(fleet: &Fleet, key: &[u8], command: &Cmd) -> Result<Value, Failure> {
    fleet.refresh().await;
    match on_node(&*fleet.primary_of(key)?, command).await {
        Err(why) if is_elsewhere(&why) => {
            fleet.refresh().await;
            on_node(&*fleet.primary_of(key)?, command).await
        }
        answer => answer,
    }
}

/// Calls `command` on a server. A connection that broke since the last call is made anew before,
/// because it can't be known afterwards whether the command has run.
pub async fn on_node(node: &Node, command: &Cmd) -> Result<Value, Failure> {
    node.read(&cmd("PING")).await?;
    node.write(command).await.map_err(without_script)
}

fn is_elsewhere(why: &Failure) -> bool {
    matches!(why.code.as_str(), "MOVED" | "READONLY")
}

/// An error of a script's command, without the place in the script.
fn without_script(why: Failure) -> Failure {
    let text = why.text.split(" script: ").next().unwrap_or_default().to_owned();
    Failure { text, ..why }
}
