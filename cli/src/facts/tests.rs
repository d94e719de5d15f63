//! The facts of real servers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lockwatch_test_support::cluster::Cluster;
use lockwatch_test_support::proxy::{Proxy, Way};
use lockwatch_test_support::tokens::{Algorithm, issuer};
use lockwatch_test_support::{Client, Server};

use super::audit::{Query, search};
use super::bans::{List, bans};
use super::keys::{inspect, peek};
use super::policies::policies;
use super::sessions::sessions;
use super::top::top_keys;
use super::why::{Subject, why};
use crate::args::Cli;
use crate::connect::fleet::{Fleet, Kind};
use crate::finder::Finder;
use crate::sampler::Sampler;

async fn fleet_of(server: &Server) -> Fleet {
    fleet_at(&["--redis", &server.url()]).await
}

async fn fleet_at(options: &[&str]) -> Fleet {
    let cli = <Cli as clap::Parser>::parse_from(["lockwatch", "top"].iter().chain(options));
    Fleet::connect(&cli.connection).await.unwrap()
}

fn deny(client: &mut Client, key: &str, times: usize) {
    for _ in 0..=times {
        client.call(&["LW.RATELIMIT", key, "1", "60"]);
    }
}

#[tokio::test]
async fn a_server_shows_what_it_denied_banned_and_recorded() {
    let server = Server::builder().config("lockwatch.guard-learn 0").start();
    let mut client = server.client();
    deny(&mut client, "few", 2);
    deny(&mut client, "\u{1b}many", 5);
    client.run("LW.POLICY SET api 3 1m");
    client.run("LW.RATELIMIT {acme} @api");
    client.run("LW.BAN login IP 203.0.113.0/24 FOR 1h REASON x BY dora");
    client.run("LW.ALLOW login USER bob FOR 1h");
    client.run("LW.EVENT login failure IP 198.51.100.7 USER alice");
    client.run("LW.AUDIT USER alice IP 198.51.100.7 ENDPOINT /a STATUS 404");
    client.run("LW.AUDIT USER bob STATUS 200 LIMITED");
    let fleet = fleet_of(&server).await;

    let top = top_keys(&fleet, 10).await;
    let seen: Vec<_> = top.items.iter().map(|key| (key.key.as_slice(), key.denied)).collect();
    assert_eq!(seen, [(&b"\x1bmany"[..], 5), (b"few", 2)]);
    assert!(top.failures.is_empty());

    let guards = [b"login".to_vec()];
    let banned = bans(&fleet, &guards, List::Bans, 100).await;
    assert_eq!(banned.items.len(), 1);
    let ban = &banned.items[0];
    assert_eq!(
        (ban.subject.as_str(), ban.source.as_str(), ban.by.as_deref()),
        ("203.0.113.0/24", "operator", Some("dora"))
    );
    assert_eq!(bans(&fleet, &guards, List::Allowed, 100).await.items[0].source, "allow");
    assert_eq!(bans(&fleet, &[b"nothing".to_vec()], List::Bans, 100).await.failures[0].1.code, "LWNORULE");

    let told = why(&fleet, b"login", &Subject::Ip("203.0.113.9".into())).await.unwrap();
    assert_eq!((told.verdict.as_str(), told.entries.len()), ("deny", 1));
    let told = why(&fleet, b"login", &Subject::User(b"alice".to_vec())).await.unwrap();
    assert!(told.counts.iter().any(|count| count.rule == "patient" && count.units == 1));
    let hash = told.hash.unwrap();
    assert_eq!(why(&fleet, b"login", &Subject::Hash(hash.clone())).await.unwrap().hash, Some(hash));

    let key = inspect(&fleet, b"few").await.unwrap().unwrap();
    assert_eq!((key.kind.as_str(), key.windows[0].used, key.windows[0].window_ms), ("limiter", 1, 60_000));
    assert_eq!(inspect(&fleet, b"missing").await.unwrap(), None);
    let left = peek(&fleet, b"{acme}", "api").await.unwrap();
    assert_eq!((left.limit, left.remaining, left.limits.as_slice()), (3, 2, &[(3, 60_000)][..]));

    let named = policies(&fleet).await.items;
    assert_eq!((named.len(), named[0].name.as_str(), named[0].calls), (1, "api", 1));
    assert_eq!((named[0].limits.as_slice(), named[0].shadow), (&[(3, 60_000)][..], false));

    let all = Query { count: 10, ..Query::default() };
    let events = search(&fleet, &Query { kind: "request".into(), ..all.clone() }).await.items;
    assert_eq!(
        events.iter().map(|event| event.user.as_deref()).collect::<Vec<_>>(),
        [Some("bob"), Some("alice")]
    );
    let one =
        search(&fleet, &Query { user: "alice".into(), status: "404".into(), ..all.clone() }).await.items;
    assert_eq!((one.len(), one[0].endpoint.as_deref()), (1, Some("/a")));
    let older =
        search(&fleet, &Query { before: events[0].id.clone(), kind: "request".into(), ..all }).await.items;
    assert_eq!(older.len(), 1);
}

