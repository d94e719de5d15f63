"""What the token routes read of a request, keep with a session, and answer."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from fastapi import Depends, FastAPI, Request
from fastapi.testclient import TestClient
from flask import Flask

from lockwatch import (
    AsyncLockWatch,
    Claims,
    ConfigurationError,
    CookieOptions,
    LockWatch,
    LockWatchMiddleware,
    LockWatchWSGIMiddleware,
    Login,
    TokenError,
    TokenExpiredError,
    TokenInvalidError,
    TokenReusedError,
    TokenRevokedError,
)
from lockwatch import fastapi as for_fastapi
from lockwatch import flask as for_flask
from lockwatch.testing import AsyncStub, RedisServer, Stub

FRAMEWORKS = ["fastapi", "flask"]
PAGE = "https://app.example"


PAIR = [b"a", b"lwr_next", 1_764_000_000_000, 1_764_000_000_000, b"s"]


def jwt(**payload: Any) -> str:
    return f"e30.{base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip('=')}.c2ln"


def with_tokens(stub: AsyncStub | Stub) -> None:
    stub.answer("LW.ISSUE", PAIR)
    stub.answer("LW.ROTATE", PAIR)


def served(framework: str, authenticate: Any, *, middleware: dict[str, Any] | None = None, **options: Any) -> Any:
    """A stub, and a client of an application with token routes."""
    if framework == "fastapi":
        stub, api = AsyncStub(), FastAPI()
        with_tokens(stub)
        lockwatch = AsyncLockWatch(stub)
        if middleware is not None:
            api.add_middleware(LockWatchMiddleware, redis=lockwatch, **middleware)
        api.include_router(
            for_fastapi.token_router(lockwatch, "auth", authenticate=lambda _: authenticate(), **options)
        )
        return stub, TestClient(api, client=("203.0.113.7", 1))
    plain, app = Stub(), Flask(__name__)
    with_tokens(plain)
    app.testing = True
    client = LockWatch(plain)
    if middleware is not None:
        app.wsgi_app = LockWatchWSGIMiddleware(app.wsgi_app, redis=client, **middleware)  # type: ignore[method-assign]
    app.register_blueprint(for_flask.token_blueprint(client, "auth", authenticate=authenticate, **options))
    browser = app.test_client()
    browser.environ_base["REMOTE_ADDR"] = "203.0.113.7"
    return plain, browser


def meta_of(command: tuple[str, ...]) -> Any:
    return json.loads(command[command.index("META") + 1]) if "META" in command else None


@pytest.mark.parametrize("hours", [-1, 1])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_lifetimes_do_not_depend_on_the_clock_of_the_application(
    framework: str, hours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub, client = served(framework, lambda: "alice", cookie=CookieOptions([PAGE]))
    now = 1_764_000_000
    client.post("/auth/login", headers={"Origin": PAGE})
    stub.answer("LW.ISSUE", [jwt(iat=now, exp=now + 900), "lwr_x", (now + 900) * 1000, (now + 3600) * 1000 + 76, "s"])
    monkeypatch.setattr(time, "time", lambda: now + 3600.0 * hours)
    response = client.post("/auth/login", headers={"Origin": PAGE})
    body = response.json() if framework == "fastapi" else response.json
    assert body["expires_in"] == 900
    assert "; Max-Age=3600;" in response.headers["Set-Cookie"]


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("error", [TokenInvalidError, TokenExpiredError, TokenRevokedError, TokenReusedError])
def test_every_refresh_token_that_is_refused_gets_the_same_response(framework: str, error: type[TokenError]) -> None:
    stub, client = served(framework, lambda: "alice")
    assert client.post("/auth/refresh", json={"refresh_token": "lwr_x"}).status_code == 200
    stub.answer("LW.ROTATE", error("LWCODE", f"a {error.__name__}"))
    response = client.post("/auth/refresh", json={"refresh_token": "lwr_x"})
    assert (response.status_code, response.text) == (401, '{"error":"invalid_grant"}')
    assert (response.headers["WWW-Authenticate"], response.headers["Cache-Control"]) == ("Bearer", "no-store")
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_session_has_the_address_and_the_agent(framework: str) -> None:
    stub, client = served(framework, lambda: "alice")
    headers = {"User-Agent": "a" * 600, "X-Forwarded-For": "198.51.100.4"}
    client.post("/auth/login", headers=headers)
    client.post("/auth/refresh", json={"refresh_token": "lwr_x"}, headers=headers)
    expected = {"ip": "203.0.113.7", "user_agent": "a" * 512}
    assert [meta_of(call) for call in stub.calls] == [expected, expected]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_address_of_a_session_is_the_one_of_the_middleware(framework: str) -> None:
    stub, client = served(framework, lambda: "alice", middleware={"trusted_proxies": ["203.0.113.7"]})
    client.post("/auth/login", headers={"User-Agent": "a", "X-Forwarded-For": "198.51.100.4"})
    assert meta_of(stub.called("LW.ISSUE")[0]) == {"ip": "198.51.100.4", "user_agent": "a"}


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    ("peer", "ip"),
    [("203.0.113.8:1234", "203.0.113.8"), ("[2001:db8::1]:1234", "2001:db8::1"), ("unknown", None), ("", None)],
)
def test_the_address_of_a_session_is_that_of_the_peer_without_its_port(
    framework: str, peer: str, ip: str | None
) -> None:
    stub, client = served(framework, lambda: "alice")
    if framework == "fastapi":
        client = TestClient(client.app, client=(peer, 1))
    else:
        client.environ_base["REMOTE_ADDR"] = peer
    assert client.post("/auth/login", headers={"User-Agent": "a"}).status_code == 200
    assert meta_of(stub.called("LW.ISSUE")[0]).get("ip") == ip


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_application_says_what_is_kept_with_a_session(framework: str) -> None:
    stub, client = served(framework, lambda: Login(7, meta={"device": "phone"}), meta=lambda *_: {"kept": 1})
    client.post("/auth/login")
    client.post("/auth/refresh", json={"refresh_token": "lwr_x"})
    assert [meta_of(call) for call in stub.calls] == [{"device": "phone"}, {"kept": 1}]
    assert stub.calls[0][2] == "7"
    # Nothing: a refresh keeps what the login has stored.
    stub, client = served(framework, lambda: "alice", meta=lambda *_: None)
    client.post("/auth/login")
    client.post("/auth/refresh", json={"refresh_token": "lwr_x"})
    assert [meta_of(call) for call in stub.calls] == [None, None]


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    ("returned", "named"),
    [
        ({"sub": "alice"}, "a dict"),
        (Claims("alice", "s", "j", 1, {}), "a Claims"),
        (True, "a bool"),
        (4.5, "a float"),
        (object(), "a object"),
        ("", "an empty subject"),
        (Login(None), "a Login whose subject is a NoneType"),  # type: ignore[arg-type]
    ],
    ids=str,
)
def test_authenticate_returns_something_else(framework: str, returned: object, named: str) -> None:
    _, client = served(framework, lambda: returned)
    with pytest.raises(ConfigurationError, match=f"authenticate returned {named}"):
        client.post("/auth/login")


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("returned", [None, False])
def test_wrong_credentials(framework: str, returned: object) -> None:
    _, client = served(framework, lambda: returned)
    assert client.post("/auth/login").status_code == 401


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"json": {"username": "a", "n": 7}}, {"username": "a", "n": 7}),
        (
            {"data": {"username": "a", "password": "", "scope": "x y"}},
            {"username": "a", "password": "", "scope": "x y"},
        ),
        ({"json": ["a"]}, {}),
        ({}, {}),
        ({"json": {"username": "a" * 20_000}}, {}),
        ({"data": {"username": "a" * 20_000}}, {}),
    ],
    ids=["json", "form", "list", "nothing", "long json", "long form"],
)
def test_credentials_of_a_body(framework: str, body: dict[str, Any], found: dict[str, Any]) -> None:
    seen: list[Any] = []
    if framework == "flask":
        _, client = served("flask", lambda: seen.extend([for_flask.credentials(), for_flask.credentials()]))
    else:
        api = FastAPI()

        async def authenticate(request: Request) -> None:
            seen.extend([await for_fastapi.credentials(request), await for_fastapi.credentials(request)])

        api.include_router(for_fastapi.token_router(AsyncLockWatch(AsyncStub()), "auth", authenticate=authenticate))
        client = TestClient(api)
    assert client.post("/auth/login", **body).status_code == 401
    assert seen == [found, found]


def test_authorize_in_the_documentation_logs_in(shared_redis: RedisServer) -> None:
    lockwatch = AsyncLockWatch(shared_redis.url, connect_timeout=5, command_timeout=5)
    api = FastAPI()

    async def authenticate(request: Request) -> Login | None:
        given = await for_fastapi.credentials(request)
        known = given.get("username") == "alice" and given.get("password") == "wonderland"
        return Login("alice", claims={"scope": "orders:read", "plan": "pro"}) if known else None

    reader = for_fastapi.jwt_required(lockwatch, "docs", "orders:read", token_url="/auth/login")
    writer = for_fastapi.jwt_required(lockwatch, "docs", "orders:write", token_url="/auth/login")
    plain = for_fastapi.jwt_required(lockwatch, "docs")

    @api.get("/orders", dependencies=[Depends(reader)])
    async def orders(request: Request) -> dict[str, Any]:
        claims: Claims = request.state.claims
        return {"plan": claims["plan"], "none": claims.get("none"), "has": "plan" in claims, "all": dict(claims)["sub"]}

    @api.post("/orders", dependencies=[Depends(writer)])
    async def order() -> None: ...

    @api.get("/plain", dependencies=[Depends(plain)])
    async def other() -> None: ...

    api.include_router(for_fastapi.token_router(lockwatch, "docs", authenticate=authenticate))
    with TestClient(api) as client:
        document = client.get("/openapi.json").json()
        schemes = document["components"]["securitySchemes"]
        assert schemes["Bearer"] == {"type": "http", "scheme": "bearer"}
        (name,) = schemes.keys() - {"Bearer"}
        assert document["paths"]["/orders"]["get"]["security"] == [{name: []}]
        flow = schemes[name]["flows"]["password"]
        assert sorted(flow["scopes"]) == ["orders:read", "orders:write"]
        # As Swagger UI does it.
        form = {"grant_type": "password", "username": "alice", "password": "wonderland"}
        body = client.post(flow["tokenUrl"], data=form).json()
        assert body["token_type"] == "Bearer"
        bearer = {"Authorization": f"Bearer {body['access_token']}"}
        assert client.get("/orders", headers=bearer).json() == {
            "plan": "pro",
            "none": None,
            "has": True,
            "all": "alice",
        }
        assert client.post("/orders", headers=bearer).status_code == 403
        assert client.post(flow["tokenUrl"], data={**form, "password": "?"}).status_code == 401
