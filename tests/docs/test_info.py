"""The page of INFO fields, compared with a real server."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from lockwatch.testing import RedisServer

from examples.machine import REPOSITORY
from reference_pages import code, connect, page, server, table, tables

PAGE = page("info.md")
FIELD_TABLES = [each for each in tables(PAGE) if each.columns == ["field", "type", "meaning", "worry"]]
ROWS = {code(row["field"]): row for each in FIELD_TABLES for row in each.rows}
# The number of an endpoint, and the names of a policy and of a rule of a guard.
PLACES = {"<i>": r"\d+", "<name>": r"a\.policy", "<guard>/<rule>": "(login|http)/[a-z]+"}


def pattern_of(name: str) -> re.Pattern[str]:
    """Matches the fields that a row is about."""
    pattern = re.escape(name)
    for place, its in PLACES.items():
        pattern = pattern.replace(place, its)
    return re.compile(pattern)


PATTERNS = {name: pattern_of(name) for name in ROWS}
SECONDS = 20.0


@pytest.fixture(scope="module")
def primary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server with a policy, keys, an endpoint and a database, neither of which answers."""
    directory = tmp_path_factory.mktemp("files")
    key, url, secret = directory / "key.pem", directory / "postgres.url", directory / "secret"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True, capture_output=True)
    url.write_text("postgres://u@127.0.0.1:1/d\n")
    secret.write_text("x" * 32 + "\n")
    settings = {"jwt-keys": str(key), "postgres-url-file": str(url), "webhook-allow-private": "yes"}
    settings |= {"webhook-urls": "http://127.0.0.1:1/", "refresh-secret-file": str(secret)}
    arguments = [word for name, value in settings.items() for word in (f"--lockwatch.{name}", value)]
    with server(*arguments) as running:
        call(running, "LW.POLICY", "SET", "a.policy", "5", "1m")
        yield running


def info(running: RedisServer, section: str = "lockwatch") -> dict[str, str]:
    """The fields and their texts."""
    with connect(running) as client:
        client.response_callbacks.clear()
        text: str = client.execute_command("INFO", section)
    return dict(line.split(":", 1) for line in text.splitlines() if line and not line.startswith("#"))


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.05)


def call(running: RedisServer, *words: str) -> None:
    with redis.Redis.from_url(running.url) as client:
        client.execute_command(*words)


def test_the_page_lists_every_field_and_no_other(primary: RedisServer) -> None:
    fields = info(primary)
    unlisted = [field for field in fields if not any(pattern.fullmatch(field) for pattern in PATTERNS.values())]
    assert unlisted == []
    unknown = [name for name, pattern in PATTERNS.items() if not any(map(pattern.fullmatch, fields))]
    assert unknown == []


def test_each_table_is_under_the_heading_of_its_section(primary: RedisServer) -> None:
    for each in FIELD_TABLES:
        [section] = re.findall(rf"^## {each.heading}\n\nSection `(\w+)`\.$", PAGE, re.MULTILINE)
        fields = info(primary, section)
        listed = [code(row["field"]) for row in each.rows]
        assert [name for name in listed if not any(map(PATTERNS[name].fullmatch, fields))] == []
        assert [field for field in fields if not any(PATTERNS[name].fullmatch(field) for name in listed)] == []


def test_the_sections_are_shown_when_they_are_asked_for(primary: RedisServer) -> None:
    for section in ("lockwatch", "modules", "everything"):
        assert "lockwatch_version" in info(primary, section)
    assert "lockwatch_version" not in info(primary, "default")


def test_types_fit_the_names_and_values(primary: RedisServer) -> None:
    for field, value in info(primary).items():
        [kind] = [ROWS[name]["type"] for name, pattern in PATTERNS.items() if pattern.fullmatch(field)]
        assert (kind == "counter") == field.endswith("_total"), field
        assert (kind == "state") == field.endswith("_state_number"), field
        if kind == "histogram":
            assert_histogram(value)
            continue
        # The version of the module is a text, too.
        assert (kind != "text") == value.isdecimal(), f"{field}:{value}"


def assert_histogram(line: str) -> None:
    names, numbers = zip(*(member.split("=") for member in line.split(",")), strict=True)
    assert names[:2] == ("count", "sum")
    bounds = [float(name.removeprefix("le_")) for name in names[2:]]
    assert bounds == sorted(bounds)
    assert bounds[-1] == float("inf")
    counts = [int(number) for number in numbers[2:]]
    assert counts == sorted(counts)
    assert counts[-1] == int(numbers[0])


