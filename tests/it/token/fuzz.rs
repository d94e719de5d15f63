//! Hostile bytes in commands, tokens, CLAIMS, META and RESTORE. The server keeps running, answers
//! in time, and accepts nothing that it cannot use.

use std::time::Instant;

use crate::support::payload::Payload;
use crate::support::tokens::{Algorithm, Keys, Tokens, issuer};
use crate::support::{Client, Random, SOON, Server};

fn rounds(usual: usize) -> usize {
    if std::env::var_os("LOCKWATCH_SOAK").is_some() { usual * 50 } else { usual }
}

/// Returns `bytes` mutated in up to four places.
fn mutated(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        if bytes.is_empty() {
            break;
        }
        let at = random.below(bytes.len());
        match random.below(6) {
            0 => bytes[at] = random.number() as u8,
            1 => bytes[at] ^= 1 << random.below(8),
            2 => bytes.truncate(at),
            3 => bytes.insert(at, random.number() as u8),
            4 => {
                bytes.remove(at);
            }
            _ => {
                let end = at + random.below(bytes.len() - at + 1);
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
        }
    }
    bytes
}

#[test]
fn mutated_tokens_are_refused_and_mutated_arguments_do_no_harm() {
    for algorithm in [Algorithm::Rs256, Algorithm::EdDsa] {
        let (_keys, server) = issuer(algorithm);
        let mut client = server.client();
        let mut random = Random::new();
        let tokens = client.issue("auth alice");
        let seeds: Vec<Vec<u8>> = [
            tokens.access.as_bytes(),
            tokens.refresh.as_bytes(),
            br#"{"role":"admin","a":[1,2,{"b":null}],"c":1.5e3,"d":"\u00e9\n"}"#,
            br#"{"ua":"Mozilla/5.0","ip":"2001:db8::1"}"#,
            b"alice",
            tokens.session.as_bytes(),
            b"900",
            b"CLAIMS",
            b"AUDIENCE",
        ]
        .map(<[u8]>::to_vec)
        .to_vec();
        let words: [&[u8]; 12] = [
            b"CLAIMS",
            b"META",
            b"AUDIENCE",
            b"ACCESSTTL",
            b"REFRESHTTL",
            b"TOKEN",
            b"SESSION",
            b"SUBJECT",
            b"EXCEPT",
            b"0",
            b"",
            b"\0",
        ];
        let commands = [
            "LW.ISSUE",
            "LW.ROTATE",
            "LW.CLAIMS",
            "LW.VERIFY",
            "LW.INTROSPECT",
            "LW.REVOKE",
            "LW.SESSIONS",
            "LW.REVOKEALL",
            "LW._TOKEN",
        ];
        let mut batch = Vec::new();
        for _ in 0..rounds(4000) {
            let command = *random.pick(&commands);
            // A mutated call may be valid and end sessions, so it uses another store.
            let mut call = vec![command.as_bytes().to_vec(), b"fuzzed".to_vec()];
            for _ in 0..random.below(7) {
                call.push(match random.below(3) {
                    0 => random.pick(&words).to_vec(),
                    1 => random.pick(&seeds).clone(),
                    _ => mutated(&random.pick(&seeds).clone(), &mut random),
                });
            }
            batch.push(call);
        }
        for call in batch.chunks(200) {
            let begun = Instant::now();
            for (call, answer) in call.iter().zip(client.pipeline(call)) {
                // Servers that hide the internal command reply "unknown command" themselves.
                let own = answer.is_error() && !answer.error().starts_with("ERR unknown command");
                if own {
                    let message = answer.error();
                    assert!(!message.contains("internal error"), "{message} for {call:?}");
                    assert!(message.len() < 1000 && !message.contains(&tokens.refresh[44..]), "{message}");
                }
            }
            assert!(begun.elapsed() < SOON);
        }
        // A mutated token must always be refused.
        for seed in [&tokens.access, &tokens.refresh] {
            for _ in 0..rounds(1000) {
                let token = mutated(seed.as_bytes(), &mut random);
                if token != seed.as_bytes() {
                    let verify = [&b"LW.VERIFY"[..], b"auth", &token];
                    let rotate = [&b"LW.ROTATE"[..], b"auth", &token];
                    assert!(client.call(&verify).is_error() && client.call(&rotate).is_error());
                }
            }
        }
        assert_eq!(client.verdict("auth", &tokens.access), "OK");
        client.rotate("auth", &tokens.refresh);
    }
}

