"""Guards against a real server."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from redis.crc import key_slot

from lockwatch import (
    AsyncLockWatch,
    AttemptDeniedError,
    CommandError,
    Guard,
    GuardResult,
    LockWatch,
    NoRuleError,
)
from lockwatch.testing import RedisServer
from support.both import LONG_TIMEOUTS, MAKERS
from support.cluster import cluster
from support.waiting import wait_for
from support.web import FRAMEWORKS, Web

RULES = """\
login guess    pair attempt  5 leak 2m        challenge 15m          enforce
login stuffing ip   failure  10 users leak 1m ban 10m max 1d         enforce
http  probe    ip   404      5 values leak 1m ban 10m max 1d         enforce
http  quiet    ip   410      1 leak 1m        challenge 10m          enforce
http  look     ip   403      1 leak 1m        ban 10m                observe
"""
IP, OTHER = "203.0.113.9", "198.51.100.7"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(*rules_of(tmp_path_factory.mktemp("rules"))) as server:
        yield server


def rules_of(directory: Path) -> list[str]:
    """Arguments of a server with these rules, which bans at once."""
    rules = directory / "guard.rules"
    rules.write_text(RULES)
    return ["--lockwatch.guard-rules-file", str(rules), "--lockwatch.guard-learn", "0"]


@pytest.fixture(params=MAKERS)
def lw(request: pytest.FixtureRequest, server: RedisServer) -> Iterator[Any]:
    made = MAKERS[request.param](server.url)
    yield made
    made.close()


@pytest.fixture
def login() -> str:
    """The key of a guard of its own."""
    return f"login:{{{uuid.uuid4().hex}}}"


@pytest.fixture
def site() -> str:
    return f"http:{{{uuid.uuid4().hex}}}"


def ban_by_stuffing(lw: Any, key: str, ip: str = IP) -> GuardResult:
    results = [lw.event(key, "failure", ip=ip, user=f"user{number}") for number in range(11)]
    last: GuardResult = results[-1]
    assert not any(result.denied for result in results[:-1])
    return last


def test_exactly_the_capacity_passes_and_then_there_is_a_challenge(lw: Any, login: str) -> None:
    results = [lw.attempt(login, ip=IP, user="alice", value=str(number)) for number in range(6)]
    assert [result.verdict for result in results] == ["allow"] * 5 + ["challenge"]
    assert (results[5].rule, results[5].retry_after_ms, results[5].retry_after_seconds) == ("guess", 0, None)
    assert lw.attempt(login, ip=OTHER, user="alice").verdict == "allow", "another pair"
    solved = lw.attempt(login, ip=IP, user="Alice ", solved=True)
    assert solved.verdict == "allow", "the same user in another spelling, who has passed the challenge"


def test_a_success_empties_the_pair(lw: Any, login: str) -> None:
    for _ in range(3):
        for number in range(4):
            assert lw.attempt(login, ip=IP, user="alice", value=str(number))
        assert lw.event(login, "success", ip=IP, user="alice")


def test_the_same_wrong_password_does_no_harm(lw: Any, login: str) -> None:
    assert all(lw.attempt(login, ip=IP, user="alice", value="old") for _ in range(20))


def test_an_address_that_tries_many_users_is_banned(lw: Any, login: str) -> None:
    banned = ban_by_stuffing(lw, login)
    assert (banned.verdict, banned.rule, banned.alerted) == ("deny", "stuffing", True)
    assert banned.retry_after_seconds in range(590, 661)
    denied = lw.attempt(login, ip=IP, user="bob")
    assert (denied.denied, denied.rule, denied.strikes) == (True, "stuffing", 0)
    assert lw.check(login, ip=IP).denied
    assert lw.check(login, ip=OTHER)


def test_a_known_device_passes_a_ban_of_its_address(lw: Any, login: str) -> None:
    device = uuid.uuid4().hex
    assert lw.attempt(login, ip=OTHER, user="alice")
    assert lw.event(login, "success", ip=OTHER, user="alice", device=device)
    assert ban_by_stuffing(lw, login).denied
    assert lw.attempt(login, ip=IP, user="alice", device=device)
    assert lw.attempt(login, ip=IP, user="alice", device=uuid.uuid4().hex).denied


def test_a_reset_forgets_the_device(lw: Any, login: str) -> None:
    device = uuid.uuid4().hex
    assert lw.event(login, "success", ip=OTHER, user="alice", device=device)
    lw.event(login, "reset", user="alice")
    assert ban_by_stuffing(lw, login).denied
    assert lw.attempt(login, ip=IP, user="alice", device=device).denied


def test_an_observed_rule_only_says_what_it_would_do(lw: Any, site: str) -> None:
    results = [lw.event(site, "403", ip=IP) for _ in range(2)]
    assert (results[1].verdict, results[1].would) == ("allow", "deny")


def test_operators_ban_allow_and_lift(lw: Any, site: str) -> None:
    end = lw.ban(site, "1h", ip="203.0.113.0/24", reason="scan", by="ops")
    assert abs(end.timestamp() - time.time() - 3600) < 60
    banned = lw.check(site, ip=IP)
    assert (banned.denied, banned.rule) == (True, "operator")
    lw.allow(site, "30m", ip=IP, by="ops")
    assert lw.check(site, ip=IP)
    [entry] = lw.bans(site)
    assert (entry.subject, entry.source, entry.rule) == ("203.0.113.0/24", "operator", None)
    assert (entry.verdict, entry.ends_at, entry.reason, entry.by) == ("deny", end, "scan", "ops")
    assert entry.acl_user == "default"
    [allowed] = lw.bans(site, allowed=True)
    assert (allowed.subject, allowed.source, allowed.verdict) == (IP, "allow", "allow")
    assert lw.bans(site, observed=True) == []
    assert lw.why(site, ip=IP).verdict == "allow"
    assert lw.lift(site, ip=IP, allowed=True) == 1
    assert lw.why(site, ip=IP).verdict == "deny"
    assert lw.lift(site, ip="203.0.113.0/24", by="ops") == 1
    assert lw.check(site, ip=IP)
    lw.ban(site, 60, free_key="card 1")
    assert lw.check(site, free_key="card 1").denied
    assert lw.lift(site, everything=True) == 1


def test_pages_of_bans(lw: Any, site: str) -> None:
    for number in range(5):
        lw.ban(site, "1h", ip=f"203.0.113.{number}")
    seen: list[str] = []
    after = None
    while page := lw.bans(site, count=2, after=after):
        seen += [entry.subject for entry in page]
        after = page[-1].cursor
    assert sorted(seen) == [f"203.0.113.{number}" for number in range(5)]


def test_the_rules_are_those_of_the_file(lw: Any) -> None:
    assert lw.rules("login")[0] == "login guess pair attempt 5 leak 2m challenge 15m enforce"
    assert len(lw.rules()) == 5


def test_a_guard_without_rules_is_a_configuration_error(lw: Any) -> None:
    for call in (lw.attempt, lw.check, lambda key, **more: lw.event(key, "failure", **more)):
        with pytest.raises(NoRuleError, match="login"):
            call("logn", ip=IP)
    with pytest.raises(NoRuleError):
        lw.rules("logn")


def test_a_malformed_call_is_the_applications_error(lw: Any, login: str) -> None:
    for arguments in ({}, {"ip": "nowhere"}):
        with pytest.raises(CommandError):
            lw.attempt(login, **arguments)


def try_in_threads(url: str, key: str, number: int) -> list[bool]:
    with LockWatch(url, **LONG_TIMEOUTS) as lw:
        guard = Guard(lw, key, challenge="deny")

        def try_once(_: int) -> bool:
            try:
                with guard.attempt(ip=IP, user="alice") as attempt:
                    attempt.failed()
                    return True
            except AttemptDeniedError:
                return False

        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(try_once, range(number)))


def test_of_parallel_guesses_exactly_the_capacity_is_checked(server: RedisServer, login: str) -> None:
    assert sum(try_in_threads(server.url, login, 40)) == 5


def test_of_parallel_guesses_in_tasks_exactly_the_capacity_is_checked(server: RedisServer, login: str) -> None:
    async def try_once(guard: Guard) -> bool:
        try:
            async with guard.attempt(ip=IP, user="alice") as attempt:
                await asyncio.sleep(0)
                attempt.failed()
                return True
        except AttemptDeniedError:
            return False

    async def main() -> int:
        async with AsyncLockWatch(server.url, **LONG_TIMEOUTS) as lw:
            guard = Guard(lw, login, challenge="deny")
            return sum(await asyncio.gather(*(try_once(guard) for _ in range(40))))

    assert asyncio.run(main()) == 5


def test_a_solved_challenge_is_charged(server: RedisServer, login: str) -> None:
    with LockWatch(server.url, **LONG_TIMEOUTS) as lw:
        guard = Guard(lw, login, challenge=lambda _result: True)

        def guess() -> None:
            with guard.attempt(ip=IP, user="alice") as attempt:
                attempt.failed()

        # Five without a challenge, and five with it.
        for _ in range(10):
            guess()
        with pytest.raises(AttemptDeniedError) as denied:
            guess()
        assert denied.value.result.rule == "guess"
        assert denied.value.retry_after_seconds in range(800, 901)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_scanner_is_banned_by_the_middleware(framework: str, server: RedisServer, site: str) -> None:
    options: dict[str, Any] = {
        "redis_url": server.url,
        "guard": site,
        "trusted_proxies": ["127.0.0.1"],
        "command_timeout": 5,
    }
    with Web(framework, **options) as web:

        def get(path: str, ip: str = IP) -> Any:
            return web.http.get(path, headers={"X-Forwarded-For": ip})

        def is_banned() -> bool:
            return bool(get("/missing/0").status_code == 429)

        for number in range(6):
            assert get(f"/missing/{number}").status_code == 404
        wait_for("the ban", is_banned)
        denied = get("/missing/7")
        assert denied.json()["error"] == "temporarily_blocked"
        assert int(denied.headers["Retry-After"]) in range(500, 661)
        assert get("/missing/0", OTHER).status_code == 404
        assert get("/health").status_code == 200, "an exempt path"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_middleware_whose_guard_has_no_rules_fails_at_the_first_request(framework: str, server: RedisServer) -> None:
    with Web(framework, redis_url=server.url, guard="nosuch", command_timeout=5) as web:
        assert web.http.get("/").status_code == 500
        wait_for("the error in the log", lambda: "NoRuleError: there are no rules for 'nosuch'" in web.log)


def test_guards_and_the_limits_of_one_request_are_on_several_nodes_of_a_cluster(tmp_path: Path) -> None:
    with cluster(*rules_of(tmp_path)) as nodes:
        with LockWatch(nodes.url, cluster=True, **LONG_TIMEOUTS) as lw:
            keys = [f"login:{{tenant{number}}}" for number in range(10)]
            assert len({nodes.owner(key_slot(key.encode())).port for key in keys}) == 3
            for key in keys:
                results = [lw.attempt(key, ip=IP, user="alice").verdict for _ in range(6)]
                assert results == ["allow"] * 5 + ["challenge"]
        options: dict[str, Any] = {"redis_url": nodes.url, "redis_cluster": True, **LONG_TIMEOUTS}
        with Web("fastapi", guard="http", trusted_proxies=["127.0.0.1"], **options) as web:

            def get(number: int) -> int:
                return int(web.http.get(f"/missing/{number}", headers={"X-Forwarded-For": IP}).status_code)

            assert [get(number) for number in range(6)] == [404] * 6
            wait_for("the ban", lambda: get(0) == 429)
            # The limits of these are on several nodes, and the guard is on one.
            for number in range(20):
                headers = {"X-Forwarded-For": f"198.51.100.{number}"}
                assert web.http.get("/items", headers=headers).status_code == 200
