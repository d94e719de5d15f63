//! The server itself: the few numbers by which a limiter stands or falls.

use super::family::Value::{Field, Is};
use super::family::{Family, of, one};
use super::metric::Unit;

pub const FAMILIES: &[Family] = &[
    Family::counter(
        "lockwatch_panics",
        "Panics, that is bugs, of the module",
        &[one("lockwatch_panics_total")],
    ),
    Family::gauge("lockwatch_server_uptime", "Time since the server's start", &[one("uptime_in_seconds")])
        .in_unit(Unit::Seconds),
    Family::gauge("lockwatch_server_loading", "1 while the server loads its data", &[one("loading")]),
    Family::gauge("lockwatch_server_clients", "Connections of clients", &[one("connected_clients")]),
    Family::gauge(
        "lockwatch_server_blocked_clients",
        "Clients that wait in a blocking call",
        &[one("blocked_clients")],
    ),
    Family::counter(
        "lockwatch_server_rejected_connections",
        "Connections refused because of maxclients",
        &[one("rejected_connections")],
    ),
    Family::counter("lockwatch_server_commands", "Commands of all kinds", &[one("total_commands_processed")]),
    Family::gauge("lockwatch_server_memory_used", "Memory that the server uses", &[one("used_memory")])
        .in_unit(Unit::Bytes),
    Family::gauge(
        "lockwatch_server_memory_max",
        "The directive maxmemory; 0 is no limit",
        &[one("maxmemory")],
    )
    .in_unit(Unit::Bytes),
    Family::counter(
        "lockwatch_server_removed_keys",
        "Keys that the server has removed by itself, by reason",
        &[
            of(&[("reason", "evicted")], Field("evicted_keys")),
            of(&[("reason", "expired")], Field("expired_keys")),
        ],
    ),
    Family::gauge("lockwatch_server_replicas", "Connected replicas", &[one("connected_slaves")]),
    Family::gauge(
        "lockwatch_server_replication_link_up",
        "On a replica: 1 if it is connected to its primary, else 0",
        &[of(&[], Is("master_link_status", "up"))],
    ),
    Family::gauge(
        "lockwatch_server_persistence_ok",
        "1 if the last attempt to save succeeded, else 0",
        &[
            of(&[("kind", "rdb")], Is("rdb_last_bgsave_status", "ok")),
            of(&[("kind", "aof_write")], Is("aof_last_write_status", "ok")),
            of(&[("kind", "aof_rewrite")], Is("aof_last_bgrewrite_status", "ok")),
        ],
    ),
];