#[test]
fn accepted_claims_are_returned_unchanged() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let mut random = Random::new();
    let seed = br#"{"a":"x","b":[1,-2.5e3,true,null,{"c":{}}],"\u00e9":"\u20ac\ud83d\udd11","n":123456789012345678901234567890}"#;
    let mut accepted = 0;
    for _ in 0..rounds(3000) {
        let claims = mutated(seed, &mut random);
        let call = [&b"LW.ISSUE"[..], b"auth", b"alice", b"CLAIMS", &claims];
        let answer = client.call(&call);
        if answer.is_error() {
            assert!(answer.error().starts_with("ERR claims "), "{answer:?}");
            continue;
        }
        accepted += 1;
        let tokens = Tokens::of(&answer);
        let claims_text = client.call(&["LW.VERIFY", "auth", &tokens.access]).text();
        let text = String::from_utf8(claims).expect("accepted claims are UTF-8");
        let inner = text.trim().strip_prefix('{').unwrap().strip_suffix('}').unwrap().trim();
        assert!(claims_text.ends_with(&format!("{inner}}}")), "{claims_text} for {text}");
        let all: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&claims_text).unwrap();
        let own: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(all.len(), own.len() + 7);
    }
    assert!(accepted > 10, "{accepted}");
}

/// Dumps of stores with every kind of content.
fn seeds(client: &mut Client) -> Vec<Payload> {
    for n in 0..3 {
        let options = ["AUDIENCE y", "AUDIENCE y AUDIENCE z AUDIENCE yz"][n % 2];
        let first = client.issue(&format!(r#"auth user{n} CLAIMS {{"role":"x"}} META {{"a":1}} {options}"#));
        client.call(&["LW.REVOKE", "auth", "TOKEN", &first.access]);
        client.rotate("auth", &first.refresh);
        if n > 0 {
            let claims = [r#"{"role":"y","z":[2]}"#, "{}"][n % 2];
            client.call(&["LW.CLAIMS", "auth", "SESSION", &first.session, claims]);
        }
    }
    client.issue("small a REFRESHTTL 0");
    ["auth", "small"].map(|key| Payload::new(&client.dump(key))).to_vec()
}

#[test]
fn damaged_stores_are_refused_or_usable() {
    let keys = Keys::new();
    let server = Server::builder().issuing(&keys, Algorithm::EdDsa).config("rdbcompression no").start();
    let mut client = server.client();
    let mut random = Random::new();
    let seeds = seeds(&mut client);
    let mut accepted = 0;
    for _ in 0..rounds(60) {
        let calls: Vec<_> = (0..100)
            .map(|_| {
                let seed = random.pick(&seeds).clone();
                let body = mutated(seed.body(), &mut random);
                let dump = seed.with_body(&body);
                vec![b"RESTORE".to_vec(), b"x".to_vec(), b"0".to_vec(), dump, b"REPLACE".to_vec()]
            })
            .collect();
        for answer in client.pipeline(&calls) {
            let refused = answer.is_error();
            accepted += usize::from(!refused);
        }
        if client.run("TYPE x").text() == "lw-tokens" {
            // An accepted store can be used, saved and loaded.
            let before = client.dump("x");
            for line in [
                "LW.SESSIONS x user1",
                "LW.ISSUE x user1",
                r#"LW.CLAIMS x SUBJECT user1 {"role":"w"}"#,
                "LW.REVOKE x SUBJECT user2",
                "MEMORY USAGE x",
                "COPY x y REPLACE",
            ] {
                assert!(!client.run(line).is_error(), "{line}");
            }
            assert_eq!(client.run("DEBUG RELOAD").text(), "OK");
            assert_ne!(client.dump("x"), before);
        }
    }
    assert!(accepted > 0);
    let peak = server.info("memory").number("used_memory_peak");
    assert!(peak < 64 << 20, "{peak} bytes of memory at the peak");
}
