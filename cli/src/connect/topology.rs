//! Asks a server which other servers there are.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Result, anyhow, bail};
use redis::aio::MultiplexedConnection;
use redis::{Cmd, Value, cmd};

use super::dial::{Dial, Place};
use super::failure::Failure;
use super::slots::{self, ClusterNode};
use crate::info::Info;
use crate::reply::{self, Record};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A server, with its replicas if there are some.
    Standalone,
    Sentinel,
    Cluster,
}

/// A server that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub place: Place,
    pub primary: bool,
    /// The slots of a cluster's primary.
    pub slots: Vec<(u16, u16)>,
}

#[derive(Clone, Debug)]
pub struct Topology {
    pub kind: Kind,
    pub found: Vec<Found>,
}

/// Asks the first of `places` that answers. `sentinel` is the name of the primary if the places are
/// Sentinels.
pub async fn discover(
    dial: &Arc<Dial>,
    places: &[Place],
    sentinel: Option<&str>,
    single: bool,
) -> Result<Topology> {
    let mut why = anyhow!("no address was given");
    for place in places {
        let asked = match sentinel {
            Some(name) => ask_sentinel(dial, place, Some(name)).await,
            None => ask_server(dial, place, single).await,
        };
        match asked {
            Ok(topology) => return Ok(topology),
            Err(failure) => why = failure.context(format!("{place}")),
        }
    }
    Err(why)
}

async fn ask_server(dial: &Arc<Dial>, place: &Place, single: bool) -> Result<Topology> {
    let mut link = dial.connect(place).await?;
    let info = Info::parse(&text(&mut link, cmd("INFO").arg("server")).await?);
    let mode = info.text("redis_mode").or(info.text("server_mode")).unwrap_or_default().to_owned();
    if mode == "sentinel" {
        return ask_sentinel(dial, place, None).await;
    }
    if mode == "cluster" {
        let nodes = slots::parse(&text(&mut link, cmd("CLUSTER").arg("NODES")).await?, place.host());
        return Ok(of_cluster(nodes, single.then_some(place)));
    }
    let replication = Info::parse(&text(&mut link, cmd("INFO").arg("replication")).await?);
    let own =
        Found { place: place.clone(), primary: replication.text("role") != Some("slave"), slots: Vec::new() };
    if single {
        return Ok(Topology { kind: Kind::Standalone, found: vec![own] });
    }
    if own.primary {
        let found = [vec![own], replicas_in(&replication)].concat();
        return Ok(Topology { kind: Kind::Standalone, found });
    }
    Ok(Topology { kind: Kind::Standalone, found: around_replica(dial, own, &replication).await })
}

/// The primary of a replica and the primary's replicas; the replica alone if the primary is away.
async fn around_replica(dial: &Arc<Dial>, own: Found, replication: &Info) -> Vec<Found> {
    let port = replication.number("master_port").and_then(|port| u16::try_from(port).ok());
    let (Some(host), Some(port)) = (replication.text("master_host"), port) else { return vec![own] };
    let primary = Place::tcp(host, port);
    let theirs = async {
        let mut link = dial.connect(&primary).await.ok()?;
        Some(Info::parse(&text(&mut link, cmd("INFO").arg("replication")).await.ok()?))
    };
    let theirs = theirs.await.map(|info| replicas_in(&info)).unwrap_or_default();
    let mut found = vec![Found { place: primary, primary: true, slots: Vec::new() }];
    if !theirs.iter().any(|replica| replica.place == own.place) && theirs.len() != 1 {
        found.push(own);
    }
    found.extend(theirs);
    found
}

/// The replicas in INFO of a primary: `slave0:ip=10.0.0.2,port=6379,…`.
fn replicas_in(info: &Info) -> Vec<Found> {
    let lines = info.fields().filter(|(name, _)| {
        name.strip_prefix("slave").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    });
    let replica = |(_, line): (&str, &str)| {
        let members = Info::members(line);
        let port = members.get("port")?.parse().ok()?;
        Some(Found { place: Place::tcp(members.get("ip")?, port), primary: false, slots: Vec::new() })
    };
    lines.filter_map(replica).collect()
}

fn of_cluster(nodes: Vec<ClusterNode>, only: Option<&Place>) -> Topology {
    let found = nodes.into_iter().filter(|node| only.is_none_or(|place| node.place == *place));
    // A primary without slots that failed was replaced by one of its replicas.
    let found = found.filter(|node| !(node.failed && node.slots.is_empty()));
    let found = found.map(|node| Found { place: node.place, primary: node.primary, slots: node.slots });
    Topology { kind: Kind::Cluster, found: found.collect() }
}

async fn ask_sentinel(dial: &Arc<Dial>, place: &Place, name: Option<&str>) -> Result<Topology> {
    let mut link = dial.connect_to_sentinel(place).await?;
    let name = match name {
        Some(name) => name.to_owned(),
        None => only_primary(&mut link).await?,
    };
    let mut get = cmd("SENTINEL");
    let address = call(&mut link, get.arg("GET-MASTER-ADDR-BY-NAME").arg(&name)).await?;
    let [host, port] = reply::items(&address) else { bail!("the Sentinel knows no primary named '{name}'") };
    let parts = (reply::text(host), reply::int(port).and_then(|port| u16::try_from(port).ok()));
    let (Some(host), Some(port)) = parts else { bail!("the Sentinel's answer can't be read") };
    let mut found = vec![Found { place: Place::tcp(&host, port), primary: true, slots: Vec::new() }];
    let replicas = call(&mut link, cmd("SENTINEL").arg("REPLICAS").arg(&name)).await?;
    let mut known: BTreeSet<Place> = found.iter().map(|one| one.place.clone()).collect();
    for replica in reply::records(&replicas) {
        let place = (|record: &Record| {
            Some(Place::tcp(&record.text("ip")?, u16::try_from(record.int("port")?).ok()?))
        })(&replica);
        if let Some(place) = place.filter(|place| known.insert(place.clone())) {
            found.push(Found { place, primary: false, slots: Vec::new() });
        }
    }
    Ok(Topology { kind: Kind::Sentinel, found })
}

/// The name of the primary of a Sentinel that watches one.
async fn only_primary(link: &mut MultiplexedConnection) -> Result<String> {
    let primaries = reply::records(&call(link, cmd("SENTINEL").arg("MASTERS")).await?);
    let names: Vec<String> = primaries.iter().filter_map(|primary| primary.text("name")).collect();
    match names.as_slice() {
        [name] => Ok(name.clone()),
        [] => bail!("this is a Sentinel that watches no primary"),
        names => bail!("this is a Sentinel: choose one of its primaries by --sentinel: {}", names.join(", ")),
    }
}

async fn call(link: &mut MultiplexedConnection, command: &Cmd) -> Result<Value, Failure> {
    Ok(link.send_packed_command(command).await.and_then(Value::extract_error)?)
}

async fn text(link: &mut MultiplexedConnection, command: &Cmd) -> Result<String> {
    reply::text(&call(link, command).await?).ok_or_else(|| anyhow!("the answer is no text"))
}
