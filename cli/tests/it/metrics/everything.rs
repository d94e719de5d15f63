//! A deployment that shows every field of INFO.

use lockwatch_test_support::postgres::Postgres;
use lockwatch_test_support::receiver::{Answer, Receiver};
use lockwatch_test_support::tokens::{Algorithm, Keys};
use lockwatch_test_support::{Client, Server, wait_until};

/// A server with policies, rules, endpoints, keys, a database and a replica, after some calls of
/// every kind and after a failure of every kind.
pub struct Everything {
    pub server: Server,
    _replica: Server,
    _keys: Keys,
    _receivers: [Receiver; 2],
    _postgres: Postgres,
}

impl Everything {
    #[track_caller]
    pub fn start() -> Self {
        let (keys, receivers, mut postgres) =
            (Keys::new(), [Receiver::start(), Receiver::start()], Postgres::start());
        receivers[1].answer_first([Answer::status(500)], Answer::status(200));
        postgres.create_database("audit");
        let server = Server::builder()
            .issuing(&keys, Algorithm::EdDsa)
            .alerting(&receivers.each_ref())
            .hurrying(100)
            .shipping_to(&postgres, "audit")
            .start();
        let replica = Server::builder().issuing(&keys, Algorithm::EdDsa).replica_of(&server).start();
        server.wait_for_replica(&replica);
        let mut client = server.client();
        call_everything(&mut client);
        client.wait_until_shipped();
        client.wait_until_delivered();
        postgres.stop();
        client.audit("USER alice STATUS 200");
        wait_until("shipping fails", || client.audit_info("last_error_ms") > 0);
        postgres.start_again();
        client.wait_until_shipped();
        Self { server, _replica: replica, _keys: keys, _receivers: receivers, _postgres: postgres }
    }
}

#[track_caller]
fn call_everything(client: &mut Client) {
    client.run("LW.POLICY SET login 2 1m");
    for line in [
        "LW.RATELIMIT a @login",
        "LW.RATELIMIT b 1 1m",
        "LW.MRATELIMIT c 1 1m 1",
        "LW.BURST d 1 1m",
        "LW.ACQUIRE e 5 1m",
        "LW.ATTEMPT login IP 203.0.113.9 USER alice",
        "LW.EVENT login failure IP 203.0.113.9 USER alice",
        "LW.ISSUE auth alice",
        "LW.AUDIT USER alice STATUS 200",
        "LW.ALERT hello {}",
    ] {
        for _ in 0..3 {
            let answer = client.run(line);
            assert!(!answer.is_error(), "{line}: {answer:?}");
        }
    }
}
