//! Searches for tokens, secrets and private keys in everything that the server writes, sends or
//! shows.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::tokens::{ALGORITHMS, Algorithm, Keys, REFRESH_SECRET, SECRET, Tokens};
use crate::support::{SOON, Server, wait_until};

/// A connection that sends one line and then only reads.
struct Tap(TcpStream);

impl Tap {
    fn new(server: &Server, line: &str) -> Self {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.write_all(format!("{line}\r\n").as_bytes()).unwrap();
        Self(stream)
    }

    /// Reads everything up to `end`.
    fn until(mut self, end: &str) -> String {
        let (mut all, mut part) = (Vec::new(), [0; 65_536]);
        loop {
            let len = self.0.read(&mut part).expect("the server sends data within the deadline");
            assert!(len > 0, "the connection is closed before {end}");
            all.extend_from_slice(&part[..len]);
            if all.windows(end.len()).any(|window| window == end.as_bytes()) {
                return String::from_utf8_lossy(&all).into_owned();
            }
        }
    }
}

#[test]
fn no_token_secret_or_private_key_is_written_or_shown_anywhere() {
    for algorithm in ALGORITHMS {
        let keys = Keys::new();
        let mut server = Server::builder()
            .issuing(&keys, algorithm)
            .config("loglevel debug")
            .config("appendonly yes")
            .config("aof-use-rdb-preamble no")
            .config("rdbcompression no")
            .config("slowlog-log-slower-than 0")
            .config("slowlog-max-len 10000")
            .start();
        let mut client = server.client();
        let monitor = Tap::new(&server, "MONITOR");
        let stream = Tap::new(&server, "SYNC");
        wait_until("a replica is attached", || client.info("replication").number("connected_slaves") == 1);
        let (mut secrets, mut seen) = (vec![REFRESH_SECRET.to_owned(), SECRET.to_owned()], Vec::new());
        let private = std::fs::read_to_string(keys.signing(algorithm, 0)).unwrap();
        secrets.extend(
            private.lines().filter(|line| line.len() > 20 && !line.starts_with("--")).map(str::to_owned),
        );
        let mut issued = Vec::new();
        everything(&server, algorithm, &mut issued, &mut seen);
        for tokens in &issued {
            let (message, signature) = tokens.access.rsplit_once('.').unwrap();
            secrets.extend([signature.to_owned(), message.to_owned()]);
            // Only the last part, the MAC, is secret.
            secrets.extend(tokens.refresh.get(44..).map(str::to_owned));
        }
        for line in [
            "CONFIG GET *",
            "INFO everything",
            "SLOWLOG GET -1",
            "CLIENT LIST",
            "ACL LOG",
            "LW.ALERTS LIST",
            "LW.AUDITLOG QUERY COUNT 1000",
            "MODULE LIST",
            "COMMAND STATS",
            "LATENCY DOCTOR",
            "CLIENT INFO",
        ] {
            seen.push(format!("{:?}", client.run(line)));
        }
        // A marker for the end of the monitored and replicated commands.
        client.run("SET last-of-all x");
        let (monitor, stream) = (monitor.until("last-of-all"), stream.until("last-of-all"));
        assert!(monitor.contains("last-of-all") && stream.contains("last-of-all"));
        assert!(monitor.contains("LW.ISSUE") && stream.contains("LW._TOKEN"));
        seen.extend([monitor, stream, String::from_utf8_lossy(&client.dump("auth")).into_owned()]);
        client.run("SAVE");
        client.run("BGREWRITEAOF");
        wait_until("the AOF is rewritten", || {
            client.info("persistence").number("aof_rewrite_in_progress") == 0
        });
        everything(&server, algorithm, &mut Vec::new(), &mut seen);
        client.run("CONFIG REWRITE");
        server.stop();
        collect(server.dir(), &mut seen);
        assert!(seen.len() > 40, "{}", seen.len());
        for secret in &secrets {
            assert!(secret.len() >= 20);
            for text in &seen {
                assert!(!text.contains(secret), "{secret} found in {text:.2000}");
            }
        }
    }
}

/// Reads all files below `dir` except the module.
fn collect(dir: &std::path::Path, seen: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, seen);
        } else if path.extension().is_none_or(|extension| extension != "so") {
            seen.push(String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned());
        }
    }
}

