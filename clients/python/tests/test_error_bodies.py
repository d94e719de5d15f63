"""Bodies of 429 and 503 that the application gives."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from flask import Flask

from lockwatch import ConfigurationError, Denial, HttpRequest, LockWatchMiddleware, LockWatchWSGIMiddleware
from lockwatch.http.bodies import preferred
from lockwatch.testing import AsyncStub, Stub

DENIED = [1, 5, 0, 12_000, 60_000]


def flask_response(**options: Any) -> tuple[int, bytes, str | None]:
    stub = Stub()
    stub.answer("LW.RATELIMIT", DENIED)
    app = Flask(__name__)
    app.testing = True
    app.wsgi_app = LockWatchWSGIMiddleware(app.wsgi_app, redis=stub, **options)  # type: ignore[method-assign]
    with app.test_client().get("/items", headers={"Accept": "text/html"}) as response:
        return response.status_code, response.data, response.headers["Content-Type"]


def fastapi_response(**options: Any) -> tuple[int, bytes, str | None]:
    stub = AsyncStub()
    stub.answer("LW.RATELIMIT", DENIED)
    app = FastAPI()
    app.add_middleware(LockWatchMiddleware, redis=stub, **options)
    with TestClient(app) as http:
        response = http.get("/items", headers={"Accept": "text/html"})
        return response.status_code, response.content, response.headers["Content-Type"]


EACH = pytest.mark.parametrize("ask", [flask_response, fastapi_response])


@EACH
def test_a_function_gets_the_request_and_the_denial(ask: Any) -> None:
    def page(request: HttpRequest, denial: Denial) -> str:
        return f"{request.path} {denial.status} {denial.error} {denial.retry_after} {denial.policy}"

    assert ask(error_bodies={"text/html; charset=utf-8": page}) == (
        429,
        b"/items 429 rate_limit_exceeded 12 default",
        "text/html; charset=utf-8",
    )


def test_a_function_may_be_asynchronous_under_asgi() -> None:
    async def page(_request: HttpRequest, _denial: Denial) -> bytes:
        return b"\xff"

    assert fastapi_response(error_bodies={"text/html": page}) == (429, b"\xff", "text/html")
    with pytest.raises(ConfigurationError, match="can't be asynchronous"):
        flask_response(error_bodies={"text/html": page})


@EACH
@pytest.mark.parametrize("returned", [None, 7, ["x"]])
def test_what_is_no_body_is_an_error_that_names_the_type(ask: Any, returned: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"'text/html' in error_bodies returned a "):
        ask(error_bodies={"text/html": lambda _request, _denial: returned})


@EACH
def test_an_exception_of_a_function_is_the_applications(ask: Any) -> None:
    def fail(_request: HttpRequest, _denial: Denial) -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask(error_bodies={"text/html": fail})


@EACH
def test_on_denied_that_returns_nothing_leaves_it_to_the_bodies(ask: Any) -> None:
    options: dict[str, Any] = {"on_denied": lambda _request, _limit: None, "error_bodies": {"text/html": "slow down"}}
    assert ask(**options) == (429, b"slow down", "text/html")


def test_accept_of_any_content_breaks_nothing() -> None:
    offered = ("text/html", "application/problem+json", "application/json")
    for accept in ("", ",", ";", "=", "q=1", ";;;,,,", "text/html;q", "text/html;q=", 'text/html;x=","', "\x00", "é"):
        assert preferred(accept, offered) in offered
    assert preferred("text/html;q=0.001", offered) == "text/html"
    assert preferred("text/html;q=0.0001", offered) == "application/json"
