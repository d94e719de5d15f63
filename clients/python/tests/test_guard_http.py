"""Guards in FastAPI and in Flask, over stubs: responses, cookies, and the token routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.testclient import TestClient
from flask import Flask, g, jsonify, make_response
from flask import request as flask_request

from lockwatch import (
    AsyncLockWatch,
    DeviceCookie,
    GuardResult,
    LockWatch,
    LockWatchMiddleware,
    LockWatchWSGIMiddleware,
    NoRuleError,
    Reply,
    UnavailableError,
)
from lockwatch import fastapi as for_fastapi
from lockwatch import flask as for_flask
from lockwatch.testing import AsyncStub, Stub
from support.waiting import wait_for

IP = "127.0.0.1"
FRAMEWORKS = ["fastapi", "flask"]
CHALLENGE = [1, 0, b"account", 0, 1, 0]
DENIED = [2, 1500, b"brute", 2, 2, 1]
NO_RULE = NoRuleError("LWNORULE", 'no rules for "login"')
LOGIN = {"username": " Alice", "password": "wonderland"}


class Site:
    """A site with a login of its own at /login and the token routes, and the stub of its Redis."""

    def __init__(self, framework: str, *, middleware: bool = False, login_name: Any = None, **options: Any) -> None:
        options = {"key": "login", "challenge": "deny", "password_digest_key": "0123456789abcdef", **options}
        self.stub: Any = AsyncStub() if framework == "fastapi" else Stub()
        make = self._fastapi if framework == "fastapi" else self._flask
        self.http: Any = make(middleware=middleware, login_name=login_name, **options)

    def _fastapi(self, *, middleware: bool, login_name: Any, **options: Any) -> Any:
        app, lw = FastAPI(), AsyncLockWatch(self.stub)
        for_fastapi.install(app)
        guard = for_fastapi.Guard(lw, **options)
        if middleware:
            app.add_middleware(LockWatchMiddleware, redis=lw, guard="site", audit=False)

        @app.post("/login")
        async def login(request: Request, response: Response) -> str:
            given = await for_fastapi.credentials(request)
            async with guard.attempt(request, given["username"], password=given["password"]) as attempt:
                if given["password"] != "wonderland":
                    attempt.failed()
                    raise HTTPException(401)
                attempt.succeeded(response)
            return "welcome"

        @app.post("/report")
        async def report(request: Request) -> str:
            guard.event(request, "scraped", "Alice", free_key="k", value="v")
            guard.reset(request, "Alice")
            return (await guard.check(request, "Alice")).verdict

        async def authenticate(request: Request) -> str | None:
            given = await for_fastapi.credentials(request)
            if "says" in given:
                getattr(request.state.attempt, str(given["says"]))()
            return "alice" if given.get("password") == "wonderland" else None

        app.include_router(
            for_fastapi.token_router(lw, "auth", authenticate=authenticate, guard=guard, login_name=login_name)
        )
        return TestClient(app, base_url="https://testserver")

    def _flask(self, *, middleware: bool, login_name: Any, **options: Any) -> Any:
        app, lw = Flask(__name__), LockWatch(self.stub)
        app.testing = True
        guard = for_flask.Guard(lw, **options)
        if middleware:
            app.wsgi_app = LockWatchWSGIMiddleware(app.wsgi_app, redis=lw, guard="site", audit=False)  # type: ignore[method-assign]

        @app.post("/login")
        def login() -> Any:
            given = for_flask.credentials()
            with guard.attempt(given["username"], password=given["password"]) as attempt:
                if given["password"] != "wonderland":
                    attempt.failed()
                    return jsonify("wrong"), 401
                response = make_response(jsonify("welcome"))
                attempt.succeeded(response)
            return response

        @app.post("/report")
        def report() -> Any:
            guard.event("scraped", "Alice", free_key="k", value="v")
            guard.reset("Alice")
            return jsonify(guard.check("Alice").verdict)

        def authenticate() -> str | None:
            given = for_flask.credentials()
            if "says" in given:
                getattr(g.attempt, given["says"])()
            return "alice" if given.get("password") == "wonderland" else None

        app.register_blueprint(
            for_flask.token_blueprint(lw, "auth", authenticate=authenticate, guard=guard, login_name=login_name)
        )
        return app.test_client(use_cookies=False)

    def post(self, path: str, body: Any = LOGIN, device: str | None = None) -> Any:
        headers = {} if device is None else {"Cookie": f"lw_device={device}"}
        response = self.http.post(path, json=body, headers=headers)
        response.close()
        return response

    def told(self, count: int) -> list[tuple[str, ...]]:
        wait_for("the outcomes", lambda: len(self.stub.called("LW.EVENT")) >= count)
        events: list[tuple[str, ...]] = self.stub.called("LW.EVENT")
        assert len(events) == count
        return events


def json_of(response: Any) -> Any:
    return response.get_json() if hasattr(response, "get_json") else response.json()


def cookies_of(response: Any) -> list[str]:
    headers = response.headers
    return list(headers.getlist("Set-Cookie") if hasattr(headers, "getlist") else headers.get_list("set-cookie"))


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_login_is_asked_about_and_reported(framework: str) -> None:
    site = Site(framework)
    assert site.post("/login", {**LOGIN, "password": "guess"}).status_code == 401
    [asked] = site.stub.called("LW.ATTEMPT")
    assert asked[:6] == ("LW.ATTEMPT", "login", "IP", IP, "USER", "alice")
    value = asked[asked.index("VALUE") + 1]
    assert len(value) == 16
    assert site.told(1) == [("LW.EVENT", "login", "failure", "IP", IP, "USER", "alice", "VALUE", value)]


@pytest.mark.parametrize("path", ["/login", "/auth/login"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_success_sets_the_cookie_of_a_new_device(framework: str, path: str) -> None:
    site = Site(framework)
    response = site.post(path, device="0" * 32)
    assert response.status_code == 200
    [cookie] = cookies_of(response)
    device = cookie.removeprefix("lw_device=")[:32]
    assert DeviceCookie().read({"lw_device": device}) == device != "0" * 32
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert attributes == {"httponly", "secure", "samesite=lax", "path=/", "max-age=7776000"} | {
        part for part in attributes if part.startswith("expires=")
    }
    assert site.stub.called("LW.ATTEMPT")[0][-4:-2] == ("DEVICE", "0" * 32)
    assert site.told(1) == [("LW.EVENT", "login", "success", "IP", IP, "USER", "alice", "DEVICE", device)]


@pytest.mark.parametrize("path", ["/login", "/auth/login"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_denied_login_is_answered_429_before_the_password_is_looked_at(framework: str, path: str) -> None:
    site = Site(framework)
    site.stub.answer("LW.ATTEMPT", DENIED)
    response = site.post(path)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "2")
    assert json_of(response) == {"error": "temporarily_blocked", "retry_after": 2}
    assert len(site.stub.calls) == 1
    assert cookies_of(response) == []


@pytest.mark.parametrize("path", ["/login", "/auth/login"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_login_is_answered_503_while_redis_is_away(framework: str, path: str) -> None:
    site = Site(framework)
    site.stub.answer("LW.ATTEMPT", UnavailableError("TIMEOUT", "away"))
    response = site.post(path)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert len(site.stub.calls) == 1


@pytest.mark.parametrize("path", ["/login", "/auth/login"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_guard_without_rules_is_raised(framework: str, path: str) -> None:
    site = Site(framework, on_redis_failure="allow")
    site.stub.answer("LW.ATTEMPT", NO_RULE)
    with pytest.raises(NoRuleError, match="no rules"):
        site.post(path)


def challenge_of(framework: str, outcome: Any, seen: list[Any]) -> Callable[..., Any]:
    if framework == "flask":

        def challenge(result: GuardResult) -> Any:
            seen.append((flask_request.path, result.rule))
            return outcome

        return challenge

    async def asynchronous(request: Request, result: GuardResult) -> Any:
        seen.append((request.url.path, result.rule))
        return outcome

    return asynchronous


@pytest.mark.parametrize("path", ["/login", "/auth/login"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_challenge_is_passed(framework: str, path: str) -> None:
    seen: list[Any] = []
    site = Site(framework, challenge=challenge_of(framework, True, seen))
    site.stub.answer("LW.ATTEMPT", CHALLENGE)
    assert site.post(path).status_code == 200
    assert seen == [(path, "account")]
    assert [words[-1] == "SOLVED" for words in site.stub.called("LW.ATTEMPT")] == [False, True]


@pytest.mark.parametrize("path", ["/login", "/auth/login"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    ("returned", "status", "body"),
    [
        (False, 429, {"error": "challenge_required", "retry_after": None}),
        (None, 429, {"error": "challenge_required", "retry_after": None}),
        ({"solve": "this"}, 429, {"solve": "this"}),
        (Reply(403, '{"a":1}', {"Content-Type": "application/json"}), 403, {"a": 1}),
    ],
)
def test_a_challenge_is_not_passed(framework: str, path: str, returned: Any, status: int, body: Any) -> None:
    site = Site(framework, challenge=challenge_of(framework, returned, []))
    site.stub.answer("LW.ATTEMPT", CHALLENGE)
    response = site.post(path)
    assert (response.status_code, json_of(response)) == (status, body)
    assert "Retry-After" not in response.headers
    assert len(site.stub.calls) == 1


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_challenge_function_that_returns_nonsense_is_an_error(framework: str) -> None:
    site = Site(framework, challenge=challenge_of(framework, 5, []))
    site.stub.answer("LW.ATTEMPT", CHALLENGE)
    with pytest.raises(ValueError, match="challenge returned a int"):
        site.post("/login")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_wrong_credentials_of_the_token_routes_are_a_failure(framework: str) -> None:
    site = Site(framework)
    assert site.post("/auth/login", {**LOGIN, "password": "guess"}).status_code == 401
    assert site.told(1)[0][2] == "failure"


@pytest.mark.parametrize(
    ("says", "password", "kinds"),
    [
        ("unknown", "guess", ["unknown"]),
        ("mfa_failed", "guess", ["mfa"]),
        ("password_ok", "guess", ["password"]),
        ("password_ok", "wonderland", ["password", "success"]),
        ("succeeded", "wonderland", ["success"]),
    ],
)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_an_application_may_report_the_outcome_itself(
    framework: str, says: str, password: str, kinds: list[str]
) -> None:
    site = Site(framework)
    response = site.post("/auth/login", {**LOGIN, "password": password, "says": says})
    assert response.status_code == (200 if password == "wonderland" else 401)
    assert [words[2] for words in site.told(len(kinds))] == kinds


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_tokens_that_can_not_be_issued_are_no_outcome(framework: str) -> None:
    site = Site(framework)
    site.stub.answer("LW.ISSUE", UnavailableError("TIMEOUT", "away"))
    assert site.post("/auth/login").status_code == 503
    assert site.post("/auth/login", {**LOGIN, "password": "guess"}).status_code == 401
    assert [words[2] for words in site.told(1)] == ["failure"]


@pytest.mark.parametrize("body", [{}, {"username": ["a"], "password": 5}, {"username": True}, {"username": ""}])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_login_without_a_name_counts_for_its_address(framework: str, body: Any) -> None:
    site = Site(framework)
    assert site.post("/auth/login", body).status_code == 401
    assert site.stub.called("LW.ATTEMPT") == [("LW.ATTEMPT", "login", "IP", IP)]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_name_of_a_login_is_what_a_function_returns(framework: str) -> None:
    async def asynchronous(request: Request) -> Any:
        return (await for_fastapi.credentials(request)).get("email")

    def synchronous() -> Any:
        return for_flask.credentials().get("email")

    name = asynchronous if framework == "fastapi" else synchronous
    site = Site(framework, login_name=name)
    assert site.post("/auth/login", {"email": "A@Example.com", "password": "wonderland"}).status_code == 200
    assert site.stub.called("LW.ATTEMPT")[0][4:6] == ("USER", "a@example.com")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_key_may_be_found_for_each_request(framework: str) -> None:
    def of_request(request: Request) -> str:
        return f"login:{{{request.headers['x-tenant']}}}"

    def of_flask() -> str:
        return f"login:{{{flask_request.headers['X-Tenant']}}}"

    site = Site(framework, key=of_request if framework == "fastapi" else of_flask)
    assert site.http.post("/login", json=LOGIN, headers={"X-Tenant": "t7"}).status_code == 200
    assert site.stub.called("LW.ATTEMPT")[0][1] == site.told(1)[0][1] == "login:{t7}"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_events_and_checks_of_the_application(framework: str) -> None:
    site = Site(framework)
    assert json_of(site.post("/report", device="0" * 32)) == "allow"
    assert site.told(2) == [
        ("LW.EVENT", "login", "scraped", "IP", IP, "USER", "alice", "KEY", "k", "VALUE", "v", "DEVICE", "0" * 32),
        ("LW.EVENT", "login", "reset", "IP", IP, "USER", "alice", "DEVICE", "0" * 32),
    ]
    assert site.stub.called("LW.CHECK") == [("LW.CHECK", "login", "IP", IP, "USER", "alice", "DEVICE", "0" * 32)]
    site.stub.answer("LW.CHECK", UnavailableError("TIMEOUT", "away"))
    assert json_of(site.post("/report")) == "allow", "a check lets go on without Redis"
    site.stub.answer("LW.CHECK", NO_RULE)
    with pytest.raises(NoRuleError):
        site.post("/report")


@pytest.mark.parametrize("path", ["/login", "/auth/login"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_what_a_login_guard_denies_is_not_reported_to_the_guard_of_the_site(framework: str, path: str) -> None:
    site = Site(framework, middleware=True)
    site.stub.answer("LW.ATTEMPT", DENIED)
    assert site.post(path).status_code == 429
    assert site.post(path, {**LOGIN, "password": "guess"}).status_code == 401
    assert {words[1:3] for words in site.told(2)} == {("login", "failure"), ("site", "401")}
    assert len(site.stub.called("LW.CHECK")) == 2
