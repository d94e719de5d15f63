//! Replacing keys and secrets while the server runs, and unusable key files.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value as Json;

use crate::support::tokens::{ALGORITHMS, Algorithm, Keys, REFRESH_SECRET, Tokens, issuer, pem};
use crate::support::{Client, Server, Stop, beside};

fn kids(client: &mut Client) -> Vec<String> {
    let set: Json = serde_json::from_str(&client.run("LW.JWKS").text()).unwrap();
    set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn lw_jwks_lists_public_keys_only() {
    let keys = Keys::new();
    let list: Vec<_> = [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa]
        .map(|algorithm| keys.signing(algorithm, 0))
        .to_vec();
    let server = Server::builder()
        .config(format!("lockwatch.jwt-keys \"{}\"", list.join("  ")))
        .config(format!("lockwatch.jwt-secret-file {}", keys.signing(Algorithm::Hs256, 0)))
        .config(format!("lockwatch.refresh-secret-file {}", keys.refresh()))
        .start();
    let mut client = server.client();
    let set: Json = serde_json::from_str(&client.run("LW.JWKS").text()).unwrap();
    let jwks = set["keys"].as_array().unwrap();
    let members: Vec<Vec<&String>> =
        jwks.iter().map(|key| key.as_object().unwrap().keys().collect()).collect();
    assert_eq!(
        members,
        [
            vec!["alg", "e", "kid", "kty", "n", "use"],
            vec!["alg", "crv", "kid", "kty", "use", "x", "y"],
            vec!["alg", "crv", "kid", "kty", "use", "x"],
        ]
    );
    assert_eq!(client.token_info("keys"), 4);
    let info = client.info("lockwatch_token");
    assert!(info.text("lockwatch_token_key_0").contains("alg=RS256,use=signing"));
    assert!(info.text("lockwatch_token_key_3").contains("alg=HS256,use=verifying"));
    assert_eq!(client.issue("auth a").header()["alg"], "RS256");
}

#[test]
fn servers_with_the_same_refresh_secrets_show_the_same_ids() {
    let other = "another refresh secret of more than 32 bytes";
    let lines = |client: &mut Client| {
        let info = client.info("lockwatch_token");
        let lines =
            (0..2).map_while(|i| info.fields.get(&format!("lockwatch_token_refresh_secret_{i}")).cloned());
        lines.collect::<Vec<_>>()
    };
    let keys = Keys::new();
    let both = keys.file("both", &format!("{REFRESH_SECRET}\n{other}\n"));
    let start =
        |file: &str| Server::builder().config(format!("lockwatch.refresh-secret-file {file}")).start();
    let (one, same, two) = (start(&keys.refresh()), start(&keys.refresh()), start(&both));
    let (first, second, all) =
        (lines(&mut one.client()), lines(&mut same.client()), lines(&mut two.client()));
    assert_eq!((first.len(), &first), (1, &second));
    assert_eq!((all.len(), &all[0]), (2, &first[0]));
    let (id, usage) = all[1].split_once(',').unwrap();
    assert_eq!((id.len(), usage), ("id=".len() + 22, "use=verifying"));
    assert!(first[0].ends_with(",use=signing") && !first[0].contains(id), "{all:?}");
}

#[test]
fn signing_keys_can_be_replaced_under_load_without_a_failed_verification() {
    let keys = Keys::new();
    let server = Server::builder().issuing(&keys, Algorithm::Rs256).start();
    let path = |algorithm, n| keys.signing(algorithm, n);
    let rotations = [const { AtomicUsize::new(0) }; 4];
    let rotate = |worker: usize, stop: &Stop| {
        let mut client = server.client();
        let mut tokens = client.issue(&format!("auth user{worker} ACCESSTTL 1h"));
        while !stop.is_set() {
            // The access token's key may be gone, but the refresh token still works.
            tokens = client.rotate("auth", &tokens.refresh);
            assert_eq!(client.verdict("auth", &tokens.access), "OK");
            rotations[worker].fetch_add(1, Ordering::Relaxed);
        }
    };
    beside(rotations.len(), rotate, || {
        let mut client = server.client();
        let first = client.issue("auth old ACCESSTTL 1h");
        for (new, old) in [
            (path(Algorithm::Rs256, 1), path(Algorithm::Rs256, 0)),
            (path(Algorithm::EdDsa, 0), path(Algorithm::Rs256, 1)),
            (path(Algorithm::Es256, 0), path(Algorithm::EdDsa, 0)),
            (path(Algorithm::Rs256, 0), path(Algorithm::Es256, 0)),
        ] {
            // First add the new key, then sign with it, then remove the old key.
            client.set("jwt-keys", &format!("{old} {new}"));
            wait_for_rotations(&rotations);
            client.set("jwt-keys", &format!("{new} {old}"));
            assert_eq!(kids(&mut client).len(), 2);
            let before = client.issue("auth x");
            wait_for_rotations(&rotations);
            assert_eq!(client.verdict("auth", &before.access), "OK");
        }
        // The first key signs again, so the first token must still verify.
        assert_eq!(client.verdict("auth", &first.access), "OK");
    });
}

/// Waits until each worker has rotated several times, so that none holds a token of the old key.
fn wait_for_rotations(rotations: &[AtomicUsize]) {
    for count in rotations {
        let from = count.load(Ordering::Relaxed);
        crate::support::wait_until("every worker rotates", || count.load(Ordering::Relaxed) >= from + 5);
    }
}

#[test]
fn removing_a_key_ends_its_access_tokens_but_not_refresh_tokens() {
    for algorithm in ALGORITHMS {
        let (keys, server) = issuer(algorithm);
        let mut client = server.client();
        let tokens = client.issue("auth alice");
        assert_eq!(client.verdict("auth", &tokens.access), "OK");
        client.set("jwt-keys", &keys.signing(Algorithm::EdDsa, 1));
        client.set("jwt-secret-file", "");
        let answer = client.call(&["LW.VERIFY", "auth", &tokens.access]);
        assert_eq!(
            answer.error(),
            "LWINVALID no key has the token's kid",
            "a cached signature must not count either"
        );
        let next = client.rotate("auth", &tokens.refresh);
        assert_eq!(client.verdict("auth", &next.access), "OK");
    }
}

#[test]
fn the_refresh_secret_can_be_replaced() {
    let (keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let old = client.issue("auth alice");
    let stays = client.issue("auth alice");
    let new_secret = "another secret for refresh tokens, of today";
    client.set("refresh-secret-file", &keys.file("both", &format!("{new_secret}\n{REFRESH_SECRET}\n")));
    let next = client.rotate("auth", &old.refresh);
    let again = client.rotate("auth", &next.refresh);
    client.set("refresh-secret-file", &keys.file("new", new_secret));
    assert_eq!(client.rotate_refused("auth", &stays.refresh), "LWINVALID");
    client.rotate("auth", &again.refresh);
}

#[test]
fn an_unusable_key_file_is_refused_and_changes_nothing() {
    let (keys, server) = issuer(Algorithm::Rs256);
    let mut client = server.client();
    let tokens = client.issue("auth alice");
    let fifo = keys.dir().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let fifo = fifo.to_str().unwrap().to_owned();
    let weak = Command::new("openssl").args(["genrsa", "1024"]).output();
    let good = keys.signing(Algorithm::Rs256, 1);
    let private = std::fs::read_to_string(&good).unwrap();
    let mut bad = vec![
        ("/dev/null".to_owned(), "not a regular file"),
        (keys.dir().to_str().unwrap().to_owned(), "not a regular file"),
        (fifo.clone(), "not a regular file"),
        ("/nowhere/at/all".to_owned(), "can't be read"),
        (keys.file("empty", ""), "not a PEM file"),
        (keys.file("text", "PRIVATE KEY"), "not a PEM file"),
        (keys.file("broken", "-----BEGIN PRIVATE KEY-----\nA\n-----END PRIVATE KEY-----\n"), ""),
        (keys.file("cut", &private[..private.len() / 2]), ""),
        (keys.file("big", &"x".repeat(70_000)), "larger than"),
        (keys.file("two", &private.repeat(2)), "more than one key"),
        (keys.file("encrypted", &private.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY")), "encrypted"),
        (format!("{good} {good}"), "in the list already"),
        (format!("{good} /nowhere"), "/nowhere: "),
        (keys.file("garbage", &pem("PRIVATE KEY", &[1; 100])), "damaged"),
        (good.replace('/', ",/"), "separate files with spaces, not commas"),
        (
            format!("{good} {} key.pem", keys.dir().join("my").display()),
            "a path that has one can't be listed",
        ),
    ];
    if let Ok(weak) = weak {
        bad.push((keys.file("weak", &String::from_utf8(weak.stdout).unwrap()), "an RSA key of 1024 bits"));
    }
    for (value, expected) in bad {
        let why = client.set_refused("jwt-keys", &value);
        assert!(why.contains(expected), "{why} for {expected}");
        assert!(!why.contains("MII"), "{why} shows a part of a key");
    }
    for directive in ["jwt-secret-file", "refresh-secret-file"] {
        let bad = [
            (keys.file("short", &"s".repeat(31)), "line 1: the secret is shorter than 32 bytes"),
            (keys.file("none", "# nothing\n"), "there is no secret in it"),
            (fifo.clone(), "not a regular file"),
            ("/nowhere".to_owned(), "can't be read"),
        ];
        for (value, expected) in bad {
            let why = client.set_refused(directive, &value);
            assert!(why.contains(expected) && !why.contains("sss"), "{why} for {expected}");
        }
    }
    for (directive, value) in [("jwt-issuer", ""), ("jwt-audience", ""), ("jwt-issuer", &"x".repeat(256)[..])]
    {
        assert!(client.set_refused(directive, value).contains("1 to 255 bytes"));
    }
    assert_eq!(client.verdict("auth", &tokens.access), "OK");
    let next = client.rotate("auth", &tokens.refresh);
    assert_eq!(next.header()["kid"], tokens.header()["kid"]);
}

#[test]
fn a_public_key_verifies_but_does_not_sign() {
    let keys = Keys::new();
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let server = Server::builder()
        .config(format!("lockwatch.jwt-keys {}", keys.file("pair", &pair.serialize_pem())))
        .config(format!("lockwatch.refresh-secret-file {}", keys.refresh()))
        .start();
    let mut client = server.client();
    let tokens = client.issue("auth alice");
    let public = keys.file("public", &pair.public_key_pem());
    assert!(client.set_refused("jwt-keys", &public).contains("public key alone"));
    client.set("jwt-keys", &format!("{} {public}", keys.signing(Algorithm::Rs256, 0)));
    assert_eq!(client.verdict("auth", &tokens.access), "OK");
    assert_eq!(client.issue("auth alice").header()["alg"], "RS256");
}

#[test]
fn keys_in_pkcs1_sec1_and_pkcs8_are_accepted() {
    let (keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let openssl = |args: &[&str]| {
        let out = Command::new("openssl").args(args).output().unwrap();
        assert!(out.status.success(), "{args:?}");
        String::from_utf8(out.stdout).unwrap()
    };
    for (name, text, alg) in [
        ("pkcs1", openssl(&["rsa", "-traditional", "-in", &keys.signing(Algorithm::Rs256, 0)]), "RS256"),
        ("sec1", openssl(&["ecparam", "-name", "prime256v1", "-genkey"]), "ES256"),
        ("ed25519", openssl(&["genpkey", "-algorithm", "ed25519"]), "EdDSA"),
    ] {
        client.set("jwt-keys", &keys.file(name, &text));
        let tokens = client.issue("auth alice");
        assert_eq!(tokens.header()["alg"], alg);
        assert_eq!(client.verdict("auth", &tokens.access), "OK");
    }
}

#[test]
fn the_reason_says_which_kind_of_key_a_file_holds_instead() {
    let (keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let openssl = |args: &[&str]| {
        let out = Command::new("openssl").args(args).output().unwrap();
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        out.stdout
    };
    let curve = |name: &str| {
        openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", &format!("ec_paramgen_curve:{name}")])
    };
    let rsa = keys.signing(Algorithm::Rs256, 0);
    let small = openssl(&["genrsa", "1024"]);
    let small = keys.file("small.pem", &String::from_utf8(small).unwrap());
    for (name, file, reason) in [
        ("p384", curve("P-384"), "an EC key on P-384"),
        ("p521", curve("P-521"), "an EC key on P-521"),
        ("secp256k1", curve("secp256k1"), "an EC key on secp256k1"),
        ("sec1", openssl(&["ecparam", "-name", "secp384r1", "-genkey", "-noout"]), "an EC key on P-384"),
        ("pkcs8-1024", std::fs::read(&small).unwrap(), "an RSA key of 1024 bits"),
        ("pkcs1-1024", openssl(&["rsa", "-traditional", "-in", &small]), "an RSA key of 1024 bits"),
        ("public-1024", openssl(&["rsa", "-pubout", "-in", &small]), "an RSA key of 1024 bits"),
        ("pss", openssl(&["genpkey", "-algorithm", "RSA-PSS"]), "an RSA key for PSS alone"),
        ("ed448", openssl(&["genpkey", "-algorithm", "ED448"]), "an Ed448 key"),
        ("x25519", openssl(&["genpkey", "-algorithm", "X25519"]), "an X25519 key, which can't sign"),
        (
            "pkcs8-encrypted",
            openssl(&["pkcs8", "-topk8", "-in", &rsa, "-passout", "pass:x"]),
            "an encrypted private key",
        ),
        (
            "pkcs1-encrypted",
            openssl(&["rsa", "-traditional", "-aes128", "-in", &rsa, "-passout", "pass:xxxx"]),
            "an encrypted private key",
        ),
        ("der", openssl(&["pkey", "-in", &rsa, "-outform", "DER"]), "DER and not PEM"),
        ("csr", openssl(&["req", "-new", "-key", &rsa, "-subj", "/CN=x"]), "holds no key"),
        (
            "certificate",
            openssl(&["req", "-x509", "-new", "-key", &rsa, "-subj", "/CN=x"]),
            "a certificate and no key",
        ),
    ] {
        let path = keys.dir().join(name);
        std::fs::write(&path, file).unwrap();
        let path = path.to_str().unwrap();
        let why = client.set_refused("jwt-keys", path);
        assert!(why.contains(&format!("{path}: it ")) && why.contains(reason), "{name}: {why}");
    }
}

#[test]
fn secrets_do_not_appear_in_the_configuration() {
    let (keys, server) = issuer(Algorithm::Hs256);
    let mut client = server.client();
    client.issue("auth alice");
    assert_eq!(client.run("CONFIG REWRITE").text(), "OK");
    let written = std::fs::read_to_string(server.dir().join("redis.conf")).unwrap();
    assert!(written.contains(&keys.refresh()));
    let config = format!(
        "{:?}{}{}{written}",
        client.run("CONFIG GET *"),
        client.run("INFO everything").text(),
        server.log()
    );
    assert!(!config.contains(REFRESH_SECRET) && !config.contains("a secret for HS256"));
}

#[test]
fn sign_threads_can_be_changed_at_runtime() {
    let (_keys, server) = issuer(Algorithm::Rs256);
    let mut client = server.client();
    let threads =
        |server: &Server| server.threads().iter().filter(|name| name.starts_with("lw-sign")).count();
    assert_eq!(threads(&server), 0);
    // A thread gets its name shortly after it starts.
    let wait_for_threads = |n: usize| {
        crate::support::wait_until("the number of signing threads changes", || threads(&server) == n)
    };
    client.issue("auth a");
    wait_for_threads(2);
    client.set("sign-threads", "5");
    client.issue("auth a");
    wait_for_threads(5);
    client.set("sign-threads", "1");
    wait_for_threads(1);
    let tokens: Tokens = client.issue("auth a");
    assert_eq!(client.verdict("auth", &tokens.access), "OK");
}

#[test]
fn a_server_does_not_start_with_an_unusable_key() {
    let keys = Keys::new();
    let bad = keys.file("bad", "nonsense");
    let log =
        Server::builder().config(format!("lockwatch.jwt-keys {bad}")).try_start().err().expect("no start");
    assert!(log.contains("not a PEM file"), "{log}");
    let mode = |path: &str| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&bad), 0o644, "the file's permissions are unchanged");
}

#[test]
fn a_refused_config_set_of_several_directives_keeps_the_keys() {
    let (keys, server) = issuer(Algorithm::Rs256);
    let mut client = server.client();
    let tokens = client.issue("auth alice");
    let kid = tokens.header()["kid"].clone();
    let new = keys.signing(Algorithm::EdDsa, 0);
    // Delete the files of the keys in force: a rollback must not re-read them.
    std::fs::remove_file(keys.signing(Algorithm::Rs256, 0)).unwrap();
    std::fs::remove_file(keys.refresh()).unwrap();
    let secret = keys.file("secret", "a new secret that is quite long enough for it");
    for (first, second) in [("/nowhere", &new), (&secret[..], &"/nowhere".to_owned())] {
        let answer = client.call(&[
            "CONFIG",
            "SET",
            "lockwatch.jwt-keys",
            second,
            "lockwatch.refresh-secret-file",
            first,
        ]);
        assert!(answer.is_error());
        let next = client.rotate("auth", &tokens.refresh);
        assert_eq!(next.header()["kid"], kid);
        assert_eq!(client.verdict("auth", &tokens.access), "OK");
    }
}
