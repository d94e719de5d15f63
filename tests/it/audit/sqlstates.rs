//! Every class of SQLSTATE against the shipper: raised for one row, and for all rows.

use super::pair;
use crate::support::postgres::Postgres;
use crate::support::{Server, Value, wait_until};

/// Codes about the data of a row, and one that only an operator's trigger raises.
const ABOUT_DATA: [&str; 16] = [
    "0A000", "20000", "21000", "22001", "22003", "22P02", "22P05", "23502", "23505", "23514", "27000",
    "44000", "54000", "P0001", "P0002", "LW001",
];

/// Codes about rights, resources, transactions and the system.
const OTHERS: [&str; 44] = [
    "01000", "02000", "03000", "08000", "08006", "08P01", "09000", "0B000", "0F000", "0L000", "0P000",
    "0Z000", "10608", "24000", "25006", "25P02", "26000", "28000", "2B000", "2D000", "2F000", "34000",
    "38000", "39000", "3B000", "3D000", "3F000", "40001", "40P01", "42501", "42P01", "53100", "53200",
    "53300", "55000", "55P03", "57014", "57P01", "57P03", "58030", "72000", "F0000", "HV000", "XX000",
];

/// A trigger that raises the code in the user of a row, or `code` for all rows if that is not
/// empty.
fn raise(postgres: &Postgres, code: &str) {
    postgres.sql(
        "audit",
        &format!(
            "CREATE OR REPLACE FUNCTION raise() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF '{code}' <> '' THEN RAISE EXCEPTION 'all in acme' USING ERRCODE = '{code}'; END IF; \
             IF NEW.user_id LIKE 'raise:%' THEN \
             RAISE EXCEPTION 'one in acme' USING ERRCODE = substr(NEW.user_id, 7); END IF; \
             RETURN NEW; END $$; \
             CREATE OR REPLACE TRIGGER raise BEFORE INSERT ON lockwatch_audit_log FOR EACH ROW \
             EXECUTE FUNCTION raise()"
        ),
    );
}

fn with_trigger() -> (Postgres, Server) {
    let (postgres, server) = pair();
    let mut client = server.client();
    client.audit("USER first");
    client.wait_until_shipped();
    raise(&postgres, "");
    (postgres, server)
}

/// Records a row that is refused for each of `codes`, each between two that are not. Returns how
/// many tries failed. Asserts that the refused rows are dead letters and the others are stored.
#[track_caller]
fn tries_until_dead(codes: &[&str]) -> i64 {
    let (postgres, server) = with_trigger();
    let mut client = server.client();
    let users = codes.iter().flat_map(|code| [format!("before{code}"), format!("raise:{code}")]);
    let calls: Vec<Vec<String>> = users
        .chain(["last".to_owned()])
        .map(|user| ["LW.AUDIT".to_owned(), "USER".to_owned(), user].to_vec())
        .collect();
    assert!(client.pipeline(&calls).iter().all(|answer| matches!(answer, Value::Bulk(_))));
    client.wait_until_shipped();
    let stored = postgres.number("audit", "SELECT count(*) FROM lockwatch_audit_log");
    assert_eq!(stored, codes.len() as i64 + 2, "the neighbours arrive");
    let mut dead: Vec<String> = client.dead_events().iter().map(|dead| dead.reason[..5].to_owned()).collect();
    dead.sort_unstable();
    let mut expected = codes.to_vec();
    expected.sort_unstable();
    assert_eq!(dead, expected);
    assert_eq!(client.audit_info("dropped_total"), 0);
    client.audit_info("retries_total")
}

#[test]
fn a_row_that_is_refused_for_its_data_becomes_a_dead_letter_at_once() {
    assert_eq!(tries_until_dead(&ABOUT_DATA), 0);
}

#[test]
fn a_row_that_is_refused_for_another_reason_becomes_a_dead_letter_after_six_tries() {
    assert_eq!(tries_until_dead(&OTHERS), 5);
}

#[test]
fn if_all_rows_are_refused_they_wait_whatever_the_reason() {
    let (postgres, server) = with_trigger();
    let mut client = server.client();
    for (n, code) in ABOUT_DATA.iter().chain(&OTHERS).enumerate() {
        raise(&postgres, code);
        let retries = client.audit_info("retries_total");
        client.audit("USER a");
        client.audit("USER b");
        wait_until(&format!("a try with {code} fails"), || client.audit_info("retries_total") > retries);
        let error = client.audit_text("last_error");
        assert!(error.contains(&format!("({code})")) && !error.contains("acme"), "{error}");
        assert_eq!(client.audit_text("state"), "waiting", "{code}");
        raise(&postgres, "");
        client.wait_until_shipped();
        let stored = postgres.number("audit", "SELECT count(*) FROM lockwatch_audit_log");
        assert_eq!(stored, 1 + 2 * (n as i64 + 1), "{code}");
        assert_eq!(client.audit_info("dead_total"), 0, "{code}");
    }
    let raised: Vec<_> = client.waiting().into_iter().map(|alert| alert.kind).collect();
    assert_eq!(raised, ["audit.refused"], "once in a while");
    assert!(!server.log().contains("acme"), "{}", server.log());
}
