//! Audiences of access tokens: none, one, several.

use serde_json::{Value as Json, json};

use crate::support::tokens::{ALGORITHMS, Algorithm, issuer};

#[test]
fn several_audiences_make_aud_an_array_that_rotation_keeps() {
    for algorithm in ALGORITHMS {
        let (_keys, server) = issuer(algorithm);
        let mut client = server.client();
        let line = "auth alice AUDIENCE web META 1 audience lockwatch-api Audience AUDIENCE";
        let first = client.issue(line);
        let second = client.rotate("auth", &first.refresh);
        for tokens in [&first, &second] {
            let expected = json!(["web", "lockwatch-api", "AUDIENCE"]);
            assert_eq!(tokens.claims()["aud"], expected);
            let verify = |client: &mut crate::support::Client, name: &str| {
                client.call(&["LW.VERIFY", "auth", &tokens.access, "AUDIENCE", name])
            };
            for name in ["web", "lockwatch-api", "AUDIENCE"] {
                let claims: Json = serde_json::from_str(&verify(&mut client, name).text()).unwrap();
                assert_eq!(claims["aud"], expected);
            }
            for name in ["Web", "we", "web,lockwatch-api", r#"["web"]"#, "audience"] {
                assert_eq!(verify(&mut client, name).error(), "LWINVALID aud does not name the audience");
            }
            // jwt-audience is among them.
            assert_eq!(client.verify("auth", &tokens.access)["aud"], expected);
            let told = client.call(&["LW.INTROSPECT", "auth", &tokens.access]).text();
            let told: Json = serde_json::from_str(&told).unwrap();
            assert_eq!((&told["aud"], &told["active"]), (&expected, &json!(true)));
        }
        client.set("jwt-audience", "other");
        assert_eq!(client.verdict("auth", &second.access), "LWINVALID");
    }
}

#[test]
fn one_audience_is_a_string_and_the_default_one_too() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let only = client.issue("auth alice AUDIENCE web");
    assert_eq!(only.claims()["aud"], "web");
    assert_eq!(client.rotate("auth", &only.refresh).claims()["aud"], "web");
    let none = client.issue("auth alice");
    client.set("jwt-audience", "other");
    assert_eq!(client.rotate("auth", &none.refresh).claims()["aud"], "other", "it follows the directive");
}

#[test]
fn eight_audiences_of_1024_bytes_in_all_are_accepted_and_more_are_refused() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let names = |count: usize, len: usize| -> Vec<Vec<u8>> {
        (0..count).map(|i| format!("{i:02}{}", "x".repeat(len - 2)).into_bytes()).collect()
    };
    let call = |names: &[Vec<u8>]| {
        let head = [&b"LW.ISSUE"[..], b"auth", b"alice"].map(<[u8]>::to_vec);
        let options = names.iter().flat_map(|name| [b"AUDIENCE".to_vec(), name.clone()]);
        head.into_iter().chain(options).collect::<Vec<_>>()
    };
    let tokens = crate::support::tokens::Tokens::of(&client.call(&call(&names(8, 128))));
    assert_eq!(tokens.claims()["aud"].as_array().unwrap().len(), 8);
    let before = client.footprint();
    for (names, why) in [
        (names(9, 2), "ERR AUDIENCE is given more than 8 times: "),
        (names(25, 2), "ERR there are too many arguments: "),
        (names(20_000, 10), "ERR there are too many arguments: "),
        (names(5, 205), "ERR the audiences have 1025 bytes in all, more than 1024: "),
        (names(1, 256), "ERR audience of 256 bytes is not 1 to 255 bytes of UTF-8 without NUL: "),
        (vec![b"a".to_vec(), b"b".to_vec(), b"a".to_vec()], "ERR AUDIENCE names one audience twice: "),
        (vec![b"a".to_vec(), b"".to_vec()], "ERR audience '' is not 1 to 255 bytes"),
        (vec![b"a".to_vec(), b"\0".to_vec()], "ERR audience '\\x00' is not 1 to 255 bytes"),
        (vec![b"a".to_vec(), b"\xff".to_vec()], "ERR audience '\\xff' is not 1 to 255 bytes"),
    ] {
        let message = client.call(&call(&names)).error().to_owned();
        assert!(message.starts_with(why), "{message}");
        assert!(
            message.ends_with("[AUDIENCE aud [AUDIENCE aud ...]] [ACCESSTTL d] [REFRESHTTL d] [META json]")
        );
    }
    assert!(
        client.run("LW.ISSUE auth a AUDIENCE x AUDIENCE").error().starts_with("ERR AUDIENCE has no value")
    );
    let verify = ["LW.VERIFY", "auth", &tokens.access, "AUDIENCE", "a", "AUDIENCE", "b"];
    assert!(client.call(&verify).error().starts_with("ERR AUDIENCE is given twice"));
    assert_eq!(client.footprint(), before);
}

#[test]
fn command_docs_say_that_audience_may_be_repeated_with_its_word() {
    let (_keys, server) = issuer(Algorithm::EdDsa);
    let mut client = server.client();
    let flags = |client: &mut crate::support::Client, command: &str| {
        let docs = client.run(&format!("COMMAND DOCS {command}"));
        let arguments = docs.items()[1].field("arguments").items();
        let audience = arguments.iter().find(|arg| arg.field("name").text() == "audience").unwrap();
        audience.field("flags").texts()
    };
    assert_eq!(flags(&mut client, "LW.ISSUE"), ["optional", "multiple", "multiple_token"]);
    assert_eq!(flags(&mut client, "LW.VERIFY"), ["optional"]);
}
