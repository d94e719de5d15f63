"""The refresh cookie in a browser: each way of mounting the routes, and the cookie's options."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from flask import Blueprint, Flask
from starlette.applications import Starlette
from starlette.routing import Mount
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from conformance.cases import DOCUMENT
from lockwatch import AsyncLockWatch, ConfigurationError, CookieOptions, LockWatch
from lockwatch import fastapi as for_fastapi
from lockwatch import flask as for_flask
from lockwatch.testing import RedisServer
from lockwatch.token.origin import parse_origin

PAGE = "https://app.example"
ORIGIN = {"Origin": PAGE}


def included(router: APIRouter) -> Any:
    app = FastAPI()
    app.include_router(router, prefix="/api")
    return app


def included_in_an_included_router(router: APIRouter) -> Any:
    app, outer = FastAPI(), APIRouter(prefix="/v1")
    outer.include_router(router, prefix="/deep")
    app.include_router(outer, prefix="/api")
    return app


def mounted(router: APIRouter) -> Any:
    app, inner = FastAPI(), FastAPI()
    inner.include_router(router)
    app.mount("/api", inner)
    return app


def mounted_twice(router: APIRouter) -> Any:
    inner = FastAPI()
    inner.include_router(router, prefix="/v1")
    return Starlette(routes=[Mount("/a b", routes=[Mount("/{tenant}", inner)])])


def behind_a_proxy_that_strips(router: APIRouter) -> Any:
    app = FastAPI(root_path="/api")
    app.include_router(router)
    return stripping(app)


def below_a_root_path_of_the_server(router: APIRouter) -> Any:
    app, inner = FastAPI(), FastAPI()
    inner.include_router(router)
    app.mount("/v1", inner)

    async def server(scope: Any, receive: Any, send: Any) -> None:
        # As uvicorn does with --root-path.
        await app({**scope, "root_path": "/api"}, receive, send)

    return server


def stripping(app: Any) -> Any:
    async def proxy(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            path = scope["path"].removeprefix("/api")
            scope = {**scope, "path": path, "raw_path": path.encode()}
        await app(scope, receive, send)

    return proxy


def at_the_root(router: APIRouter) -> Any:
    app = FastAPI()
    app.include_router(router)
    return app


FASTAPI: list[tuple[Callable[[APIRouter], Any], str, str, str]] = [
    (at_the_root, "/auth", "/auth", "/auth"),
    (at_the_root, "", "", "/"),
    (included, "/auth", "/api/auth", "/api/auth"),
    (included_in_an_included_router, "/auth", "/api/v1/deep/auth", "/api/v1/deep/auth"),
    (mounted, "/auth", "/api/auth", "/api/auth"),
    (mounted_twice, "/auth", "/a%20b/s%3B%C3%BC/v1/auth", "/a%20b/s%3B%C3%BC/v1/auth"),
    (behind_a_proxy_that_strips, "/auth", "/api/auth", "/api/auth"),
    (below_a_root_path_of_the_server, "/auth", "/api/v1/auth", "/api/v1/auth"),
]


@pytest.mark.parametrize(("build", "prefix", "url", "path"), FASTAPI)
def test_a_browser_logs_in_refreshes_and_logs_out_in_fastapi(
    build: Callable[[APIRouter], Any], prefix: str, url: str, path: str, shared_redis: RedisServer
) -> None:
    store = uuid.uuid4().hex
    lockwatch = AsyncLockWatch(shared_redis.url, connect_timeout=5, command_timeout=5)
    router = for_fastapi.token_router(
        lockwatch, store, authenticate=lambda _: "alice", prefix=prefix, cookie=CookieOptions([PAGE])
    )
    with TestClient(build(router), base_url="https://api.example") as browser:
        drive(browser, url, path, shared_redis, store)


def blueprint_with_url_prefix(tokens: Blueprint) -> Any:
    app = Flask(__name__)
    app.register_blueprint(tokens, url_prefix="/api/session")
    return app


def nested_blueprints(tokens: Blueprint) -> Any:
    app = Flask(__name__)
    outer, inner = Blueprint("outer", __name__, url_prefix="/api"), Blueprint("inner", __name__)
    inner.register_blueprint(tokens)
    outer.register_blueprint(inner, url_prefix="/<tenant>")

    @outer.url_value_preprocessor
    def take_tenant(_endpoint: str | None, values: dict[str, Any] | None) -> None:
        (values or {}).pop("tenant", None)

    app.register_blueprint(outer)
    return app


def below_a_script_name(tokens: Blueprint) -> Any:
    app = Flask(__name__)
    app.register_blueprint(tokens)
    return DispatcherMiddleware(Flask("other"), {"/a b": app})


FLASK: list[tuple[Callable[[Blueprint], Any], str]] = [
    (blueprint_with_url_prefix, "/api/session"),
    (nested_blueprints, "/api/s%3Bt/auth"),
    (below_a_script_name, "/a%20b/auth"),
]


@pytest.mark.parametrize(("build", "url"), FLASK)
def test_a_browser_logs_in_refreshes_and_logs_out_in_flask(
    build: Callable[[Blueprint], Any], url: str, shared_redis: RedisServer
) -> None:
    store = uuid.uuid4().hex
    with LockWatch(shared_redis.url, connect_timeout=5, command_timeout=5) as lockwatch:
        tokens = for_flask.token_blueprint(
            lockwatch, store, authenticate=lambda: "alice", cookie=CookieOptions([f"{PAGE}/"])
        )
        transport = httpx.WSGITransport(build(tokens))
        with httpx.Client(transport=transport, base_url="https://api.example") as browser:
            drive(browser, url, url, shared_redis, store)


def drive(browser: Any, url: str, path: str, redis: RedisServer, store: str) -> None:
    """Logs in, refreshes and logs out as a browser does, with what its cookie jar sends."""
    with LockWatch(redis.url, connect_timeout=5, command_timeout=5) as lockwatch:
        login = browser.post(f"{url}/login", headers=ORIGIN)
        assert login.status_code == 200, login.text
        assert f"; Path={path}; HttpOnly; Secure; SameSite=Strict" in login.headers["set-cookie"]
        assert browser.post(f"{url}/refresh", headers=ORIGIN).status_code == 200
        assert len(lockwatch.sessions(store, "alice")) == 1
        assert browser.post(f"{url}/logout", headers=ORIGIN).status_code == 204
        assert lockwatch.sessions(store, "alice") == []
        assert not browser.cookies
        assert browser.post(f"{url}/logout", headers=ORIGIN).status_code == 401


@pytest.mark.parametrize(
    ("options", "attributes"),
    [
        ({}, "lw_refresh=x; Max-Age=60; Path=/api/auth; HttpOnly; Secure; SameSite=Strict"),
        ({"path": "/v1"}, "lw_refresh=x; Max-Age=60; Path=/v1; HttpOnly; Secure; SameSite=Strict"),
        (
            {"name": "sid", "domain": "app.example"},
            "sid=x; Max-Age=60; Path=/api/auth; Domain=app.example; HttpOnly; Secure; SameSite=Strict",
        ),
        (
            {"origins": ["http://localhost:3000"], "secure": False},
            "lw_refresh=x; Max-Age=60; Path=/api/auth; HttpOnly; SameSite=Strict",
        ),
        ({"name": "__Host-lw"}, "__Host-lw=x; Max-Age=60; Path=/; HttpOnly; Secure; SameSite=Strict"),
    ],
)
def test_attributes_of_the_cookie(options: dict[str, Any], attributes: str) -> None:
    assert CookieOptions(**{"origins": [PAGE], **options}).header("x", 60, "/api/auth") == attributes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"origins": []}, "origins of CookieOptions is []"),
        ({"origins": PAGE}, "expected a list of the pages' origins"),
        ({"origins": None}, "origins of CookieOptions is None"),
        ({"origins": [7]}, "origins of CookieOptions is [7]"),
        ({"name": "a b"}, "name of CookieOptions is 'a b'"),
        ({"name": ""}, "name of CookieOptions is ''"),
        ({"path": "auth"}, "path of CookieOptions is 'auth'"),
        ({"path": "/;a"}, "path of CookieOptions is '/;a'"),
        ({"domain": "https://app.example"}, "domain of CookieOptions is"),
        ({"domain": ".app.example"}, "domain of CookieOptions is"),
        ({"domain": "app.example:443"}, "domain of CookieOptions is"),
        ({"domain": "127.0.0.1"}, "domain of CookieOptions is"),
        ({"secure": "no"}, "secure of CookieOptions is 'no'"),
        ({"secure": False}, f"secure of CookieOptions is False: expected True, since {PAGE} is not plain HTTP"),
        ({"origins": ["http://localhost"], "name": "__Secure-a", "secure": False}, "secure of CookieOptions is False"),
        ({"name": "__Host-a", "domain": "app.example"}, "domain of CookieOptions is 'app.example'"),
        ({"name": "__host-a", "path": "/auth"}, "path of CookieOptions is '/auth'"),
    ],
)
def test_options_of_the_cookie_that_cannot_work(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        CookieOptions(**{"origins": [PAGE], **options})
    assert message in str(raised.value)


@pytest.mark.parametrize("case", DOCUMENT["origins"], ids=lambda case: case["text"])
def test_origins(case: dict[str, str]) -> None:
    if "origin" in case:
        assert parse_origin(case["text"]) == case["origin"]
        return
    with pytest.raises(ConfigurationError) as raised:
        CookieOptions([PAGE, case["text"]])
    assert case["error"] in str(raised.value)
