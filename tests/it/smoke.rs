//! The support stands: a server starts with the module, stops, and starts again with what it saved.

use super::support::Server;

#[test]
fn a_server_starts_answers_and_starts_again_with_its_data() {
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
