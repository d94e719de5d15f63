//! Faults of Postgres and of the network one after another, in random order, on one server.

use std::time::Duration;

use super::faults::CUT_OFF;
use super::load::Acknowledged;
use super::scaled;
use crate::support::postgres::Postgres;
use crate::support::proxy::{Proxy, Way};
use crate::support::{Client, Random, Server, wait_at_most};

#[derive(Clone, Copy, Debug)]
enum Fault {
    Stopped,
    Killed,
    RefusesConnections,
    WrongPassword,
    ReadOnly,
    NoPermission,
    MissingColumn,
    LockedTable,
    FullDisk,
    ClosedConnections,
    CutNetwork,
}

use Fault::{
    ClosedConnections, CutNetwork, FullDisk, Killed, LockedTable, MissingColumn, NoPermission, ReadOnly,
    RefusesConnections, Stopped, WrongPassword,
};

const ALL: [Fault; 11] = [
    Stopped,
    Killed,
    RefusesConnections,
    WrongPassword,
    ReadOnly,
    NoPermission,
    MissingColumn,
    LockedTable,
    FullDisk,
    ClosedConnections,
    CutNetwork,
];

impl Fault {
    /// Runs `during` while the fault lasts.
    fn lasts(self, postgres: &mut Postgres, proxy: &Proxy, during: impl FnOnce()) {
        match self {
            Stopped => {
                postgres.stop();
                during();
                postgres.start_again();
            }
            Killed => {
                postgres.kill();
                during();
                postgres.start_again();
            }
            RefusesConnections => {
                postgres.sql("postgres", "ALTER DATABASE audit ALLOW_CONNECTIONS false");
                postgres.sql("postgres", CUT_OFF);
                during();
                postgres.sql("postgres", "ALTER DATABASE audit ALLOW_CONNECTIONS true");
            }
            WrongPassword => {
                postgres.sql("audit", "ALTER ROLE somebody PASSWORD 'other'");
                postgres.sql("postgres", CUT_OFF);
                during();
                postgres.sql("audit", "ALTER ROLE somebody PASSWORD 'p@ss/w:rd%'");
            }
            ReadOnly => {
                postgres.configure(&["default_transaction_read_only = on"]);
                during();
                postgres.configure(&[]);
            }
            NoPermission => {
                postgres.alter("audit", "REVOKE INSERT ON lockwatch_audit_log FROM somebody");
                during();
                postgres.alter("audit", "GRANT INSERT ON lockwatch_audit_log TO somebody");
            }
            MissingColumn => {
                postgres.alter("audit", "ALTER TABLE lockwatch_audit_log RENAME COLUMN method TO verb");
                during();
                postgres.alter("audit", "ALTER TABLE lockwatch_audit_log RENAME COLUMN verb TO method");
            }
            LockedTable => {
                let mut session = postgres.session("audit");
                session.run("BEGIN; LOCK TABLE lockwatch_audit_log IN ACCESS EXCLUSIVE MODE");
                during();
                session.run("ROLLBACK");
            }
            FullDisk => {
                postgres.alter(
                    "audit",
                    "CREATE TRIGGER disk_is_full BEFORE INSERT ON lockwatch_audit_log FOR EACH ROW EXECUTE \
                     FUNCTION disk_is_full()",
                );
                during();
                postgres.alter("audit", "DROP TRIGGER disk_is_full ON lockwatch_audit_log");
            }
            ClosedConnections => {
                proxy.set(Way::Closed);
                during();
                proxy.set(Way::Open);
            }
            CutNetwork => {
                proxy.set(Way::Cut);
                during();
                proxy.set(Way::Open);
            }
        }
    }

    /// Whether the module sees an error at once. Otherwise it waits for a timeout that is longer
    /// than the fault lasts here.
    fn is_noticed(self) -> bool {
        !matches!(self, LockedTable | CutNetwork)
    }
}

/// Every fault in random order, and again until there are `n`.
fn faults(n: usize, random: &mut Random) -> Vec<Fault> {
    let mut faults = Vec::new();
    while faults.len() < n {
        let mut all = ALL.to_vec();
        while !all.is_empty() {
            faults.push(all.swap_remove(random.below(all.len())));
        }
    }
    faults.truncate(n);
    faults
}

#[test]
fn faults_of_postgres_one_after_another_lose_no_event_and_do_not_flood_the_log() {
    let mut random = Random::new();
    let mut postgres = Postgres::start();
    postgres.create_database("audit");
    let proxy = Proxy::to(postgres.address());
    let url = postgres.url_at(proxy.address(), "audit");
    // Both are logged once a fault, which is counted below.
    let builder = Server::builder().may_repeat("wait for Postgres").may_repeat("takes audit events again");
    let server = builder.shipping_to_url(&postgres, &url).start();
    let mut client = server.client();
    prepare(&mut client, &postgres, &url);
    let acknowledged = Acknowledged::default();
    let faults = faults(scaled(6, 50), &mut random);
    acknowledged.record_during(server.address(), 3, "load", || {
        for fault in &faults {
            acknowledged.wait_for_more(200);
            let retries = client.audit_info("retries_total");
            fault.lasts(&mut postgres, &proxy, || {
                wait_at_most(Duration::from_secs(60), &format!("{fault:?} is noticed"), || {
                    acknowledged.wait_for_more(1);
                    !fault.is_noticed() || client.audit_info("retries_total") > retries
                });
                acknowledged.wait_for_more(200);
            });
            let batches = client.audit_info("batches_total");
            wait_at_most(Duration::from_secs(90), &format!("events are shipped after {fault:?}"), || {
                acknowledged.wait_for_more(1);
                client.audit_info("batches_total") > batches
            });
        }
    });
    client.wait_until_shipped();
    assert_eq!(client.audit_info("refused_total") + client.audit_info("dead"), 0, "{faults:?}");
    acknowledged.assert_arrived(&postgres, "audit");
    let warnings = server.log().matches("# <module>").count();
    eprintln!("{} faults, {warnings} warnings", faults.len());
    assert!(warnings <= 4 * faults.len(), "{warnings} warnings for {faults:?}:\n{}", server.log());
}

/// Lets an ordinary role write from here on, because a superuser needs no permission.
#[track_caller]
fn prepare(client: &mut Client, postgres: &Postgres, url: &str) {
    client.audit("ANOMALY");
    client.wait_until_shipped();
    postgres.sql(
        "audit",
        "CREATE ROLE somebody LOGIN PASSWORD 'p@ss/w:rd%'; \
         GRANT ALL ON ALL TABLES IN SCHEMA public TO somebody; \
         CREATE FUNCTION disk_is_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION \
         'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$",
    );
    let url = url.replace("lw_writer", "somebody");
    client.set("postgres-url-file", &postgres.file_with(&url));
}
