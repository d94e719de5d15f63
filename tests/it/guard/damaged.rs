//! RESTORE of damaged values: refused or usable, and never much memory.

use super::Verdict;
use super::builder;
use super::calls::make;
use crate::support::payload::Payload;
use crate::support::{Client, Random, Value};

fn seeds(client: &mut Client, random: &mut Random) -> Vec<Payload> {
    client.freeze();
    client.run("LW.BAN login IP 203.0.113.7 FOR 1h");
    let one = Payload::new(&client.dump("login"));
    client.run("FLUSHALL");
    make(client, random, 60);
    let some = client.run("KEYS *").texts();
    let some = some.iter().map(|key| Payload::new(&client.dump(key))).collect::<Vec<_>>();
    client.run("FLUSHALL");
    // Several pieces: more than 200 entries.
    make(client, random, 2000);
    let many = Payload::new(&client.dump("login"));
    client.run("FLUSHALL");
    [vec![one, many], some].concat()
}

/// Changes one to three places.
fn damaged(bytes: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..random.within(1..=3) {
        let at = random.below(bytes.len());
        match random.below(8) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = *random.pick(&[0, 1, 2, 0x7f, 0x80, 0xff]),
            2 if random.one_in(4) => bytes.truncate(at.max(1)),
            3 => bytes.insert(at, random.number() as u8),
            4 => drop(bytes.remove(at)),
            5 => drop(bytes.splice(at.., other[at.min(other.len())..].iter().copied())),
            6 => bytes.splice(at..at, [0xff; 9]).for_each(drop),
            _ => bytes[at] = random.number() as u8,
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
    bytes
}

/// Makes all kinds of calls on a restored value.
fn use_it(client: &mut Client, key: &str) {
    let before = client.dump(key);
    assert_eq!(client.call(&[&b"RESTORE"[..], b"login:again", b"0", &before, b"REPLACE"]).text(), "OK");
    assert_eq!(client.dump("login:again"), before);
    assert_eq!(client.run(&format!("COPY {key} login:copy REPLACE")).int(), 1);
    assert_eq!(client.dump("login:copy"), before);
    for line in ["MEMORY USAGE", "DEBUG DIGEST-VALUE", "LW.INSPECT", "LW.BANS", "LW.BANS ALLOWED"] {
        let line = line.split(' ').collect::<Vec<_>>();
        let call = [&line[..1], &[key][..], &line[1..]].concat();
        let call =
            if line.len() == 2 && line[0] != "LW.BANS" { [&line[..], &[key][..]].concat() } else { call };
        assert!(!client.call(&call).is_error(), "{call:?}");
    }
    for subject in ["IP 203.0.113.1 USER u1", "IP 2001:db8::1 USER u2 DEVICE d1", "IP 203.0.113.7"] {
        Verdict::of(&client.run(&format!("LW.CHECK {key} {subject}")));
        Verdict::of(&client.run(&format!("LW.ATTEMPT {key} {subject} SOLVED")));
        for kind in ["failure", "mfa", "success"] {
            Verdict::of(&client.run(&format!("LW.EVENT {key} {kind} {subject}")));
        }
    }
    for line in [
        "LW.WHY KEY USER u1",
        "LW.WHY KEY IP 203.0.113.7",
        "LW.BAN KEY USER u1 FOR 1h",
        "LW.LIFT KEY ALL FORGET",
    ] {
        let answer = client.run(&line.replace("KEY", key));
        let is_full = matches!(&answer, Value::Error(why) if why.starts_with("LWFULL"));
        assert!(!answer.is_error() || is_full, "{line}: {answer:?}");
    }
}

#[test]
fn damaged_values_are_refused_or_usable() {
    let rounds = if std::env::var_os("LOCKWATCH_SOAK").is_some() { 10_000 } else { 150 };
    let server = builder().config("rdbcompression no").start();
    let mut client = server.client();
    let mut random = Random::new();
    let seeds = seeds(&mut client, &mut random);
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..rounds {
        let calls: Vec<_> = (0..100)
            .map(|n| {
                let seed = random.pick(&seeds).clone();
                let other = random.pick(&seeds).clone();
                let dump = seed.with_body(&damaged(seed.body(), other.body(), &mut random));
                vec![b"RESTORE".to_vec(), format!("login:x{n}").into_bytes(), b"0".to_vec(), dump]
            })
            .collect();
        client
            .pipeline(&calls)
            .iter()
            .for_each(|answer| if answer.is_error() { refused += 1 } else { accepted += 1 });
        for key in client.run("KEYS login:x*").texts() {
            if client.run(&format!("TYPE {key}")).text() == "lw-guards" {
                use_it(&mut client, &key);
            }
        }
        assert_eq!(client.run("FLUSHALL").text(), "OK");
    }
    eprintln!("{accepted} accepted, {refused} refused");
    assert!(accepted > rounds && refused > rounds, "{accepted} accepted, {refused} refused");
    let peak = server.info("memory").number("used_memory_peak");
    assert!(peak < 100 << 20, "{peak} bytes of memory at the peak");
}

#[test]
fn a_value_that_is_cut_short_anywhere_is_refused() {
    let server = builder().config("rdbcompression no").start();
    let mut client = server.client();
    let mut random = Random::new();
    for seed in seeds(&mut client, &mut random) {
        let body = seed.body();
        let step = (body.len() / 2000).max(1);
        // A value that lacks its last bytes may be completed by those of the checksum.
        let calls: Vec<_> = (0..body.len() - 10)
            .step_by(step)
            .map(|length| {
                vec![b"RESTORE".to_vec(), b"login".to_vec(), b"0".to_vec(), seed.with_body(&body[..length])]
            })
            .collect();
        for (length, answer) in client.pipeline(&calls).iter().enumerate() {
            assert!(answer.is_error(), "{} of {} bytes", length * step, body.len());
        }
        let whole = [&b"RESTORE"[..], b"login", b"0", &seed.with_body(body), b"REPLACE"];
        assert_eq!(client.call(&whole).text(), "OK");
    }
}
