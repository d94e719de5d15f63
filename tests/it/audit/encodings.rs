//! Databases of other encodings than UTF8: every text arrives, written as the encoding allows.

use crate::support::Server;
use crate::support::postgres::Postgres;

/// A database of an encoding, and what it stores of [`RECORD`].
#[track_caller]
fn assert_stored(encoding: &str, user: &str, endpoint: &str, data: &str) {
    let postgres = Postgres::start();
    postgres.sql(
        "postgres",
        &format!(
            "CREATE DATABASE audit ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        ),
    );
    let server = Server::builder().shipping_to(&postgres, "audit").start();
    let mut client = server.client();
    let id = client.audit(
        r#"USER schlüssel ENDPOINT /€uro/é DATA {"é":"\u00e9\u20ac\ud83d\ude00\u0041","raw":"é€😀\\u00e9"}"#,
    );
    // As long as a path may be, and of characters that take four bytes each.
    client.audit(&format!("USER long ENDPOINT /{}", "😀".repeat(255)));
    client.wait_until_shipped();
    assert_eq!(client.audit_info("dead"), 0, "{encoding}: {:?}", client.dead_events());
    assert_eq!(client.audit_info("retries_total"), 0, "{encoding}: {}", client.audit_text("last_error"));
    for filter in ["USER schlüssel", "ENDPOINT /€uro", "ENDPOINT /€uro/é"] {
        let found = client.audit_log(filter);
        assert_eq!(found.len(), 1, "{encoding}: {filter}");
        assert_eq!(found[0].id, id);
        assert_eq!(found[0].user_id.as_deref(), Some(user), "{encoding}");
        assert_eq!(found[0].endpoint.as_deref(), Some(endpoint), "{encoding}");
        assert_eq!(found[0].data.as_deref(), Some(data), "{encoding}");
    }
    assert_eq!(client.run("LW.AUDITLOG ERASE USER schlüssel").field("postgres").int(), 1, "{encoding}");
}

#[test]
fn a_database_of_utf8_stores_every_text() {
    assert_stored("UTF8", "schlüssel", "/€uro/é", r#"{"é": "é€😀A", "raw": "é€😀\\u00e9"}"#);
}

#[test]
fn a_database_of_sql_ascii_stores_every_text() {
    assert_stored("SQL_ASCII", "schlüssel", "/€uro/é", r#"{"é": "é€😀A", "raw": "é€😀\\u00e9"}"#);
}

#[test]
fn a_database_of_latin1_stores_its_characters_and_the_bytes_of_others() {
    assert_stored(
        "LATIN1",
        "schlüssel",
        r"/\xe2\x82\xacuro/é",
        r#"{"é": "é\\xe2\\x82\\xac\\xf0\\x9f\\x98\\x80A", "raw": "é\\xe2\\x82\\xac\\xf0\\x9f\\x98\\x80\\u00e9"}"#,
    );
}

#[test]
fn a_database_of_another_encoding_stores_ascii_and_the_bytes_of_others() {
    for encoding in ["WIN1251", "EUC_JP"] {
        assert_stored(
            encoding,
            r"schl\xc3\xbcssel",
            r"/\xe2\x82\xacuro/\xc3\xa9",
            r#"{"raw": "\\xc3\\xa9\\xe2\\x82\\xac\\xf0\\x9f\\x98\\x80\\u00e9", "\\xc3\\xa9": "\\xc3\\xa9\\xe2\\x82\\xac\\xf0\\x9f\\x98\\x80A"}"#,
        );
    }
}
