"""Whose counter a request counts into: services, key functions, and peers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest
from fastapi import Depends, FastAPI, Request
from fastapi.testclient import TestClient
from flask import Flask, request

from lockwatch import (
    ADDRESS,
    AsyncLockWatch,
    ConfigurationError,
    HttpRequest,
    LockWatch,
    LockWatchMiddleware,
    LockWatchWSGIMiddleware,
    fastapi,
    flask,
    notices,
)
from lockwatch.http.trusted_proxies import TrustedProxies
from lockwatch.testing import AsyncStub, Stub

Said: TypeAlias = Callable[[], list[str]]
CLIENTS: list[tuple[Any, Any]] = [(LockWatch, Stub()), (AsyncLockWatch, AsyncStub())]
MIDDLEWARE: list[tuple[Any, Any]] = [(LockWatchMiddleware, AsyncStub()), (LockWatchWSGIMiddleware, Stub())]
# A key that each caller has, or none.
KEYS = {"alice": "key:alice", "7": "key:7", "": "ip:127.0.0.1", "address": "ip:127.0.0.1", "none": None}


def key_of(header: str | None) -> Any:
    return {"address": ADDRESS, "none": None}.get(header or "", header)


@pytest.fixture(autouse=True)
def _nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "_said", set())


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[Said]:
    with caplog.at_level(logging.INFO, "lockwatch"):
        yield lambda: caplog.messages


def served_by_flask(**options: Any) -> tuple[Any, Stub]:
    stub = Stub()
    app = Flask(__name__)
    lw = options.pop("redis", None) or LockWatch(stub, service=options.pop("service", None))
    limits = {"key": lambda: key_of(request.headers.get("X-Key")), **options.pop("limit", {})}
    app.wsgi_app = LockWatchWSGIMiddleware(  # type: ignore[method-assign]
        app.wsgi_app, redis=lw, audit=False, **options
    )

    @app.get("/")
    @flask.limit(lw, "5/minute", **limits)
    def index() -> str:
        return "reached"

    return app.test_client(), stub


def served_by_fastapi(**options: Any) -> tuple[Any, AsyncStub]:
    stub = AsyncStub()
    app = FastAPI()
    lw = options.pop("redis", None) or AsyncLockWatch(stub, service=options.pop("service", None))
    limits = {"key": lambda request: key_of(request.headers.get("X-Key")), **options.pop("limit", {})}
    app.add_middleware(LockWatchMiddleware, redis=lw, audit=False, **options)

    @app.get("/", dependencies=[Depends(fastapi.limit(lw, "5/minute", **limits))])
    async def index(request: Request) -> str:
        return "reached"

    return TestClient(app), stub


SERVED: dict[str, Any] = {"flask": served_by_flask, "fastapi": served_by_fastapi}


@pytest.fixture(params=SERVED)
def serve(request: pytest.FixtureRequest) -> Any:
    return SERVED[request.param]


@pytest.mark.parametrize(("header", "client"), KEYS.items())
def test_what_a_key_function_returns_decides_about_the_limit(serve: Any, header: str, client: str | None) -> None:
    http, stub = serve(key_func=lambda request: key_of(request.header("X-Key")))
    response = http.get("/", headers={"X-Key": header})
    assert response.status_code == 200
    limits = [call[1] for call in stub.called("LW.RATELIMIT")]
    names = ("default", "limit:get") if client else ()
    assert [key.partition("--")[0] for key in limits] == [f"lw:{{{client}}}:{name}" for name in names]
    # Without a limit the burst is that of the address.
    assert [call[1] for call in stub.called("LW.BURST")] == [f"lw:{{{client or 'ip:127.0.0.1'}}}:burst"]
    assert ("x-ratelimit-limit" in response.headers) == (client is not None)


@pytest.mark.parametrize("key", [True, False, b"bob", bytearray(b"bob"), 1.5, ["bob"], {"id": 1}, object()])
@pytest.mark.parametrize("where", ["middleware", "limit"])
def test_a_key_of_another_type_is_an_error_and_counts_nothing(serve: Any, where: str, key: Any) -> None:
    options = {"key_func": lambda _: key} if where == "middleware" else {"limit": {"key": lambda *_: key}}
    http, stub = serve(key_prefix="lw", **options)
    if not isinstance(http, TestClient):
        http.application.testing = True
    with pytest.raises(ConfigurationError, match=f"the key function returned a {type(key).__name__}: "):
        http.get("/")
    assert not any("limit:" in call[1] or where == "middleware" for call in stub.called("LW.RATELIMIT"))


def test_a_state_that_a_server_shares_between_requests_is_not_read() -> None:
    stub, shared = AsyncStub(), dict[str, Any]()
    lw, app = AsyncLockWatch(stub), FastAPI()
    limit = fastapi.limit(lw, "5/minute", name="own")
    app.get("/limited", dependencies=[Depends(limit)])(lambda: "reached")
    middleware = LockWatchMiddleware(app, redis=lw, exempt=["/limited"], audit=False)

    async def server(scope: Any, receive: Any, send: Any) -> None:
        await middleware({**scope, "state": shared}, receive, send)

    for client, path in (("203.0.113.7", "/"), ("203.0.113.8", "/"), ("203.0.113.9", "/limited")):
        TestClient(server, client=(client, 1)).get(path)
    assert [call[1] for call in stub.called("LW.RATELIMIT")] == [
        "lw:{ip:203.0.113.7}:default",
        "lw:{ip:203.0.113.8}:default",
        "lw:{ip:203.0.113.9}:limit:own",
    ]


def test_a_policy_has_a_key_function_of_its_own(serve: Any) -> None:
    def by_query(request: HttpRequest) -> str:
        return "of the policy"

    routes = {"/": {"limits": "9/hour", "name": "own", "key_func": by_query}}
    http, stub = serve(key_func=lambda _: "of the rest", routes=routes, limit={"key": lambda *_: None})
    assert http.get("/").status_code == 200
    assert http.get("/other").status_code == 404
    assert [call[1] for call in stub.called("LW.RATELIMIT")] == [
        "lw:{key:of the policy}:own",
        "lw:{key:of the rest}:default",
    ]


@pytest.mark.parametrize(
    "options",
    [
        {"routes": {"/a": {"key": "address"}}},
        {"routes": {"/a": {"key_func": lambda _: "a"}}},
        {"routes": {"/a": {"limits": "1/s", "key": "session"}}},
        {"routes": {"/a": {"limits": "1/s", "key_func": "session"}}},
        {"key": "credential", "key_func": lambda _: "a"},
        {"key_func": "session"},
    ],
)
def test_a_wrong_key_is_an_error_at_start(options: Any) -> None:
    for make, stub in MIDDLEWARE:
        with pytest.raises(ConfigurationError, match=r"\bkey"):
            make(lambda *_: None, redis=stub, **options)


def test_a_service_is_a_part_of_every_key(serve: Any) -> None:
    http, stub = serve(service="shop", limit={"name": "orders", "key": lambda *_: ADDRESS})
    http.get("/")
    assert [call[1] for call in stub.calls] == [
        "lw:shop:{ip:127.0.0.1}:default",
        "lw:shop:{ip:127.0.0.1}:burst",
        "lw:shop:{ip:127.0.0.1}:limit:orders",
    ]


@pytest.mark.parametrize("service", ["", "a b", "a:b", "a{b}", "a" * 65, "a\n", 7, True, b"shop", ["shop"]])
def test_a_wrong_service_is_an_error_at_start(service: Any) -> None:
    for make, stub in CLIENTS:
        with pytest.raises(ConfigurationError, match="service"):
            make(stub, service=service)
    for make, stub in MIDDLEWARE:
        with pytest.raises(ConfigurationError, match="service"):
            make(lambda *_: None, redis=stub, service=service)


def test_a_service_is_named_at_the_client_or_at_the_middleware_that_makes_one() -> None:
    stub = Stub()
    middleware = LockWatchWSGIMiddleware(lambda *_: [], redis=stub, service="shop")
    assert middleware._lockwatch.service == "shop"
    with pytest.raises(ConfigurationError, match="service"):
        LockWatchWSGIMiddleware(lambda *_: [], redis=LockWatch(stub, service="shop"), service="shop")


def test_shared_counters_are_said_once(serve: Any, said: Said) -> None:
    for _ in range(2):
        serve()[0].get("/")
    [hint] = said()
    assert "key prefix 'lw'" in hint
    assert "service='shop'" in hint


@pytest.mark.parametrize("options", [{"service": "shop"}, {"key_prefix": "lw", "limit": {"key_prefix": "lw"}}])
def test_a_service_or_a_prefix_is_not_talked_about(serve: Any, said: Said, options: Any) -> None:
    serve(**options)[0].get("/")
    assert said() == []


def test_a_limit_alone_says_it_too(said: Said) -> None:
    flask.limit(LockWatch(Stub()), "5/minute", key_prefix="lw")
    assert said() == []
    flask.limit(LockWatch(Stub()), "5/minute")
    assert len(said()) == 1


PROXIED = {"X-Forwarded-For": "198.51.100.7", "X-Real-IP": "198.51.100.7", "Forwarded": "for=198.51.100.7"}


@pytest.mark.parametrize("name", [*PROXIED, "Fly-Client-IP"])
def test_a_header_of_a_proxy_that_is_not_trusted_is_warned_of_once(serve: Any, said: Said, name: str) -> None:
    options = {} if name in PROXIED else {"forwarded_header": name}
    http, stub = serve(key_prefix="lw", trusted_proxies=["10.0.0.1"], **options)
    for _ in range(3):
        http.get("/", headers={name: PROXIED.get(name, "198.51.100.7")})
    [warning] = [line for line in said() if "trusted_proxies" in line]
    assert f"{name} of the peer 127.0.0.1" in warning
    assert "198.51.100.7" not in warning
    assert stub.calls[0][1] == "lw:{ip:127.0.0.1}:default"


def test_a_header_of_a_proxy_is_found_after_many_requests_without_one(said: Said) -> None:
    proxies = TrustedProxies([], "X-Forwarded-For")
    for _ in range(5000):
        proxies.address("203.0.113.9", lambda _: [])
    for _ in range(16):
        proxies.address("203.0.113.9", lambda _: ["198.51.100.7"])
    assert len(said()) == 1


@pytest.mark.parametrize("value", ["127.0.0.1", "198.51.100.7, 127.0.0.1", "127.0.0.1:80, 10.0.0.1"])
def test_a_server_that_has_read_the_header_itself_is_not_warned_of(serve: Any, said: Said, value: str) -> None:
    serve(key_prefix="lw")[0].get("/", headers={"X-Forwarded-For": value})
    serve(key_prefix="lw")[0].get("/", headers={"Forwarded": "for=127.0.0.1"})
    assert not [line for line in said() if "trusted_proxies" in line]


@pytest.mark.parametrize(("headers", "other"), [({}, ""), ({"Forwarded": "for=198.51.100.7"}, ", but Forwarded")])
def test_a_trusted_proxy_without_the_header_is_warned_of_once(
    serve: Any, said: Said, headers: dict[str, str], other: str
) -> None:
    http, _ = serve(key_prefix="lw", trusted_proxies=["127.0.0.1"])
    http.get("/", headers={"X-Forwarded-For": "198.51.100.7"})
    assert not [line for line in said() if "trusted proxy" in line]
    for _ in range(3):
        http.get("/", headers=headers)
    [warning] = [line for line in said() if "trusted proxy" in line]
    assert f"the trusted proxy 127.0.0.1 sends no X-Forwarded-For{other}: all clients" in warning


@pytest.mark.parametrize("peer", ["unknown", "proxy.example", "203.0.113.9:65536"])
def test_a_limit_without_the_middleware_refuses_a_peer_that_is_not_an_address(peer: str) -> None:
    app = Flask(__name__)
    app.testing = True
    stub = Stub()

    @app.get("/")
    @flask.limit(LockWatch(stub), "5/minute")
    def index() -> str:
        return "reached"

    with pytest.raises(ConfigurationError, match=peer):
        app.test_client().get("/", environ_base={"REMOTE_ADDR": peer})
    assert stub.calls == []
    assert app.test_client().get("/", environ_base={"REMOTE_ADDR": "203.0.113.9:80"}).status_code == 200
    assert stub.calls[0][1].startswith("lw:{ip:203.0.113.9}:limit:")
