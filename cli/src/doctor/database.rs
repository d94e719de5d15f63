//! What the database of the audit log says.

use std::time::Duration;

use anyhow::{Context, Result};
use lockwatch_common::postgres::target::Target;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use super::time::now_ms;
use crate::database;

/// The limit of a statement.
const LIMIT: Duration = Duration::from_secs(10);

/// The newest version of the schema that this program knows.
pub const SCHEMA: i64 = 1;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Database {
    /// Hosts and ports of the URL.
    pub label: String,
    /// Such as 150018.
    pub version: i64,
    /// The program's own role.
    pub role: String,
    /// By how many milliseconds its clock is ahead of the program's, and by how much that may be
    /// wrong.
    pub ahead_ms: i64,
    pub uncertain_ms: i64,
    /// `None` if there is no table yet.
    pub log: Option<Log>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The table with its schema, quoted where that is necessary.
    pub table: String,
    pub schema: String,
    pub owner: String,
    /// The version of the schema; `Err` if the program's role may not read it.
    pub version: Result<i64, String>,
    /// Rights of each role that the module is connected as; those of the owner if it is not
    /// connected.
    pub roles: Vec<Role>,
    pub partitions: Vec<Partition>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    pub name: String,
    pub may_select: bool,
    pub may_insert: bool,
    pub may_read_version: bool,
    pub may_create: bool,
    /// Whether it owns the table, which the retention needs.
    pub owns: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partition {
    pub name: String,
    pub is_default: bool,
    pub has_today: bool,
    pub has_tomorrow: bool,
    /// How many whole days before today its last day is; 0 if it is not over.
    pub days_old: i64,
    /// Of the DEFAULT partition: whether it has rows, if the role may look.
    pub has_rows: Option<bool>,
}

pub async fn ask(target: &Target) -> Result<Database> {
    let client = database::connect(target, LIMIT).await?;
    rows(&client, "SET TIME ZONE 'UTC'").await?;
    let before = now_ms();
    let about = rows(
        &client,
        "SELECT current_setting('server_version_num'), current_user, \
         (extract(epoch FROM clock_timestamp()) * 1000)::bigint",
    )
    .await?;
    let took = now_ms().saturating_sub(before);
    let about = about.first().context("the database does not say what it is")?;
    let log = table(&client).await?;
    Ok(Database {
        label: target.label().to_owned(),
        version: number(about, 0),
        role: column(about, 1),
        ahead_ms: number(about, 2).saturating_sub(before).saturating_sub(took / 2),
        uncertain_ms: took / 2 + 1,
        log,
    })
}

/// The table, which may be outside of the search path of the program's role.
async fn table(client: &Client) -> Result<Option<Log>> {
    let found = rows(
        client,
        "SELECT c.oid::regclass::text, c.relnamespace::regnamespace::text, \
           quote_ident(pg_get_userbyid(c.relowner)), c.oid \
         FROM pg_class c WHERE c.relname = 'lockwatch_audit_log' AND c.relkind = 'p' \
         ORDER BY c.oid = to_regclass('lockwatch_audit_log') DESC NULLS LAST, c.oid LIMIT 1",
    )
    .await?;
    let Some(found) = found.first() else { return Ok(None) };
    let (schema, oid) = (column(found, 1), number(found, 3));
    Ok(Some(Log {
        table: column(found, 0),
        owner: column(found, 2),
        version: version(client, &schema).await,
        roles: roles(client, oid, &schema).await?,
        partitions: partitions(client, oid).await?,
        schema,
    }))
}

async fn version(client: &Client, schema: &str) -> Result<i64, String> {
    let sql = format!("SELECT coalesce(max(version), 0) FROM {schema}.lockwatch_schema");
    let found = rows(client, &sql).await.map_err(|why| format!("{why:#}"))?;
    Ok(found.first().map_or(0, |row| number(row, 0)))
}

async fn roles(client: &Client, oid: i64, schema: &str) -> Result<Vec<Role>> {
    let sql = format!(
        "WITH connected AS (SELECT DISTINCT usesysid AS id FROM pg_stat_activity \
           WHERE application_name = 'lockwatch' AND datname = current_database() AND usesysid IS NOT NULL), \
         role AS (SELECT id FROM connected UNION ALL \
           SELECT relowner FROM pg_class WHERE oid = {oid} AND NOT EXISTS (SELECT FROM connected)) \
         SELECT quote_ident(pg_get_userbyid(id)), has_table_privilege(id, {oid}::oid, 'SELECT'), \
           has_table_privilege(id, {oid}::oid, 'INSERT'), \
           coalesce(has_table_privilege(id, v.oid, 'SELECT'), false), \
           has_schema_privilege(id, c.relnamespace, 'CREATE'), pg_has_role(id, c.relowner, 'USAGE') \
         FROM role, pg_class c LEFT JOIN pg_class v \
           ON v.relname = 'lockwatch_schema' AND v.relnamespace = c.relnamespace \
         WHERE c.oid = {oid} ORDER BY 1"
    );
    let role = |row: &SimpleQueryRow| Role {
        name: column(row, 0),
        may_select: truth(row, 1),
        may_insert: truth(row, 2),
        may_read_version: truth(row, 3),
        may_create: truth(row, 4),
        owns: truth(row, 5),
    };
    let found = rows(client, &sql).await.with_context(|| format!("the rights in {schema}"))?;
    Ok(found.iter().map(role).collect())
}

async fn partitions(client: &Client, oid: i64) -> Result<Vec<Partition>> {
    let sql = format!(
        "WITH part AS (SELECT c.oid, pg_get_expr(c.relpartbound, c.oid) AS bound \
           FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = {oid}), \
         range AS (SELECT oid, bound, \
           coalesce(substring(bound FROM $$FROM \\('([^']+)'\\)$$)::timestamptz, '-infinity') AS low, \
           coalesce(substring(bound FROM $$TO \\('([^']+)'\\)$$)::timestamptz, 'infinity') AS high \
           FROM part) \
         SELECT oid::regclass::text, bound = 'DEFAULT', low <= now() AND now() < high, \
           low <= now() + interval '1 day' AND now() + interval '1 day' < high, \
           CASE WHEN high <= now() THEN \
             ceil(extract(epoch FROM date_trunc('day', now()) - high) / 86400)::bigint + 1 ELSE 0 END \
         FROM range ORDER BY low, 1"
    );
    let mut partitions = Vec::new();
    for row in rows(client, &sql).await? {
        let (name, is_default) = (column(&row, 0), truth(&row, 1));
        let has_rows = if is_default { has_rows(client, &name).await } else { None };
        partitions.push(Partition {
            has_today: truth(&row, 2) && !is_default,
            has_tomorrow: truth(&row, 3) && !is_default,
            days_old: number(&row, 4),
            name,
            is_default,
            has_rows,
        });
    }
    Ok(partitions)
}

async fn has_rows(client: &Client, table: &str) -> Option<bool> {
    let found = rows(client, &format!("SELECT EXISTS (SELECT FROM {table})")).await.ok()?;
    found.first().map(|row| truth(row, 0))
}

/// Runs a statement without preparing it, so that it also works through PgBouncer.
async fn rows(client: &Client, sql: &str) -> Result<Vec<SimpleQueryRow>> {
    let messages = client.simple_query(sql).await.map_err(|why| match why.as_db_error() {
        Some(error) => anyhow::anyhow!("{} (SQLSTATE {})", error.message(), error.code().code()),
        None => anyhow::anyhow!("the connection to the database failed"),
    })?;
    let row = |message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    };
    Ok(messages.into_iter().filter_map(row).collect())
}

fn column(row: &SimpleQueryRow, at: usize) -> String {
    row.get(at).unwrap_or_default().to_owned()
}

fn number(row: &SimpleQueryRow, at: usize) -> i64 {
    row.get(at).and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn truth(row: &SimpleQueryRow, at: usize) -> bool {
    row.get(at) == Some("t")
}
