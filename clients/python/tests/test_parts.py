"""The parts that need no server."""

from __future__ import annotations

import json
import logging
import math
import time
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

import pytest

from lockwatch import ConfigurationError, RateLimitResult, UnavailableError
from lockwatch.duration import argument, milliseconds
from lockwatch.errors import answered_error
from lockwatch.failure_log import FailureLog
from lockwatch.http.address import hop_address
from lockwatch.http.keys import address_client
from lockwatch.http.pattern import exact_pattern, lenient_path, lenient_pattern
from lockwatch.http.trusted_proxies import TrustedProxies, forwarded_for, parts_from_right
from lockwatch.limits import Limit, parse_limits
from lockwatch.redis.breaker import Breaker
from lockwatch.redis.connection import Command, packed
from lockwatch.token.bearer import bearer_token
from lockwatch.token.body import members_of, refresh_token_in
from lockwatch.tokens import read_claims


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        (" 203.0.113.9 ", "203.0.113.9"),
        ("203.0.113.9:80", "203.0.113.9"),
        ("203.0.113.9:65535", "203.0.113.9"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("[::1]:80", "::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("[::ffff:203.0.113.9]:80", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::1"),
        ("64:ff9b::203.0.113.9", "203.0.113.9"),
        ("[64:ff9b::cb00:7109]:80", "203.0.113.9"),
    ],
)
def test_hop_addresses(text: str, address: str) -> None:
    assert hop_address(text) == ip_address(address)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "unknown",
        "_hidden",
        "203.0.113",
        "203.0.113.9:",
        "203.0.113.9:x",
        "203.0.113.9:65536",
        "203.0.113.9:-1",
        "203.0.113.9:²",
        "203.0.113.9:000080",
        "203.0.113.9%eth0",
        "[::1]:99999",
        "[203.0.113.9]",
        "[::1",
        "::1]",
        "[::1]80",
        "[::1]:",
        "1.2.3.4.5",
        "0x7f.0.0.1",
        "127.1",
        "203.0.113.9, 1.2.3.4",
        "\x00",
    ],
)
def test_invalid_hop_addresses(text: str) -> None:
    assert hop_address(text) is None


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("for=1.2.3.4", ["1.2.3.4"]),
        ("for=1.2.3.4;proto=https, FOR=5.6.7.8;by=9.9.9.9", ["1.2.3.4", "5.6.7.8"]),
        ('for="[2001:db8::1]:47"', ["[2001:db8::1]:47"]),
        ('by=x;for="a\\"b,c"', ['a"b,c']),
        ("proto=https", [""]),
        ("for=1.2.3.4, nonsense", ["1.2.3.4", ""]),
        ('for="unfinished', [""]),
        ("for=1.2.3.4 ; proto=https ,for=5.6.7.8 ", ["1.2.3.4", "5.6.7.8"]),
        ("for=1.2.3.4 5.6.7.8", [""]),
        ("", [""]),
    ],
)
def test_the_forwarded_header(header: str, found: list[str]) -> None:
    assert [forwarded_for(element) for element in parts_from_right(header, ",")] == found[::-1]


@pytest.mark.parametrize(
    ("header", "client"),
    [
        ("for=a" + " " * 30_000 + "b", "10.0.0.1"),
        (" " * 30_000, "10.0.0.1"),
        ("for=" + " " * 30_000 + '"', "10.0.0.1"),
        ("for=1.2.3.4;" * 3000, "1.2.3.4"),
        ('for="' + "\\" * 30_000, "10.0.0.1"),
        ('"' * 30_000, "10.0.0.1"),
        ('for="' + '\\"' * 15_000 + '"', "10.0.0.1"),
        ("for=10.0.0.1," * 3000 + "for=198.51.100.7", "198.51.100.7"),
        ("for=198.51.100.7" + ", for=10.0.0.1" * 3000, "198.51.100.7"),
        ('for="10.0.0.1",' * 3000 + "for=10.0.0.1:" + "9" * 30_000, "10.0.0.1"),
    ],
)
def test_a_forwarded_header_of_any_length_is_read_in_linear_time(header: str, client: str) -> None:
    started = time.process_time()
    proxies = TrustedProxies(["10.0.0.1"], "Forwarded")
    assert proxies.address("10.0.0.1", lambda _: [header]) == ip_address(client)
    assert time.process_time() - started < 0.5