def test_counters_are_left_alone_by_resetstat(primary: RedisServer) -> None:
    call(primary, "LW.RATELIMIT", "key", "5", "60")
    before = info(primary)["lockwatch_ratelimit_calls_total"]
    call(primary, "CONFIG", "RESETSTAT")
    assert info(primary)["lockwatch_ratelimit_calls_total"] == before != "0"


def test_the_bounds_are_those_of_the_directives(primary: RedisServer) -> None:
    fields = info(primary)
    with connect(primary) as client:
        for name in ("alert-max-events", "alert-max-bytes", "audit-max-events", "audit-max-bytes"):
            [value] = client.config_get(f"lockwatch.{name}").values()
            assert fields[f"lockwatch_{name.replace('-', '_')}"] == value


def test_the_members_of_an_endpoint_are_listed(primary: RedisServer) -> None:
    members = dict(word.split("=", 1) for word in info(primary)["lockwatch_alert_endpoint_0"].split(","))
    assert list(members) == [code(row["member"]) for row in table(PAGE, "An endpoint").rows]


def states(heading: str) -> dict[str, int]:
    return {code(row["state"]): int(row["number"]) for row in table(PAGE, heading).rows}


def test_the_states_are_those_of_the_source() -> None:
    endpoint = (REPOSITORY / "src" / "alert" / "info.rs").read_text("utf-8")
    assert states("Of an endpoint") == {
        name.lower(): int(number) for name, number in re.findall(r"^    ([A-Z]\w+) = (\d),$", endpoint, re.MULTILINE)
    }
    shipping = (REPOSITORY / "src" / "audit" / "info.rs").read_text("utf-8")
    numbers = re.findall(r"^const (\w+): u64 = (\d);|ShipperState::(\w+) => (\d),", shipping, re.MULTILINE)
    assert states("Of shipping") == {
        (constant or variant).lower(): int(one or other) for constant, one, variant, other in numbers
    }


def test_states_and_numbers_go_together_on_a_server(primary: RedisServer) -> None:
    endpoint, shipping = states("Of an endpoint"), states("Of shipping")

    def shown(running: RedisServer) -> tuple[str, str]:
        """The states of the first endpoint and of shipping. Fails if a number differs."""
        fields = info(running)
        [alerts] = re.findall(r"state=(\w+)", fields["lockwatch_alert_endpoint_0"])
        audit = fields["lockwatch_audit_state"]
        assert int(fields["lockwatch_alert_endpoint_0_state_number"]) == endpoint[alerts]
        assert int(fields["lockwatch_audit_state_number"]) == shipping[audit]
        return alerts, audit

    assert shown(primary)[0] == "ok"
    call(primary, "CONFIG", "SET", "lockwatch.ship", "no")
    assert shown(primary) == ("held", "held")
    call(primary, "CONFIG", "SET", "lockwatch.ship", "yes")
    call(primary, "LW.ALERT", "a.test", "1")
    call(primary, "LW.AUDIT", "USER", "alice")
    wait_for(lambda: shown(primary) == ("failing", "waiting"))
    configured = ("lockwatch.webhook-urls", "http://127.0.0.1:1/")
    with server("--replicaof", "127.0.0.1", str(primary.port), *(f"--{configured[0]}", configured[1])) as replica:
        wait_for(lambda: info(replica, "replication").get("master_link_status") == "up")
        wait_for(lambda: shown(replica) == ("idle", "off"))


def test_every_field_that_the_source_declares_is_listed() -> None:
    declared: set[str] = set()
    for source in Path(REPOSITORY / "src").rglob("info.rs"):
        declared |= set(re.findall(r'\(c"(\w+)", &', source.read_text("utf-8")))
        declared |= set(re.findall(r'field\(c"(\w+)"', source.read_text("utf-8")))
    assert declared
    assert sorted(f"lockwatch_{name}" for name in declared if f"lockwatch_{name}" not in ROWS) == []


def test_pages_write_the_names_of_fields_in_full() -> None:
    short = {name.removeprefix("lockwatch_").replace("<i>", r"(?:N|…)") for name in ROWS}
    pattern = re.compile("`(" + "|".join(name for name in sorted(short) if "_" in name) + ")`")
    # The reply of LW.PURGE has a field of this name.
    pages = [path for path in (REPOSITORY / "docs").rglob("*.md") if "node_modules" not in path.parts]
    found = {(path.name, name) for path in pages for name in pattern.findall(path.read_text("utf-8"))}
    assert found == {("lw.purge.md", "audit_events")}
