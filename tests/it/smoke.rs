//! Tests of the test support: servers start alone, as a replica, as a cluster, and again with their
//! saved data.

use super::support::{Server, wait_until};

#[test]
fn a_server_answers_and_keeps_its_data_across_restarts() {
    let mut server = Server::start();
    let mut client = server.client();
    assert!(!client.ratelimit("user:42 100 60").limited);
    assert_eq!(client.run("SAVE").text(), "OK");
    server.stop();
    assert!(client.is_closed());
    server.start_again();
    assert_eq!(server.client().peek("user:42 100 60 COST 0").remaining, 99);
    server.kill();
    server.start_again();
    assert_eq!(server.client().peek("user:42 100 60 COST 0").remaining, 99);
    let data = server.into_data();
    let server = Server::builder().data_dir(data).start();
    assert_eq!(server.client().peek("user:42 100 60 COST 0").remaining, 99);
}

#[test]
fn a_replica_follows_its_primary() {
    let primary = Server::start();
    let replica = Server::builder().replica_of(&primary).start();
    primary.client().ratelimit("k 100 60");
    primary.wait_for_replica(&replica);
    assert_eq!(replica.client().peek("k 100 60 COST 0").remaining, 99);
}

#[test]
fn a_server_without_the_module_lacks_its_commands() {
    let server = Server::builder().without_module().start();
    assert!(server.client().run("LW.RATELIMIT k 1 1").error().contains("unknown command"));
}

#[test]
fn cluster_clients_reach_keys_on_every_node() {
    let nodes: Vec<Server> = (0..2).map(|_| Server::builder().cluster().start()).collect();
    let mut clients: Vec<_> = nodes.iter().map(Server::client).collect();
    for (client, slots) in clients.iter_mut().zip(["0 8191", "8192 16383"]) {
        assert_eq!(client.run(&format!("CLUSTER ADDSLOTSRANGE {slots}")).text(), "OK");
    }
    let (other, bus) = (nodes[1].address(), nodes[1].bus_port().unwrap());
    assert_eq!(clients[0].run(&format!("CLUSTER MEET {} {} {bus}", other.ip(), other.port())).text(), "OK");
    for client in &mut clients {
        wait_until("both nodes see all slots served", || {
            client.run("CLUSTER INFO").text().contains("cluster_slots_ok:16384")
                && client.run("CLUSTER INFO").text().contains("cluster_state:ok")
        });
    }
    let cluster = redis::cluster::ClusterClient::new(nodes.iter().map(Server::url)).unwrap();
    let mut connection = cluster.get_connection().unwrap();
    for key in 0..20 {
        let mut call = redis::cmd("LW.RATELIMIT");
        let reply: Vec<i64> = call.arg(format!("user:{key}")).arg(10).arg(60).query(&mut connection).unwrap();
        assert_eq!(reply, [0, 10, 9, 0, 60_000]);
    }
    let keys: Vec<i64> = clients.iter_mut().map(|client| client.run("DBSIZE").int()).collect();
    assert!(keys[0] > 0 && keys[1] > 0 && keys[0] + keys[1] == 20, "{keys:?}");
}
