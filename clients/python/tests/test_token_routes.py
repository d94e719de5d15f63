"""Token routes over stubs: the log, and how a request is read."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from flask import Flask, request

from lockwatch import (
    AsyncLockWatch,
    CommandError,
    ConfigurationError,
    CookieOptions,
    LockWatch,
    Login,
    UnavailableError,
)
from lockwatch import fastapi as for_fastapi
from lockwatch import flask as for_flask
from lockwatch.testing import AsyncStub, Stub

FRAMEWORKS = ["fastapi", "flask"]


def fastapi_client(stub: AsyncStub, login: Login) -> Any:
    app, lockwatch = FastAPI(), AsyncLockWatch(stub)

    async def authenticate(_: Any) -> Login:
        return login

    app.include_router(for_fastapi.token_router(lockwatch, "auth", authenticate=authenticate))
    app.include_router(for_fastapi.jwks_router(lockwatch))

    @app.get("/items", dependencies=[Depends(for_fastapi.jwt_required(lockwatch, "auth"))])
    async def items() -> str:
        return "lamp"

    return TestClient(app)


def flask_client(stub: Stub, login: Login) -> Any:
    app, lockwatch = Flask(__name__), LockWatch(stub)
    app.testing = True
    app.register_blueprint(for_flask.token_blueprint(lockwatch, "auth", authenticate=lambda: login))
    app.register_blueprint(for_flask.jwks_blueprint(lockwatch))

    @app.get("/items")
    @for_flask.jwt_required(lockwatch, "auth")
    def items() -> str:
        return "lamp"

    return app.test_client()


def made(framework: str, login: Login) -> tuple[Any, Any]:
    if framework == "flask":
        stub = Stub()
        return stub, flask_client(stub, login)
    other = AsyncStub()
    return other, fastapi_client(other, login)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    ("command", "method", "path", "options"),
    [
        ("LW.ISSUE", "post", "/auth/login", {}),
        ("LW.ROTATE", "post", "/auth/refresh", {"json": {"refresh_token": "lwr_x"}}),
        ("LW.REVOKE", "post", "/auth/logout", {"json": {"refresh_token": "lwr_x"}}),
        ("LW.JWKS", "get", "/.well-known/jwks.json", {}),
        ("LW.VERIFY", "get", "/items", {"headers": {"Authorization": "Bearer x"}}),
    ],
)
def test_a_503_is_logged_once(
    framework: str, command: str, method: str, path: str, options: Any, caplog: pytest.LogCaptureFixture
) -> None:
    stub, client = made(framework, Login("alice"))
    stub.answer(command, *[UnavailableError("TIMEOUT", "Redis did not answer in time")] * 2)
    with caplog.at_level(logging.WARNING, "lockwatch"):
        for _ in range(2):
            assert getattr(client, method)(path, **options).status_code == 503
    assert [record.getMessage() for record in caplog.records if record.name == "lockwatch"] == [
        "requests with tokens are answered 503: Redis did not answer in time"
    ]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_login_that_the_module_refuses_raises_in_the_application(framework: str) -> None:
    stub, client = made(framework, Login("alice"))
    for error in (CommandError("ERR", "ERR the claims are too long"), ConfigurationError("no such thing")):
        stub.answer("LW.ISSUE", error)
        with pytest.raises(type(error)):
            client.post("/auth/login")


def test_the_options_of_token_routes() -> None:
    app, stub = Flask(__name__), Stub()
    cookie = CookieOptions(["https://app.example"], name="session", path="/auth/v1")
    app.register_blueprint(
        for_flask.token_blueprint(
            LockWatch(stub), "auth", authenticate=lambda: "alice", access_ttl=60, refresh_ttl="1h", cookie=cookie
        )
    )
    stub.answer("LW.ISSUE", PAIR)
    headers = {"Origin": "https://app.example", "User-Agent": "a" * 600}
    response = app.test_client().post("/auth/login", headers=headers)
    meta = '{"ip":"127.0.0.1","user_agent":"' + "a" * 512 + '"}'
    assert stub.calls == [("LW.ISSUE", "auth", "alice", "ACCESSTTL", "60", "REFRESHTTL", "3600", "META", meta)]
    assert response.headers["Set-Cookie"].startswith("session=lwr_next; Max-Age=0; Path=/auth/v1; HttpOnly;")


@pytest.mark.parametrize("options", [{"origins": []}, {"origins": "https://a"}, {"origins": ["x"], "path": "/;a"}])
def test_invalid_options_of_cookies_are_refused_at_once(options: Any) -> None:
    with pytest.raises(ConfigurationError):
        CookieOptions(**options)


PAIR = [b"a", b"lwr_next", 1_764_000_000_000, 1_764_000_000_000, b"s"]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("read", ["", "get_data", "json", "form"])
@pytest.mark.parametrize("kind", ["json", "data"])
def test_a_refresh_whose_body_was_read_before(read: str, kind: str, chunked: bool) -> None:
    stub = Stub()
    client = flask_client(stub, Login("alice"))

    app: Flask = client.application

    @app.before_request
    def before() -> None:
        if read == "get_data":
            request.get_data()
        elif read == "json":
            request.get_json(silent=True)
        elif read == "form":
            assert request.form is not None

    stub.answer("LW.ROTATE", PAIR)
    more: dict[str, Any] = (
        {"environ_overrides": {"wsgi.input_terminated": True, "CONTENT_LENGTH": ""}} if chunked else {}
    )
    response = client.post("/auth/refresh", **{kind: {"refresh_token": "lwr_x"}}, **more)
    assert response.status_code == 200
    assert [call[:3] for call in stub.called("LW.ROTATE")] == [("LW.ROTATE", "auth", "lwr_x")]
    assert client.post("/auth/refresh", **{kind: {"refresh_token": "x" * 20_000}}, **more).status_code == 401
    assert client.post("/auth/refresh").status_code == 401
    assert len(stub.calls) == 1