#[tokio::test]
async fn sessions_of_a_subject_are_listed() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    server.client().issue("auth alice META {\"device\":\"phone\"}");
    let fleet = fleet_of(&server).await;
    let of_alice = sessions(&fleet, b"auth", b"alice").await.unwrap();
    assert_eq!((of_alice.len(), of_alice[0].generation), (1, 1));
    assert_eq!(of_alice[0].meta.as_deref(), Some("{\"device\":\"phone\"}"));
    assert!(sessions(&fleet, b"auth", b"bob").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_cluster_is_found_from_one_node_and_asked_as_a_whole() {
    let cluster = Cluster::start();
    let keys: Vec<String> = (0..40).map(|n| format!("login:{n}")).collect();
    let mut clients: Vec<Client> = cluster.nodes.iter().map(Server::client).collect();
    for key in &keys {
        let owner = cluster.owner(cluster.slot(key));
        clients[owner].call(&["LW.BAN", key, "IP", "203.0.113.9", "FOR", "1h"]);
    }
    for key in ["a", "b", "c", "d"] {
        deny(&mut clients[cluster.owner(cluster.slot(key))], key, 3);
    }
    let fleet = Arc::new(fleet_of(&cluster.nodes[1]).await);
    assert_eq!((fleet.kind(), fleet.members().len()), (Kind::Cluster, 3));
    assert_eq!(top_keys(&fleet, 3).await.items.len(), 3);

    let sampler = Arc::new(Sampler::new(Arc::clone(&fleet), Duration::ZERO));
    let sample = sampler.sample().await;
    assert_eq!(sample.answers().count(), 3);
    assert_eq!(sample.sum("ratelimit_calls_total"), 16);
    let finder = Finder::start(sampler, vec![b"login:given".to_vec()], Vec::new());
    let deadline = Instant::now() + Duration::from_secs(20);
    while finder.guards().len() < keys.len() + 1 {
        assert!(Instant::now() < deadline, "found {:?}", finder.guards());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let banned = bans(&fleet, &finder.guards(), List::Bans, 10).await;
    assert_eq!((banned.items.len(), banned.failures.len()), (keys.len(), 0), "{:?}", banned.failures);
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_not_asked_about_every_guard() {
    let server = Server::start();
    let mut client = server.client();
    let guards: Vec<Vec<u8>> = (0..40).map(|n| format!("login:{n}").into_bytes()).collect();
    for guard in &guards {
        client.run(&format!("LW.BAN {} IP 203.0.113.9 FOR 1h", String::from_utf8_lossy(guard)));
    }
    let proxy = Proxy::to(server.address());
    let url = format!("redis://{}/", proxy.address());
    let fleet = fleet_at(&["--redis", &url, "--single", "--timeout", "500ms"]).await;
    let all = bans(&fleet, &guards, List::Bans, 10).await;
    assert_eq!((all.items.len(), all.failures.len()), (40, 0));

    proxy.set(Way::Cut);
    let began = Instant::now();
    let none = bans(&fleet, &guards, List::Bans, 10).await;
    // One after the other would take 20 s at least.
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    let silent: Vec<_> = none.failures.iter().map(|(node, _)| node.as_str()).collect();
    assert_eq!((none.items.len(), silent), (0, vec![proxy.address().to_string().as_str()]));

    proxy.set(Way::Open);
    let deadline = Instant::now() + Duration::from_secs(20);
    while bans(&fleet, &guards, List::Bans, 10).await.items.len() < 40 {
        assert!(Instant::now() < deadline, "the bans do not come back");
    }
}