def test_only_the_hops_up_to_the_first_untrusted_one_are_read() -> None:
    proxies = TrustedProxies(["10.0.0.1"], "X-Forwarded-For")
    value = "nonsense, " * 100_000 + "198.51.100.7, 10.0.0.1"
    assert proxies.address("10.0.0.1", lambda _: [value]) == ip_address("198.51.100.7")


def test_networks_of_mapped_addresses_are_unmapped() -> None:
    proxies = TrustedProxies(["::ffff:10.0.0.0/104"], "X-Forwarded-For")
    assert proxies.address("10.1.2.3", lambda _: ["198.51.100.7"]) == ip_address("198.51.100.7")
    assert proxies.address("11.1.2.3", lambda _: ["198.51.100.7"]) == ip_address("11.1.2.3")


def test_the_peer_of_starlettes_test_client_is_this_machine() -> None:
    assert TrustedProxies([], "X-Forwarded-For").address("testclient", lambda _: []) == ip_address("127.0.0.1")


@pytest.mark.parametrize("peer", ["", None, "localhost"])
def test_a_peer_without_an_address_is_that_of_a_unix_socket(peer: str | None) -> None:
    """waitress calls it "localhost"."""
    assert TrustedProxies(["unix"], "X-Forwarded-For").address(peer, lambda _: []) is None
    assert address_client(None) == "unix"
    with pytest.raises(ConfigurationError, match="Unix socket"):
        TrustedProxies([], "X-Forwarded-For").address(peer, lambda _: [])


@pytest.mark.parametrize(
    ("pattern", "method", "path", "matches"),
    [
        ("/a", "GET", "/a", True),
        ("/a", "GET", "/a/", True),
        ("/a/", "GET", "/a", True),
        ("/a", "GET", "/ab", False),
        ("/a.b", "GET", "/axb", False),
        ("/*/b", "GET", "/a/b", True),
        ("/*/b", "GET", "/a/a/b", False),
        ("/x-{id}", "GET", "/x-7", True),
        ("/x-{id}", "GET", "/x-", False),
        ("/**", "GET", "/", True),
        ("/**", "GET", "/a/b\n", True),
        ("POST,PUT /a", "PUT", "/A", True),
        ("POST,PUT /a", "GET", "/a", False),
        ("get /a", "HEAD", "/a", True),
        ("/a", "GET", "/a\n", True),
        ("/a", "GET", "/a/\n", True),
        ("/a", "GET", "/a\n\n", False),
    ],
)
def test_patterns(pattern: str, method: str, path: str, matches: bool) -> None:
    assert lenient_pattern(pattern).matches(method, lenient_path(path)) is matches


def test_a_long_path_is_matched_in_linear_time() -> None:
    pattern = lenient_pattern("/*/*/*/*/*/*/*/x")
    assert not pattern.matches("GET", lenient_path("/a" * 50_000))
    assert not exact_pattern("/a{b}a/x").matches("GET", "/" + "a" * 50_000)


@pytest.mark.parametrize(
    ("duration", "ms"),
    [
        (1, 1000),
        (0.1, 100),
        (0.29, 290),
        (0.0001, 1),
        (1.0005, 1001),
        ("60", 60_000),
        ("500ms", 500),
        ("90s", 90_000),
        ("1.5D", 129_600_000),
        (".5h", 1_800_000),
        (timedelta(minutes=1), 60_000),
        (timedelta(microseconds=1), 1),
    ],
)
def test_durations(duration: Any, ms: int) -> None:
    assert milliseconds(duration) == ms


@pytest.mark.parametrize("duration", [0, -1, "", "soon", "1 fortnight", 3651 * 86_400, timedelta(0), "-5s"])
def test_invalid_durations(duration: Any) -> None:
    with pytest.raises(ConfigurationError):
        milliseconds(duration)


def test_durations_as_arguments() -> None:
    assert [argument(each) for each in (60, 0.5, timedelta(seconds=2), "5m")] == ["60", "500ms", "2", "300"]


def test_pairs_as_lists_and_alone() -> None:
    assert parse_limits((100, "1m")) == parse_limits([[100, 60]]) == parse_limits(Limit(100, 60_000))  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("retry", "seconds"), [(0, None), (1, 1), (999, 1), (1000, 1), (1001, 2), (math.inf, None), (86_400_000, 86_400)]
)
def test_retry_after(retry: float, seconds: int | None) -> None:
    assert RateLimitResult(retry == 0, 1, 0, retry, 0).retry_after_seconds == seconds


