//! Faults of the audit log's database.

use lockwatch_test_support::Server;
use lockwatch_test_support::postgres::Postgres;

use super::deployment::{Sound, sound};
use super::report::{Expected, Report};

/// A database of a Postgres, and a server that ships to it as a role of its own, which has made the
/// table.
struct Shipping<'a> {
    sound: Sound,
    postgres: &'a Postgres,
    database: String,
}

const ROLE: &str = "lockwatch_ship";

/// A Postgres with the role.
fn postgres() -> Postgres {
    let postgres = Postgres::start();
    postgres.sql("postgres", &format!("CREATE ROLE {ROLE} LOGIN PASSWORD 'p@ss/w:rd%'"));
    postgres
}

impl<'a> Shipping<'a> {
    fn start(postgres: &'a Postgres, database: &str) -> Self {
        postgres.create_database(database);
        postgres.sql(database, &format!("GRANT CREATE, USAGE ON SCHEMA public TO {ROLE}"));
        let url = postgres.url(database).replace(lockwatch_test_support::postgres::USER, ROLE);
        let server = sound(Server::builder()).shipping_to_url(postgres, &url).start();
        let mut sound = Sound::of(server);
        sound.admin.audit("USER first");
        sound.admin.wait_until_shipped();
        Self { sound, postgres, database: database.to_owned() }
    }

    fn sql(&self, sql: &str) {
        self.postgres.sql(&self.database, sql);
    }

    fn doctor(&self) -> Report {
        self.sound.doctor(&["--database-url-file", &self.postgres.url_file(&self.database)])
    }
}

/// A name, statements that plant the fault, directives to set, and what is found.
type Fault =
    (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)], &'static [Expected]);

#[test]
fn faults_of_the_database_are_found() {
    let faults: &[Fault] = &[
        ("all is well", &[], &[("audit-retention-days", "30")], &[]),
        (
            "a role that may not insert",
            &[
                "ALTER TABLE lockwatch_audit_log OWNER TO lw_writer",
                "GRANT SELECT ON lockwatch_audit_log TO lockwatch_ship",
            ],
            &[],
            &[("error", "database-rights")],
        ),
        (
            "a retention without ownership",
            &[
                "ALTER TABLE lockwatch_audit_log OWNER TO lw_writer",
                "GRANT SELECT, INSERT ON lockwatch_audit_log TO lockwatch_ship",
            ],
            &[("audit-retention-days", "30")],
            &[("warning", "database-rights")],
        ),
        (
            "no partition for tomorrow, and no right to make one",
            &["REVOKE CREATE ON SCHEMA public FROM lockwatch_ship", "SELECT drop_partition(1)"],
            &[],
            &[("warning", "partitions")],
        ),
        (
            "no partition for today, and no right to make one",
            &["REVOKE CREATE ON SCHEMA public FROM lockwatch_ship", "SELECT drop_partition(0)"],
            &[],
            &[("error", "partitions")],
        ),
        (
            "rows in a DEFAULT partition",
            &[
                "CREATE TABLE others PARTITION OF lockwatch_audit_log DEFAULT",
                "INSERT INTO others (\"timestamp\", kind, rate_limit_hit, anomaly_detected, epoch, seq) \
                 VALUES ('2020-01-01', 'x', false, false, 1, 1)",
            ],
            &[],
            &[("warning", "default-partition")],
        ),
        (
            "an empty DEFAULT partition",
            &["CREATE TABLE others PARTITION OF lockwatch_audit_log DEFAULT"],
            &[],
            &[],
        ),
        (
            "a partition that should be gone",
            &["CREATE TABLE lockwatch_audit_log_20200101 PARTITION OF lockwatch_audit_log \
               FOR VALUES FROM ('2020-01-01 00:00+00') TO ('2020-01-02 00:00+00')"],
            &[("audit-retention-days", "30")],
            &[("warning", "retention")],
        ),
        (
            "a schema of a newer version",
            &["INSERT INTO lockwatch_schema (version) VALUES (7)"],
            &[],
            &[("error", "schema")],
        ),
    ];
    let postgres = postgres();
    let mut wrong = Vec::new();
    for (number, (name, statements, directives, expected)) in faults.iter().enumerate() {
        let mut shipping = Shipping::start(&postgres, &format!("fault{number}"));
        shipping.sql(
            "CREATE FUNCTION drop_partition(day int) RETURNS void LANGUAGE plpgsql AS $$ BEGIN \
             EXECUTE format('DROP TABLE lockwatch_audit_log_%s', \
               to_char(now() AT TIME ZONE 'UTC' + day * interval '1 day', 'YYYYMMDD')); END $$",
        );
        statements.iter().for_each(|sql| shipping.sql(sql));
        directives.iter().for_each(|(name, value)| shipping.sound.admin.set(name, value));
        if let Some(difference) = shipping.doctor().difference(expected) {
            wrong.push(format!("{name}:\n{difference}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_database_that_cannot_be_asked_is_found_without_its_url() {
    let mut postgres = postgres();
    let shipping = Shipping::start(&postgres, "audit");
    let (url, wrong) = (postgres.url_file("audit"), postgres.url_file("nonexistent"));
    let report = shipping.sound.doctor(&["--database-url-file", &wrong]);
    report.assert_is(&[("error", "database")]);
    assert!(!report.printed.contains("p@ss") && !report.printed.contains("lw_writer"), "{}", report.printed);
    let Shipping { sound, .. } = shipping;
    postgres.stop();
    let report = sound.doctor(&["--only", "database,schema", "--database-url-file", &url]);
    report.assert_is(&[("error", "database")]);
}

#[test]
fn another_database_than_that_of_the_servers_is_named() {
    let (postgres, other) = (postgres(), Postgres::start());
    let shipping = Shipping::start(&postgres, "audit");
    let report = shipping.sound.doctor(&["--database-url-file", &other.url_file("postgres")]);
    report.assert_is(&[
        ("note", "database-url"),
        ("warning", "schema"),
        ("skipped", "database-rights"),
        ("skipped", "partitions"),
        ("skipped", "default-partition"),
        ("skipped", "retention"),
    ]);
}
