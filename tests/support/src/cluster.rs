//! A Redis Cluster of three primaries, with replicas if a test wants them, whose slots can be
//! moved.

use redis::cluster::{ClusterClient, ClusterConnection};

use super::{Builder, Client, SOON, Server, Value, poll_until, wait_until};

const SLOTS: usize = 16_384;

/// Three primaries that share the slots evenly.
pub struct Cluster {
    /// The primaries.
    pub nodes: Vec<Server>,
    pub replicas: Vec<Server>,
    ids: Vec<String>,
}

impl Cluster {
    /// Starts and joins the nodes and waits until each knows all slots.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with(|builder| builder)
    }

    /// Like [`Cluster::start`], with the configuration that `configure` adds.
    #[track_caller]
    pub fn start_with(configure: impl Fn(Builder) -> Builder) -> Self {
        let nodes: Vec<Server> = (0..3).map(|_| configure(Server::builder()).cluster().start()).collect();
        let mut ids = Vec::new();
        for (i, node) in nodes.iter().enumerate() {
            let mut client = node.client();
            let (from, to) = (i * SLOTS / nodes.len(), (i + 1) * SLOTS / nodes.len() - 1);
            ok(&mut client, &format!("CLUSTER ADDSLOTSRANGE {from} {to}"));
            // Distinct epochs spare the nodes a conflict resolution.
            ok(&mut client, &format!("CLUSTER SET-CONFIG-EPOCH {}", i + 1));
            ids.push(client.run("CLUSTER MYID").text());
            meet(&mut client, &nodes[0]);
        }
        let cluster = Self { nodes, replicas: Vec::new(), ids };
        cluster.wait_until_joined();
        cluster
    }

    /// Adds a replica to each primary and waits until it is synchronised and known to all.
    #[track_caller]
    pub fn add_replicas(&mut self, configure: impl Fn(Builder) -> Builder) {
        for _ in 0..self.nodes.len() {
            let replica = configure(Server::builder()).cluster().start();
            meet(&mut replica.client(), &self.nodes[0]);
            self.replicas.push(replica);
        }
        self.wait_until_joined();
        for (replica, id) in self.replicas.iter().zip(&self.ids) {
            ok(&mut replica.client(), &format!("CLUSTER REPLICATE {id}"));
        }
        for (replica, primary) in self.replicas.iter().zip(&self.nodes) {
            primary.wait_for_replica(replica);
        }
        for node in self.nodes.iter().chain(&self.replicas) {
            let mut client = node.client();
            wait_until("the node knows the replicas", || {
                client.run("CLUSTER NODES").text().matches("slave").count() == self.replicas.len()
            });
        }
    }

    #[track_caller]
    fn wait_until_joined(&self) {
        let known = format!("cluster_known_nodes:{}\r", self.nodes.len() + self.replicas.len());
        self.wait_until_every_node("has joined", |info| {
            ["cluster_state:ok", "cluster_slots_ok:16384", &known].iter().all(|line| info.contains(line))
        });
    }

    #[track_caller]
    fn wait_until_every_node(&self, what: &str, holds: impl Fn(&str) -> bool) {
        for node in self.nodes.iter().chain(&self.replicas) {
            let mut client = node.client();
            wait_until(&format!("the node {what}"), || holds(&client.run("CLUSTER INFO").text()));
        }
    }

    /// Connects with a cluster client, which routes calls and follows MOVED and ASK.
    #[track_caller]
    pub fn connect(&self) -> ClusterConnection {
        let client = ClusterClient::builder(self.nodes.iter().map(Server::url))
            .connection_timeout(SOON)
            .response_timeout(SOON)
            .build()
            .expect("the addresses are sound");
        client.get_connection().expect("the cluster can be reached")
    }

    #[track_caller]
    pub fn slot(&self, key: &str) -> usize {
        self.nodes[0].client().call(&["CLUSTER", "KEYSLOT", key]).int() as usize
    }

    /// Returns the index of the node that serves `slot`. All nodes must agree.
    #[track_caller]
    pub fn owner(&self, slot: usize) -> usize {
        let owners: Vec<usize> = self.nodes.iter().map(|node| self.owner_by(node, slot)).collect();
        assert!(owners.iter().all(|owner| *owner == owners[0]), "slot {slot} is served by {owners:?}");
        owners[0]
    }

    fn owner_by(&self, node: &Server, slot: usize) -> usize {
        let slots = node.client().run("CLUSTER SLOTS");
        let range = slots.items().iter().find(|range| {
            let [from, to] = [0, 1].map(|i| range.items()[i].int() as usize);
            (from..=to).contains(&slot)
        });
        let port = range.expect("every slot is served").items()[2].items()[1].int();
        self.nodes
            .iter()
            .position(|node| i64::from(node.address().port()) == port)
            .expect("it is one of them")
    }

    /// Moves `slot` with its keys to node `to`, a few keys at a time, as redis-cli does. Calls
    /// `midway` after each batch of keys.
    #[track_caller]
    pub fn move_slot(&self, slot: usize, to: usize, mut midway: impl FnMut()) {
        let from = self.owner(slot);
        let (mut source, mut target) = (self.nodes[from].client(), self.nodes[to].client());
        ok(&mut target, &format!("CLUSTER SETSLOT {slot} IMPORTING {}", self.ids[from]));
        ok(&mut source, &format!("CLUSTER SETSLOT {slot} MIGRATING {}", self.ids[to]));
        poll_until("the slot is empty", || {
            let keys = source.run(&format!("CLUSTER GETKEYSINSLOT {slot} 3"));
            if keys.items().is_empty() {
                return Some(());
            }
            self.move_keys(&mut source, to, keys.items());
            midway();
            None
        });
        for node in [to, from, 3 - to - from] {
            ok(&mut self.nodes[node].client(), &format!("CLUSTER SETSLOT {slot} NODE {}", self.ids[to]));
        }
        assert_eq!(self.owner(slot), to);
    }

    #[track_caller]
    fn move_keys(&self, source: &mut Client, to: usize, keys: &[Value]) {
        let address = self.nodes[to].address();
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let head = ["MIGRATE", &host, &port, "", "0", "5000", "KEYS"].map(str::as_bytes);
        let call: Vec<&[u8]> = head.into_iter().chain(keys.iter().map(Value::bytes)).collect();
        let answer = source.call(&call);
        // NOKEY means that the keys expired in between.
        assert!(matches!(answer.text().as_str(), "OK" | "NOKEY"), "{answer:?}");
    }
}

/// Joins the node of `client` to the cluster of `first`.
#[track_caller]
fn meet(client: &mut Client, first: &Server) {
    let bus = first.bus_port().expect("a cluster node has a bus");
    let address = first.address();
    ok(client, &format!("CLUSTER MEET {} {} {bus}", address.ip(), address.port()));
}

#[track_caller]
fn ok(client: &mut Client, line: &str) {
    let answer = client.run(line);
    assert!(!answer.is_error() && answer.text() == "OK", "{line}: {answer:?}");
}
