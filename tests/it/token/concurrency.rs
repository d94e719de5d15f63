//! Many clients that present the same refresh token at once.

use std::sync::Barrier;
use std::thread;

use crate::support::tokens::{ALGORITHMS, Algorithm, Tokens, issuer};

const CONNECTIONS: usize = 64;

#[test]
fn concurrent_rotations_of_one_token_return_the_same_successor() {
    for algorithm in ALGORITHMS {
        let (_keys, server) = issuer(algorithm);
        let mut tokens = server.client().issue("auth alice");
        let start = Barrier::new(CONNECTIONS);
        for round in 0..3 {
            let presented = &tokens.refresh;
            let answers: Vec<Tokens> = thread::scope(|scope| {
                let clients: Vec<_> = (0..CONNECTIONS)
                    .map(|_| {
                        let (server, start) = (&server, &start);
                        scope.spawn(move || {
                            let mut client = server.client();
                            start.wait();
                            client.rotate("auth", presented)
                        })
                    })
                    .collect();
                clients.into_iter().map(|client| client.join().unwrap()).collect()
            });
            for answer in &answers {
                assert_eq!(answer.claims(), answers[0].claims());
                assert_eq!(server.client().verdict("auth", &answer.access), "OK");
                if algorithm == Algorithm::Es256 {
                    // ES256 signatures differ each time. Everything else must be equal.
                    assert_eq!(
                        Tokens { access: String::new(), ..answer.clone() },
                        Tokens { access: String::new(), ..answers[0].clone() }
                    );
                } else {
                    assert_eq!(answer, &answers[0]);
                }
            }
            assert_eq!(answers[0].claims()["jti"], format!("{}.{}", tokens.session, round + 2));
            tokens = answers[0].clone();
        }
        let mut client = server.client();
        assert_eq!(client.token_info("rotated_total"), 3);
        assert_eq!(client.token_info("replayed_total"), 3 * (CONNECTIONS as i64 - 1));
        assert_eq!(client.token_info("sign_queue"), 0);
        assert!(client.alert_types().is_empty());
    }
}

#[test]
fn concurrent_reuse_of_an_old_token_ends_the_session_and_raises_one_alert() {
    let (_keys, server) = issuer(Algorithm::Rs256);
    let mut client = server.client();
    let first = client.issue("auth alice");
    let second = client.rotate("auth", &first.refresh);
    let third = client.rotate("auth", &second.refresh);
    let start = Barrier::new(CONNECTIONS);
    let codes: Vec<String> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let (server, start, stolen) = (&server, &start, &first.refresh);
                scope.spawn(move || {
                    let mut client = server.client();
                    start.wait();
                    client.rotate_refused("auth", stolen)
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    assert_eq!(codes.iter().filter(|code| *code == "LWREUSED").count(), 1);
    assert!(codes.iter().all(|code| code == "LWREUSED" || code == "LWREVOKED"));
    assert_eq!(client.verdict("auth", &third.access), "LWREVOKED");
    assert_eq!(client.alert_types(), ["token.reuse"]);
    assert_eq!(client.audit_kinds().len(), 1);
}
