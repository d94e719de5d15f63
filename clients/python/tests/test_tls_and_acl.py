"""Over TLS, with a password, as a user with the rights that the README gives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import redis
import redis.exceptions

from lockwatch import LockWatch, UnavailableError
from lockwatch.testing import RedisServer
from lockwatch.testing.server import free_port
from support import certificates
from support.waiting import wait_for
from support.web import FRAMEWORKS, Web

README = Path(__file__).resolve().parents[1] / "README.md"
PASSWORD = "s3cret"


def acl_line() -> list[str]:
    """The README's ACL line with a password, split into arguments."""
    [line] = re.findall(r"^ACL SETUSER .*$", README.read_text("utf-8"), re.MULTILINE)
    return str(line).replace(">PASSWORD", f">{PASSWORD}").split()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    authority, certificate, key = certificates.make(tmp_path_factory.mktemp("tls"))
    port = free_port()
    arguments = ["--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no", "--requirepass", "of the admin"]
    arguments += ["--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-ca-cert-file", str(authority)]
    query = f"?ssl_ca_certs={quote(str(authority))}"
    admin = f"rediss://:{quote('of the admin')}@127.0.0.1:{port}{query}"
    with RedisServer(*arguments, port=port, url=admin) as started:
        with redis.Redis.from_url(admin) as client:
            client.execute_command(*acl_line())
        yield started


@pytest.fixture
def url(server: RedisServer) -> str:
    return server.url.replace(f":{quote('of the admin')}@", f"api:{PASSWORD}@")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_middleware(framework: str, url: str) -> None:
    routes = {"/items": {"limits": "2/hour", "name": framework}}
    with Web(framework, redis_url=url, routes=routes, connect_timeout=5, command_timeout=5) as web:
        assert [web.http.get("/items").status_code for _ in range(3)] == [200, 200, 429]
    wait_for("3 audit events", lambda: len(events_of(url)) % 3 == 0 and events_of(url))


def events_of(url: str) -> list[object]:
    with LockWatch(url, connect_timeout=5, command_timeout=5) as lockwatch:
        return list(lockwatch.audit_log())


def test_the_rights_of_the_readme_are_sufficient_and_minimal(url: str) -> None:
    with LockWatch(url, connect_timeout=5, command_timeout=5) as lockwatch:
        assert lockwatch.ratelimit("lw:{a}:default", 1, 60)
        assert not lockwatch.peek("lw:{a}:default", 1, 60)
        counted = lockwatch.ratelimit("lw:{b}:default", 5, 60, cost=2, with_time=True)
        assert counted.time_ms is not None
        assert lockwatch.settle("lw:{b}:default", 2, 1, counted.time_ms).refunded == 1
        assert lockwatch.refund("lw:{b}:default", 1, counted.time_ms) == 1
        assert lockwatch.mratelimit([("lw:{b}:one", "1/minute"), ("lw:{b}:two", "1/minute")])
        assert not lockwatch.mpeek([("lw:{b}:one", "1/minute")])
        lease = lockwatch.acquire("lw:{b}:lease", 1, "1m")
        assert lockwatch.renew("lw:{b}:lease", lease.id or "", "1m")
        assert lockwatch.release("lw:{b}:lease", lease.id or "")
        assert lockwatch.burst("lw:{a}:burst", 2, 10).count == 1
        assert lockwatch.alert("test", {"a": 1})
        assert lockwatch.audit(user="alice")
        with pytest.raises(UnavailableError) as error:
            lockwatch.ratelimit("another:key", 1, 60)
        assert error.value.code == "NOPERM"
    with redis.Redis.from_url(url) as client:
        for command in (["GET", "lw:a"], ["FLUSHALL"], ["CONFIG", "GET", "*"], ["LW.ALERTS", "LIST"], ["KEYS", "*"]):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*command)


@pytest.mark.parametrize("mode", ["allow", "deny"])
def test_a_wrong_password_and_an_unknown_authority_are_explained(url: str, mode: str) -> None:
    status = {"allow": 200, "deny": 503}[mode]
    wrong = url.replace(PASSWORD, "wrong")
    with Web("starlette", redis_url=wrong, on_redis_failure=mode, connect_timeout=5, command_timeout=5) as web:
        assert web.http.get("/items").status_code == status
        wait_for("the reason", lambda: "invalid username-password pair" in web.log)
        assert "wrong" not in web.log.replace("WRONGPASS", ""), "no password in a log"
    unknown = url.partition("?")[0]
    with LockWatch(unknown, connect_timeout=5, command_timeout=5) as lockwatch:
        with pytest.raises(UnavailableError, match="certificate") as error:
            lockwatch.ratelimit("lw:a", 1, 60)
        assert error.value.code == "CONNECTION"
