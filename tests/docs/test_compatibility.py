"""The page about versions, compared with the manifests, the source and the server under test."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from lockwatch.testing import RedisServer

from examples.machine import REPOSITORY
from reference_pages import NODE, code, codes, connect, page, server, table

PAGE = page("compatibility.md")
SOURCE = REPOSITORY / "src"
RUST = {str(path.relative_to(SOURCE)): path.read_text("utf-8") for path in SOURCE.rglob("*.rs")}
PYPROJECT = (REPOSITORY / "clients" / "python" / "pyproject.toml").read_text("utf-8")
PACKAGE = json.loads((NODE / "package.json").read_text("utf-8"))


def test_the_page_is_about_this_version() -> None:
    [version] = re.findall(r'^version = "(.*)"$', (REPOSITORY / "Cargo.toml").read_text("utf-8"), re.MULTILINE)
    assert f"The page is about version {version}." in PAGE


def test_the_declared_versions_of_python_are_those_of_its_manifest() -> None:
    [python] = re.findall(r'^requires-python = "(.*)"$', PYPROJECT, re.MULTILINE)
    for row in table(PAGE, "Python").rows:
        if row["declared"] and row["what"].startswith("Python"):
            assert code(row["declared"]) == python
        elif row["declared"]:
            assert f'"{code(row["declared"])}"' in PYPROJECT


def test_the_declared_versions_of_node_are_those_of_its_manifest() -> None:
    declared = {f"{name} {version}" for name, version in PACKAGE["peerDependencies"].items()}
    declared.add(PACKAGE["engines"]["node"])
    assert {code(row["declared"]) for row in table(PAGE, "Node").rows if row["declared"]} == declared


def test_the_version_of_rust_is_that_of_the_manifest() -> None:
    [version] = re.findall(r'^rust-version = "(.*)"$', (REPOSITORY / "Cargo.toml").read_text("utf-8"), re.MULTILINE)
    assert f"Rust {version} or later" in PAGE


def byte(file: str, name: str) -> int:
    [value] = re.findall(rf"const {name}: u8 = (\d+);", RUST[file])
    return int(value)


def test_the_types_and_their_versions_are_those_of_the_source() -> None:
    rows = {code(row["type"]): row for row in table(PAGE, "In RDB files").rows}
    assert set(rows) == set(re.findall(r'c"(lw-[a-z]{6})"', "\n".join(RUST.values())))
    encodings = {
        **dict.fromkeys(("lw-window", "lw-bursts"), "window/native.rs"),
        "lw-leases": "lease/native.rs",
        "lw-tokens": "token/native.rs",
        "lw-guards": "guard/native.rs",
        "lw-policy": "policy/state.rs",
        **dict.fromkeys(("lw-alerts", "lw-audits"), "outbox/host.rs"),
    }
    for name, file in encodings.items():
        found = set(re.findall(r"const ENCODING: i32 = (\d+);", RUST[file]))
        assert found == {rows[name]["encoding version"]}, name
    window, store = byte("window/snapshot.rs", "VERSION"), byte("token/snapshot.rs", "VERSION")
    leases, guards = byte("lease/snapshot.rs", "VERSION"), byte("guard/snapshot.rs", "VERSION")
    first = f"{byte('outbox/effect.rs', 'OPENING')}, and {byte('outbox/effect.rs', 'ENTRIES')} in further pieces"
    shown = [rows[name]["first byte"] for name in encodings]
    policies = byte("policy/wire.rs", "WHOLE")
    assert shown == [*map(str, (window, window, leases, store, guards, policies)), first, first]


def test_the_bytes_of_effects_are_those_of_the_source() -> None:
    rows = table(PAGE, "In the AOF and the replication stream").rows
    shown: dict[str, list[int]] = {}
    for row in rows:
        if row["command"]:
            command = row["command"]
        shown.setdefault(command, []).append(int(row["byte"]))
    expected = {
        "`LW._WINDOW`, `LW._WINDOWS`, `LW._BURST`": (
            "window/effect.rs",
            ("STEP", "SNAPSHOT", "REFUND", "STEP_BY_POLICY"),
        ),
        "`LW._LEASE`": ("lease/effect.rs", ("STEP", "OPENING", "MORE")),
        "`LW._TOKEN`": ("token/effect.rs", ("CHANGES", "OPENING", "MORE")),
        "`LW._GUARD`": ("guard/effect.rs", ("STEP", "OPENING", "MORE")),
        "`LW._POLICY`": ("policy/wire.rs", ("CHANGE", "WHOLE")),
        "`LW._ALERTS`, `LW._AUDIT`": ("outbox/effect.rs", ("CHANGES", "OPENING", "ENTRIES")),
    }
    assert shown == {commands: [byte(file, name) for name in names] for commands, (file, names) in expected.items()}
    internal = {name for commands in expected for name in codes(commands)}
    # Its arguments are integers, and no bytes that have a version.
    internal.add("LW._CELL")
    assert internal == set(re.findall(r'c"(LW\._[A-Z]{2,})"', "\n".join(RUST.values())))


def test_the_other_versions_are_those_of_the_source() -> None:
    rows = {row["what"]: row["version"] for row in table(PAGE, "Elsewhere").rows}
    assert rows["[refresh token](refresh-token.md)"].startswith(f"{byte('token/refresh.rs', 'VERSION')},")
    migrations = sorted(path.name for path in (REPOSITORY / "src" / "audit" / "migrations").iterdir())
    assert rows["[audit table](audit-table.md)"].startswith(f"{int(migrations[-1][:4])},")
    conformance = json.loads((REPOSITORY / "clients" / "conformance.json").read_text("utf-8"))
    assert rows["[conformance.json](../../clients/CONFORMANCE.md)"] == str(conformance["version"])


@pytest.fixture(scope="module")
def client() -> Iterator[redis.Redis]:
    with server() as running, connect(running) as connection:
        yield connection


def column(connection: redis.Redis) -> str:
    """The column of the server under test."""
    info = connection.info("server")
    if "valkey_version" in info:
        return "Valkey 8, 9"
    major, minor = info["redis_version"].split(".")[:2]
    return "Redis 8" if int(major) >= 8 else f"Redis {major}.{minor}"


def test_what_differs_is_as_on_the_server_under_test(client: redis.Redis) -> None:
    rows = {row[""]: row[column(client)] for row in table(PAGE, "What differs between servers").rows}
    builtin, own, internal, record = rows.values()
    [info] = client.execute_command("COMMAND", "INFO", "LW.ROTATE").values()
    assert (builtin == "yes") == ("@write" in info["acl_categories"])
    try:
        client.acl_setuser("somebody", enabled=True, nopass=True, categories=["+@lockwatch"])
        has_own = True
    except redis.ResponseError:
        has_own = False
    assert own.startswith("works") == has_own
    if has_own:
        assert ("lists nothing" in own) == (client.acl_cat("lockwatch") == [])
    with pytest.raises(redis.ResponseError) as error:
        client.execute_command("LW._WINDOW", "key", "effect")
    assert (internal == "hidden") == ("unknown command" in str(error.value))
    client.set("a", "1")
    client.save()
    assert record.startswith("yes") != loads_without_the_module(Path(str(client.config_get("dir")["dir"])) / "dump.rdb")


def loads_without_the_module(rdb: Path) -> bool:
    """Whether a server without the module starts with an RDB that has the key `a`."""
    other = RedisServer(module=None)
    shutil.copy(rdb, other.directory)
    try:
        other.start()
        with redis.Redis.from_url(other.url) as connection:
            return bool(connection.exists("a"))
    except RuntimeError as error:
        if "AUX module data I can't load" in str(error):
            return False
        raise
    finally:
        other.stop()