/// Calls every token command, with valid and invalid arguments.
fn everything(server: &Server, algorithm: Algorithm, issued: &mut Vec<Tokens>, seen: &mut Vec<String>) {
    let mut client = server.client();
    let mut failed = |answer: crate::support::Value| seen.push(answer.error().to_owned());
    let first = client.issue("auth alice META {\"a\":1}");
    let second = client.rotate("auth", &first.refresh);
    client.rotate("auth", &first.refresh);
    failed(client.call(&["LW.ROTATE", "auth", &first.refresh, "CLAIMS", r#"{"role":"x"}"#]));
    client.call(&["LW.CLAIMS", "auth", "SUBJECT", "alice", r#"{"role":"x"}"#]);
    let third = client.rotate("auth", &second.refresh);
    client.verify("auth", &third.access);
    client.call(&["LW.INTROSPECT", "auth", &third.access]);
    client.call(&["LW.INTROSPECT", "auth", &third.refresh]);
    client.call(&["LW.REVOKE", "auth", "TOKEN", &second.access]);
    // Tokens as the wrong argument.
    for token in [&third.access, &third.refresh] {
        failed(client.call(&["LW.VERIFY", "elsewhere", token, token]));
        failed(client.call(&["LW.VERIFY", "elsewhere", token]));
        failed(client.call(&["LW.VERIFY", "auth", &format!("{token}x")]));
        failed(client.call(&["LW.ROTATE", "elsewhere", token, token]));
        failed(client.call(&["LW.ROTATE", "elsewhere", token, "META", token]));
        failed(client.call(&["LW.ROTATE", "elsewhere", token, "CLAIMS", token]));
        failed(client.call(&["LW.ROTATE", "elsewhere", token]));
        failed(client.call(&["LW.REVOKE", "auth", token, token]));
        failed(client.call(&["LW.REVOKE", "auth", "SESSION", token]));
        failed(client.call(&["LW.INTROSPECT", "auth", token, token]));
        failed(client.call(&["LW.REVOKE", "auth", "TOKEN", token, "EXCEPT", token]));
    }
    // Calls in a transaction, at maxmemory, without permission, and on a key of the wrong type.
    let lines = [format!("LW.ROTATE auth {}", third.refresh), format!("LW.VERIFY auth {}", third.access)];
    let answers = client.multi(&[&lines[0], &lines[1]]).unwrap();
    let fourth = Tokens::of(&answers[0]);
    client.run("SET string x");
    failed(client.call(&["LW.VERIFY", "string", &fourth.access]));
    client.run("ACL SETUSER nobody on nopass ~* -@all");
    let mut nobody = server.client();
    nobody.run("AUTH nobody x");
    failed(nobody.call(&["LW.VERIFY", "auth", &fourth.access]));
    failed(nobody.call(&["LW.ROTATE", "auth", &fourth.refresh]));
    // Reuse of a stolen token.
    failed(client.call(&["LW.ROTATE", "auth", &first.refresh]));
    failed(client.call(&["LW.VERIFY", "auth", &fourth.access]));
    let kept = client.issue("auth bob CLAIMS {\"role\":\"x\"}");
    let rotated = client.rotate("auth", &kept.refresh);
    if algorithm == Algorithm::Rs256 {
        // Clients wait for signatures, and one disconnects.
        let mut gone = server.client();
        gone.send(&["LW.ROTATE", "auth", &rotated.refresh]);
    }
    issued.extend([first, second, third, fourth, kept, rotated]);
}

#[test]
fn generated_keys_appear_only_in_their_files() {
    let server = Server::builder().config("appendonly yes").config("loglevel debug").start();
    let mut client = server.client();
    client.issue("auth alice");
    client.run("SAVE");
    let pem = std::fs::read_to_string(server.dir().join("lockwatch-jwt-key.pem")).unwrap();
    let secret = std::fs::read_to_string(server.dir().join("lockwatch-refresh-secret")).unwrap();
    let mut secrets: Vec<&str> =
        pem.lines().filter(|line| line.len() > 20 && !line.starts_with("--")).collect();
    secrets.push(secret.lines().last().unwrap());
    let mut seen = Vec::new();
    for name in ["dump.rdb", "server.log"] {
        seen.push(String::from_utf8_lossy(&std::fs::read(server.dir().join(name)).unwrap()).into_owned());
    }
    collect(&server.dir().join("appendonlydir"), &mut seen);
    seen.push(client.run("INFO everything").text());
    for secret in secrets {
        assert!(seen.iter().all(|text| !text.contains(secret)));
    }
}