def test_arguments_of_any_bytes_are_packed() -> None:
    command = Command(("A", "é", b"\xff\x00\r\n", "\ud800", ""), str)
    assert packed([command]) == (
        b"*5\r\n$1\r\nA\r\n$2\r\n\xc3\xa9\r\n$4\r\n\xff\x00\r\n\r\n$3\r\n\xed\xa0\x80\r\n$0\r\n\r\n"
    )


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


LATE = UnavailableError("TIMEOUT", "late")


def admits(breaker: Breaker) -> bool:
    try:
        breaker.admit()
    except UnavailableError as away:
        return away.code != "BYPASSED"
    return True


def test_the_breaker_opens_after_timeouts_in_a_row_and_admits_one_probe() -> None:
    clock = Clock()
    breaker = Breaker(timeouts=2, seconds=1.0, clock=clock)
    breaker.failed(LATE)
    assert admits(breaker)
    breaker.failed(LATE)
    assert not admits(breaker)
    clock.now += 0.99
    assert not admits(breaker)
    clock.now += 0.02
    assert [admits(breaker) for _ in range(3)] == [True, False, False]
    breaker.failed(LATE)
    assert not admits(breaker)
    clock.now += 1.01
    assert admits(breaker)
    breaker.answered()
    assert [admits(breaker) for _ in range(3)] == [True] * 3


def test_the_breaker_admits_another_probe_if_the_first_is_lost() -> None:
    clock = Clock()
    breaker = Breaker(timeouts=1, seconds=1.0, clock=clock)
    breaker.failed(LATE)
    clock.now += 1.01
    assert [admits(breaker), admits(breaker)] == [True, False]
    clock.now += 1.01
    assert admits(breaker)


def test_other_failures_reset_the_count_of_timeouts() -> None:
    breaker = Breaker(timeouts=2, seconds=1.0, clock=Clock())
    for other in ("connection", "loading"):
        breaker.failed(LATE)
        breaker.failed(UnavailableError("other", other))
    breaker.failed(LATE)
    assert admits(breaker)


def test_each_kind_of_failure_is_logged_once_per_interval(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    failures = FailureLog(10.0, clock)
    with caplog.at_level(logging.WARNING, "lockwatch"):
        for _ in range(5):
            failures.log("timeout", "it is late")
        failures.log("oom", "it is full")
        clock.now += 10.1
        failures.log("timeout", "it is late")
    assert [record.message for record in caplog.records] == [
        "it is late",
        "it is full",
        "it is late (4 more since it was last said)",
    ]


def test_error_replies() -> None:
    assert answered_error("LWBUSY", "try again").code == "LWBUSY"
    assert answered_error("WRONGTYPE", "Operation").code == "WRONGTYPE"
    assert isinstance(answered_error("OOM", "command not allowed"), UnavailableError)


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Basic abc", None),
        ("Bearer", None),
        ("Bearer a b", None),
        ("", None),
        (None, None),
    ],
)
def test_bearer_tokens(header: str | None, token: str | None) -> None:
    assert bearer_token(header) == token


@pytest.mark.parametrize(
    ("kind", "body", "token"),
    [
        ("application/json", b'{"refresh_token":"x"}', "x"),
        (None, b'{"refresh_token":"x"}', "x"),
        ("application/x-www-form-urlencoded; charset=utf-8", b"refresh_token=x%20y", "x y"),
        ("application/x-www-form-urlencoded", b"\xff", None),
        ("application/json", b"[" * 10_000, None),
        ("application/json", b"\xff", None),
        ("application/json", b'{"refresh_token":""}', None),
    ],
)
def test_refresh_tokens_in_bodies(kind: str | None, body: bytes, token: str | None) -> None:
    assert refresh_token_in(members_of(kind, body)) == token


@pytest.mark.parametrize("value", ["a b", ["a", "b"], ["a", "b", 7]])
def test_scopes_of_claims(value: Any) -> None:
    document = {"sub": "s", "sid": "i", "jti": "j", "exp": 1, "scope": value, "scp": {"not": "scopes"}}
    claims = read_claims(json.dumps(document))
    assert claims.scopes() == {"a", "b"}
    assert claims.scopes("scp") == claims.scopes("none") == frozenset()
