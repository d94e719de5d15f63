"""The README's Python, run as pasted, and the rights that it gives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import redis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from flask import Flask

from lockwatch import AsyncLockWatch, LockWatch, UnavailableError
from lockwatch.redis.single import AsyncSingleConnection, SingleConnection
from lockwatch.testing import RedisServer

README = (Path(__file__).resolve().parents[1] / "README.md").read_text("utf-8")
URL = "redis://localhost:6379"
LOGIN = {"username": "alice", "password": "wonderland"}
FENCE = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)


class Block(NamedTuple):
    """A block of Python, and those before it in its section, whose names it may use."""

    title: str
    code: str
    before: list[str]


def blocks() -> Iterator[Block]:
    sections: dict[str, list[str]] = {}
    for fence in FENCE.finditer(README):
        if fence[1] != "python":
            continue
        title = re.findall(r"^##+ (.*)$", README[: fence.start()], re.MULTILINE)[-1]
        before = sections.setdefault(title, [])
        # Empty lines in front, so that a traceback names the README's line.
        code = "\n" * (README.count("\n", 0, fence.start()) + 1) + fence[2]
        yield Block(title, code, list(before))
        before.append(code)


BLOCKS = [pytest.param(block, id=f"{block.title}-{len(block.before) + 1}") for block in blocks()]


def run(block: Block, url: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "readme"}
    for code in (*block.before, block.code):
        exec(compile(code.replace(URL, url), "README.md", "exec", dont_inherit=True), names)
    return names


def requests_to(app: FastAPI | Flask) -> list[tuple[str, str]]:
    """A request to each route of the application, and one to none."""
    if isinstance(app, Flask):
        routes = [(str(rule), sorted(rule.methods or ())) for rule in app.url_map.iter_rules()]
    else:
        routes = [(getattr(route, "path", ""), sorted(getattr(route, "methods", ()))) for route in app.routes]
    return [("GET", "/nothing-here"), *((method, path) for path, methods in routes for method in methods)]


def answers_of(app: FastAPI | Flask, lockwatch: object, headers: dict[str, str]) -> Iterator[httpx.Response]:
    if isinstance(app, Flask):
        with httpx.Client(transport=httpx.WSGITransport(app), base_url="http://test", headers=headers) as client:
            for method, path in requests_to(app):
                yield client.request(method, path, json=LOGIN if method == "POST" else None)
    else:
        with TestClient(app, headers=headers) as client:
            for method, path in requests_to(app):
                yield client.request(method, path, json=LOGIN if method == "POST" else None)
            if isinstance(lockwatch, AsyncLockWatch) and client.portal:
                client.portal.call(lockwatch.aclose)


def deny_bob(lockwatch: LockWatch) -> None:
    key = "lw:{key:bob}:default"
    lockwatch.ratelimit(key, 1, 60)
    assert not lockwatch.ratelimit(key, 1, 60)
    lockwatch.audit(user="bob", limited=True, data={"policy": "default", "key": key, "client": "key:bob"})


@pytest.fixture
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer timeouts than the default ones of the blocks, for a machine under load."""
    for kind in (SingleConnection, AsyncSingleConnection):
        make: Any = kind.__init__
        monkeypatch.setattr(kind, "__init__", lambda self, client, *_, make=make: make(self, client, 5.0, 5.0))


@pytest.mark.usefixtures("_patience")
@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_runs_as_pasted(block: Block, shared_redis: RedisServer, capsys: pytest.CaptureFixture[str]) -> None:
    with LockWatch(shared_redis.url, connect_timeout=5, command_timeout=5) as lockwatch:
        token = lockwatch.issue("auth", "alice", claims={"scope": "orders:read"}).access_token
        deny_bob(lockwatch)
        names = run(block, shared_redis.url)
        if block.title == "Why was Bob denied? Let Bob in again":
            assert "default" in capsys.readouterr().out
            assert lockwatch.client_keys(key="bob") == []
    if isinstance(names.get("lw"), LockWatch):
        names["lw"].close()
    if re.search(r"^app\b", block.code, re.MULTILINE):
        answers = list(answers_of(names["app"], names.get("lw"), {"Authorization": f"Bearer {token}"}))
        assert all(answer.status_code < 500 for answer in answers), answers
        limited = [answer for answer in answers if "x-ratelimit-limit" in answer.headers]
        assert limited, "the headers of a limit"
        assert all("ratelimit-policy" in answer.headers for answer in limited)
        logins = [answer for answer in answers if answer.request.url.path == "/auth/login"]
        assert all(answer.status_code == 200 for answer in logins)


def test_the_rights_for_guards_are_sufficient(shared_redis: RedisServer) -> None:
    [line] = re.findall(r"^ACL SETUSER .*$", README, re.MULTILINE)
    [keys, rights] = re.search(r"For guards\s+add their keys, `([^`]*)`, and `([^`]*)`", README, re.DOTALL).groups()  # type: ignore[union-attr]
    words = line.replace("SETUSER api", "SETUSER guards").replace(">PASSWORD", ">s3cret").split()
    with redis.Redis.from_url(shared_redis.url) as admin:
        admin.execute_command(*words, *keys.split(), *rights.split())
    url = shared_redis.url.replace("redis://", "redis://guards:s3cret@")
    with LockWatch(url, connect_timeout=5, command_timeout=5) as lockwatch:
        assert lockwatch.attempt("login:{of-guards}", ip="203.0.113.9", user="alice")
        assert lockwatch.event("login:{of-guards}", "success", ip="203.0.113.9", user="alice")
        assert lockwatch.check("http:{of-guards}", ip="203.0.113.9")
        with pytest.raises(UnavailableError, match=r"\+lw\.ban"):
            lockwatch.ban("login:{of-guards}", "1h", ip="203.0.113.9")


def test_the_rights_for_tokens_are_sufficient(shared_redis: RedisServer) -> None:
    [line] = re.findall(r"^ACL SETUSER .*$", README, re.MULTILINE)
    [keys, rights] = re.search(r"For tokens add their keys, `([^`]*)`, and\s+`([^`]*)`", README, re.DOTALL).groups()  # type: ignore[union-attr]
    with redis.Redis.from_url(shared_redis.url) as admin:
        admin.execute_command(*line.replace(">PASSWORD", ">s3cret").split(), keys, *rights.split())
    url = shared_redis.url.replace("redis://", "redis://api:s3cret@")
    with LockWatch(url, connect_timeout=5, command_timeout=5) as lockwatch:
        first = lockwatch.issue("auth-of-api", "alice")
        tokens = lockwatch.rotate("auth-of-api", str(first.refresh_token))
        assert lockwatch.verify("auth-of-api", tokens.access_token).sub == "alice"
        assert lockwatch.introspect("auth-of-api", tokens.access_token)
        assert lockwatch.sessions("auth-of-api", "alice")
        assert lockwatch.jwks()["keys"]
        assert lockwatch.revoke("auth-of-api", subject="alice") == 1
        lockwatch.revoke_all("auth-of-api")
        with pytest.raises(UnavailableError, match=r"\+scan"):
            lockwatch.client_keys(key="bob")
