//! RESTORE of damaged values: refused or usable, and never much memory.

use crate::support::payload::Payload;
use crate::support::{Client, Random, Server};

fn seeds(client: &mut Client) -> Vec<Payload> {
    client.acquired("one 5 1h");
    for n in 0..40 {
        client.acquired(&format!("some 1000 {}ms ID {n} COST {}", 1000 + n * 100, 1 + n % 5));
    }
    for n in 0..700 {
        client.acquired(&format!("many 1000 1h ID {n}"));
    }
    let seeds = ["one", "some", "many"].map(|key| Payload::new(&client.dump(key))).to_vec();
    client.run("FLUSHALL");
    seeds
}

/// Changes one to three places.
fn damaged(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..random.within(1..=3) {
        let at = random.below(bytes.len());
        match random.below(6) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = *random.pick(&[0, 1, 0x7f, 0x80, 0xff]),
            2 => bytes.truncate(at.max(1)),
            3 => bytes.insert(at, random.number() as u8),
            4 => drop(bytes.remove(at)),
            _ => bytes[at] = random.number() as u8,
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
    bytes
}

#[test]
fn damaged_values_are_refused_or_usable() {
    let rounds = if std::env::var_os("LOCKWATCH_SOAK").is_some() { 20_000 } else { 400 };
    let server = Server::builder().config("rdbcompression no").start();
    let mut client = server.client();
    let mut random = Random::new();
    let seeds = seeds(&mut client);
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..rounds {
        let calls: Vec<_> = (0..100)
            .map(|n| {
                let seed = random.pick(&seeds).clone();
                let dump = seed.with_body(&damaged(seed.body(), &mut random));
                vec![b"RESTORE".to_vec(), format!("x{n}").into_bytes(), b"0".to_vec(), dump]
            })
            .collect();
        client
            .pipeline(&calls)
            .iter()
            .for_each(|answer| if answer.is_error() { refused += 1 } else { accepted += 1 });
        for key in client.run("KEYS *").texts() {
            if client.run(&format!("TYPE {key}")).text() != "lw-leases" {
                continue;
            }
            let before = client.dump(&key);
            assert_eq!(client.call(&[&b"RESTORE"[..], b"again", b"0", &before, b"REPLACE"]).text(), "OK");
            assert_eq!(client.dump("again"), before);
            client.acquire(&format!("{key} 9007199254740991 1h ID new"));
            client.renew(&format!("{key} 7 1h"));
            client.release(&format!("{key} 8"));
            client.acquire(&format!("{key} 3 1h"));
            for line in ["MEMORY USAGE", "DEBUG DIGEST-VALUE"] {
                assert!(!client.run(&format!("{line} {key}")).is_error(), "{line}");
            }
        }
        assert_eq!(client.run("FLUSHALL").text(), "OK");
    }
    eprintln!("{accepted} accepted, {refused} refused");
    assert!(accepted > rounds && refused > rounds, "{accepted} accepted, {refused} refused");
    let peak = server.info("memory").number("used_memory_peak");
    assert!(peak < 64 << 20, "{peak} bytes of memory at the peak");
}
