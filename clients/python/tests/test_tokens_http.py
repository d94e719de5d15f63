"""Login, refresh and logout over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest
import redis

from lockwatch import LockWatch
from lockwatch.testing import RedisServer
from support.audit import events
from support.web import ACCOUNTS, Web

GOOD = {"user": "alice", "password": "correct horse", "scope": "items:read items:write"}
ORIGIN = {"Origin": "https://app.example"}


@pytest.fixture(scope="module", params=ACCOUNTS)
def web(request: pytest.FixtureRequest, shared_redis: RedisServer) -> Iterator[Web]:
    with redis.Redis.from_url(shared_redis.url) as admin:
        admin.flushall()
        admin.config_set("lockwatch.rotate-grace", "0")
    with LockWatch(shared_redis.url, connect_timeout=5) as lockwatch:
        # The first call generates the signing keys, which is slow.
        lockwatch.issue("auth", "nobody")
    with Web(request.param, redis_url=shared_redis.url) as served:
        yield served


def login(web: Web, **changes: str) -> dict[str, Any]:
    response = web.http.post("/auth/login", json={**GOOD, **changes})
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_login(web: Web) -> None:
    response = web.http.post("/auth/login", json=GOOD)
    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    assert set(body) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert body["token_type"] == "Bearer"
    assert 890 <= body["expires_in"] <= 900
    refused = web.http.post("/auth/login", json={**GOOD, "password": "wrong"})
    assert refused.status_code == 401
    assert refused.json() == {"error": "invalid_credentials"}
    assert refused.headers["cache-control"] == "no-store"


def test_a_protected_route(web: Web, shared_redis: RedisServer, request: pytest.FixtureRequest) -> None:
    who = f"carol of {request.node.name}"
    good = login(web, user=who)["access_token"]
    response = web.http.get("/items", headers=bearer(good))
    assert response.status_code == 200
    assert response.json()["subject"] == who

    nothing = web.http.get("/items")
    assert nothing.status_code == 401
    assert nothing.headers["www-authenticate"] == 'Bearer realm="api"'
    assert nothing.json() == {"error": "unauthorized"}
    assert web.http.get("/items", headers={"Authorization": "Basic abc"}).status_code == 401

    bad = web.http.get("/items", headers=bearer(good[:-6] + "AAAAAA"))
    assert bad.status_code == 401
    assert bad.headers["www-authenticate"].startswith('Bearer realm="api", error="invalid_token"')
    assert bad.json() == {"error": "invalid_token"}

    narrow = web.http.get("/items", headers=bearer(login(web, scope="items:write")["access_token"]))
    assert narrow.status_code == 403
    assert narrow.headers["www-authenticate"] == 'Bearer realm="api", error="insufficient_scope", scope="items:read"'
    assert narrow.json() == {"error": "insufficient_scope"}
    # The events of the login and of the request name the user.
    rows = events(shared_redis.url, 2, user=who)
    assert [row.endpoint for row in rows] == ["/auth/login", "/items"]


def test_refresh(web: Web) -> None:
    first = login(web)
    response = web.http.post("/auth/refresh", json={"refresh_token": first["refresh_token"]})
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    second = response.json()
    assert second["refresh_token"] != first["refresh_token"]
    assert web.http.get("/items", headers=bearer(second["access_token"])).status_code == 200
    form = web.http.post("/auth/refresh", data={"refresh_token": second["refresh_token"]})
    assert form.status_code == 200
    # The first token was used twice, which ends its session.
    assert web.http.post("/auth/refresh", json={"refresh_token": first["refresh_token"]}).status_code == 401
    assert web.http.get("/items", headers=bearer(form.json()["access_token"])).status_code == 401


def test_events_of_refresh_and_logout_name_the_user(
    web: Web, shared_redis: RedisServer, request: pytest.FixtureRequest
) -> None:
    who = f"dora of {request.node.name}"
    first, other = login(web, user=who), login(web, user=who)
    second = web.http.post("/auth/refresh", json={"refresh_token": first["refresh_token"]}).json()
    web.http.post("/auth/logout", json={"refresh_token": second["refresh_token"]})
    web.http.post("/auth/logout", headers=bearer(other["access_token"]))
    rows = events(shared_redis.url, 5, user=who)
    paths = ["/auth/login", "/auth/login", "/auth/refresh", "/auth/logout", "/auth/logout"]
    assert [row.endpoint for row in rows] == paths


def test_every_refresh_failure_looks_the_same(web: Web) -> None:
    ended, used = login(web), login(web)
    web.http.post("/auth/logout", json={"refresh_token": ended["refresh_token"]})
    again = web.http.post("/auth/refresh", json={"refresh_token": used["refresh_token"]}).json()
    web.http.post("/auth/refresh", json={"refresh_token": again["refresh_token"]})
    failures = [
        web.http.post("/auth/refresh", json={"refresh_token": ended["refresh_token"]}),
        web.http.post("/auth/refresh", json={"refresh_token": used["refresh_token"]}),
        web.http.post("/auth/refresh", json={"refresh_token": "lwr_nonsense"}),
        web.http.post("/auth/refresh", json={"refresh_token": 7}),
        web.http.post("/auth/refresh", json=["nothing"]),
        web.http.post("/auth/refresh", content=b"{" * 1000),
        web.http.post("/auth/refresh"),
        # On a new connection, because the server closes one whose request it has not read.
        httpx.post(f"{web.http.base_url}/auth/refresh", content=b"x" * 100_000),
    ]
    assert {look(response) for response in failures} == {
        (401, b'{"error":"invalid_grant"}', "no-store", "Bearer", None)
    }


def look(response: httpx.Response) -> tuple[Any, ...]:
    headers = response.headers
    return (
        response.status_code,
        response.content,
        headers["cache-control"],
        headers["www-authenticate"],
        headers.get("set-cookie"),
    )


def test_logout(web: Web) -> None:
    by_refresh, by_access = login(web), login(web)
    for request in (
        {"json": {"refresh_token": by_refresh["refresh_token"]}},
        {"headers": bearer(by_access["access_token"])},
        {"json": {"refresh_token": "lwr_nonsense"}},
    ):
        response = web.http.post("/auth/logout", **request)
        assert response.status_code == 204
        assert response.headers["cache-control"] == "no-store"
    nothing = web.http.post("/auth/logout")
    assert nothing.status_code == 401
    assert nothing.headers["www-authenticate"] == "Bearer"
    assert nothing.json() == {"error": "unauthorized"}
    for pair in (by_refresh, by_access):
        assert web.http.get("/items", headers=bearer(pair["access_token"])).status_code == 401


def test_logout_with_an_access_token_alone(web: Web) -> None:
    pair = login(web, audience="https://elsewhere.example")
    assert web.http.post("/auth/logout", headers=bearer(pair["access_token"])).status_code == 204
    assert web.http.post("/auth/refresh", json={"refresh_token": pair["refresh_token"]}).status_code == 401
    # 401, because no session was ended.
    for token in ("nonsense", pair["access_token"]):
        refused = web.http.post("/auth/logout", headers=bearer(token))
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == 'Bearer error="invalid_token"'
        assert refused.headers["cache-control"] == "no-store"
        assert refused.json() == {"error": "invalid_token"}


def test_cookie_mode(web: Web) -> None:
    response = web.http.post("/web/login", json=GOOD, headers=ORIGIN)
    assert "refresh_token" not in response.json()
    cookie = SimpleCookie(response.headers["set-cookie"])["lw_refresh"]
    assert cookie["httponly"]
    assert cookie["secure"]
    assert (cookie["samesite"], cookie["path"]) == ("Strict", "/web")
    assert 604_700 <= int(cookie["max-age"]) <= 604_800
    # httpx does not send a Secure cookie over HTTP.
    sent = {"Cookie": f"lw_refresh={cookie.value}"}
    for origin in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        for path in ("/web/refresh", "/web/logout", "/web/login"):
            foreign = web.http.post(path, json=GOOD, headers={**sent, **origin})
            assert foreign.status_code == 403
            assert foreign.json() == {"error": "origin_not_allowed"}
            assert "set-cookie" not in foreign.headers
    rotated = web.http.post("/web/refresh", headers={**sent, **ORIGIN})
    assert rotated.status_code == 200
    fresh = SimpleCookie(rotated.headers["set-cookie"])["lw_refresh"].value
    assert fresh != cookie.value
    out = web.http.post("/web/logout", headers={"Cookie": f"lw_refresh={fresh}", **ORIGIN})
    assert out.status_code == 204
    assert SimpleCookie(out.headers["set-cookie"])["lw_refresh"]["max-age"] == "0"
    over = web.http.post("/web/refresh", headers={"Cookie": f"lw_refresh={fresh}", **ORIGIN})
    assert over.status_code == 401
    assert "set-cookie" not in over.headers


def test_public_keys(web: Web) -> None:
    response = web.http.get("/.well-known/jwks.json")
    assert response.headers["content-type"].startswith("application/jwk-set+json")
    assert response.headers["cache-control"] == "public, max-age=300"
    assert response.json()["keys"][0]["kty"] == "RSA"
    again = web.http.get("/.well-known/jwks.json", headers={"If-None-Match": response.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""


@pytest.mark.parametrize("framework", ACCOUNTS)
def test_redis_away_logs_nobody_out(framework: str) -> None:
    with RedisServer() as server, LockWatch(server.url, connect_timeout=5) as lockwatch:
        lockwatch.issue("auth", "nobody")
        with Web(framework, redis_url=server.url) as web:
            pair = login(web)
            server.kill()
            answers = [
                web.http.get("/items", headers=bearer(pair["access_token"])),
                web.http.post("/auth/refresh", json={"refresh_token": pair["refresh_token"]}),
                web.http.post("/auth/logout", json={"refresh_token": pair["refresh_token"]}),
                web.http.post("/auth/login", json=GOOD),
                web.http.post("/web/refresh", headers={"Cookie": "lw_refresh=x", **ORIGIN}),
                web.http.get("/.well-known/jwks.json"),
            ]
    for response in answers:
        assert response.status_code == 503
        assert response.headers["retry-after"] == "1"
        assert response.json() == {"error": "service_unavailable", "retry_after": 1}
        assert "set-cookie" not in response.headers
