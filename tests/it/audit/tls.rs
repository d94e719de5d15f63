//! TLS to Postgres: each sslmode behaves as in libpq.

use crate::support::postgres::Postgres;
use crate::support::{Server, wait_until};

/// A Postgres with TLS, and the file of the authority that issued its certificate for `localhost`.
fn with_tls() -> (Postgres, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = authority.self_signed(&key).unwrap();
    let server_key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = certificate.signed_by(&server_key, &authority, &key).unwrap();
    let postgres = Postgres::builder().tls(&certificate.pem(), &server_key.serialize_pem()).start();
    postgres.create_database("audit");
    let roots = postgres.file_with(&authority.pem());
    (postgres, roots)
}

/// Ships an event. Returns whether the connection was encrypted, or the error.
fn ships(postgres: &Postgres, host: &str, query: &str) -> Result<bool, String> {
    let url = postgres.url("audit").replace("127.0.0.1", host);
    let server = Server::builder().shipping_to_url(postgres, &format!("{url}?{query}")).start();
    let mut client = server.client();
    client.audit("USER a");
    wait_until("shipping succeeds or fails", || {
        client.audit_info("pending") == 0 || client.audit_info("retries_total") > 0
    });
    if client.audit_info("pending") > 0 {
        return Err(client.audit_text("last_error"));
    }
    let encrypted = postgres.sql(
        "audit",
        "SELECT bool_or(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'lockwatch'",
    );
    Ok(encrypted[0][0] == "t")
}

#[test]
fn each_sslmode_behaves_as_in_libpq() {
    let (postgres, roots) = with_tls();
    let roots = roots.replace('/', "%2F");
    let ca = format!("sslrootcert={roots}");
    assert_eq!(ships(&postgres, "127.0.0.1", "sslmode=disable"), Ok(false));
    assert_eq!(ships(&postgres, "127.0.0.1", ""), Ok(true), "prefer");
    assert_eq!(
        ships(&postgres, "127.0.0.1", "sslmode=require"),
        Ok(true),
        "require does not verify the certificate"
    );
    assert_eq!(
        ships(&postgres, "127.0.0.1", &format!("sslmode=verify-ca&{ca}")),
        Ok(true),
        "verify-ca ignores the name"
    );
    assert_eq!(ships(&postgres, "localhost", &format!("sslmode=verify-full&{ca}")), Ok(true));
    for (host, query) in [
        ("127.0.0.1", format!("sslmode=verify-full&{ca}")),
        ("localhost", "sslmode=verify-full".to_owned()),
        ("localhost", "sslmode=verify-ca".to_owned()),
        ("localhost", "sslmode=verify-full&sslrootcert=%2Fnowhere".to_owned()),
    ] {
        let why = ships(&postgres, host, &query).expect_err(&query);
        assert!(why.contains("ertificate") || why.contains("sslrootcert"), "{query}: {why}");
        assert!(!why.contains(host), "the client library names the host of the certificate: {why}");
    }
    // With a root certificate, `require` verifies the chain, as libpq does.
    let (other, _) = with_tls();
    let why = ships(&other, "127.0.0.1", &format!("sslmode=require&{ca}")).expect_err("another authority");
    assert!(why.contains("ertificate"), "{why}");
}

#[test]
fn sslmode_require_refuses_a_server_without_tls() {
    let postgres = Postgres::start();
    postgres.create_database("audit");
    let why = ships(&postgres, "127.0.0.1", "sslmode=require").expect_err("the server has no TLS");
    assert!(why.to_lowercase().contains("tls"), "{why}");
    assert_eq!(ships(&postgres, "127.0.0.1", "sslmode=prefer"), Ok(false));
}
