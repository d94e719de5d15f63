"""Routes with limits: headers on each kind of response, and denials that handlers may answer."""

from __future__ import annotations

import asyncio
from typing import Any

import flask as flask_package
import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from fastapi.testclient import TestClient
from flask import Blueprint, Flask, abort

from lockwatch import AsyncLockWatch, LockWatch, LockWatchMiddleware, LockWatchWSGIMiddleware, Reply, fastapi, flask
from lockwatch.testing import AsyncStub, Stub

DENIED = [1, 5, 0, 12_000, 60_000]
BODY = {"error": "rate_limit_exceeded", "retry_after": 12}
POLICY = "ratelimit-policy"


def fastapi_routes(lw: AsyncLockWatch) -> APIRouter:
    router = APIRouter(dependencies=[Depends(fastapi.limit(lw, "5/minute", name="own"))])

    @router.get("/plain")
    async def plain() -> str:
        return "plain"

    @router.get("/returned")
    async def returned() -> PlainTextResponse:
        return PlainTextResponse("returned")

    @router.get("/returned-by-thread")
    def returned_by_thread() -> JSONResponse:
        return JSONResponse("returned", headers={"X-RateLimit-Limit": "the handler's own"})

    @router.get("/streamed")
    async def streamed() -> StreamingResponse:
        async def chunks() -> Any:
            yield b"a"
            yield b"b"

        return StreamingResponse(chunks())

    @router.get("/missing")
    async def missing() -> str:
        raise HTTPException(404, "missing", {"X-Own": "1"})

    @router.get("/typed")
    async def typed(number: int) -> int:
        return number

    return router


PATHS = ["/plain", "/returned", "/returned-by-thread", "/streamed", "/missing", "/typed"]
# Without the middleware and `install`, nothing adds headers to a response that a handler returns.
REACHED = {"bare": ["/plain", "/missing", "/typed"], "installed": PATHS, "middleware": PATHS, "both": PATHS}


@pytest.mark.parametrize("mounted", [False, True])
@pytest.mark.parametrize("kind", REACHED)
def test_fastapi_each_kind_of_response_has_the_headers_of_a_limit(kind: str, mounted: bool) -> None:
    stub = AsyncStub()
    lw = AsyncLockWatch(stub)
    app = inner = FastAPI()
    if mounted:
        app = FastAPI()
        app.mount("/v1", inner)
    inner.include_router(fastapi_routes(lw), prefix="/in")
    if kind in ("installed", "both"):
        fastapi.install(app)
    if kind in ("middleware", "both"):
        app.add_middleware(LockWatchMiddleware, redis=lw, trusted_proxies=["unix"])
    client = TestClient(app, client=("127.0.0.1", 1))
    prefix = "/v1/in" if mounted else "/in"
    statuses = {}
    for path in REACHED[kind]:
        response = client.get(prefix + path)
        statuses[path] = response.status_code
        assert response.headers.get_list(POLICY) == ['"own";q=5;w=60'], path
        assert len(response.headers.get_list("x-ratelimit-limit")) == 1, path
        if path == "/returned-by-thread":
            assert response.headers["x-ratelimit-limit"] == "the handler's own"
    assert statuses == {path: {"/missing": 404, "/typed": 422}.get(path, 200) for path in REACHED[kind]}
    stub.answer("LW.RATELIMIT", *([[0, 5, 4, 0, 60_000]] if kind in ("middleware", "both") else []), DENIED)
    denied = client.get(f"{prefix}/plain")
    assert (denied.status_code, denied.headers["retry-after"], denied.json()) == (429, "12", BODY)


def test_fastapi_handlers_of_the_application_stay() -> None:
    stub = AsyncStub()
    lw = AsyncLockWatch(stub)
    app = FastAPI()
    app.include_router(fastapi_routes(lw))

    @app.exception_handler(429)
    async def too_many(_request: Request, error: Any) -> JSONResponse:
        return JSONResponse({"wait": error.retry_after}, 429)

    @app.exception_handler(RequestValidationError)
    def invalid(_request: Request, _error: Exception) -> JSONResponse:
        return JSONResponse("invalid", 400)

    client = TestClient(app, client=("127.0.0.1", 1))
    stub.answer("LW.RATELIMIT", DENIED)
    assert client.get("/plain").json() == {"wait": 12}
    invalid_answer = client.get("/typed")
    assert (invalid_answer.status_code, invalid_answer.json()) == (400, "invalid")
    assert invalid_answer.headers[POLICY] == '"own";q=5;w=60'


def test_fastapi_a_denial_with_a_body_that_is_no_json() -> None:
    stub = AsyncStub()
    limit = fastapi.limit(AsyncLockWatch(stub), "5/minute", on_denied=lambda _result: Reply(420, "calm down"))
    app = FastAPI()
    app.get("/", dependencies=[Depends(limit)])(lambda: "reached")
    stub.answer("LW.RATELIMIT", DENIED)
    answer = TestClient(app, client=("127.0.0.1", 1)).get("/")
    assert (answer.status_code, answer.text, answer.headers["retry-after"]) == (420, "calm down", "12")


@pytest.fixture(params=[False, True], ids=["bare", "middleware"])
def site(request: pytest.FixtureRequest) -> tuple[Flask, Stub, LockWatch]:
    stub = Stub()
    lw = LockWatch(stub)
    app = Flask(__name__)
    if request.param:
        app.wsgi_app = LockWatchWSGIMiddleware(app.wsgi_app, redis=lw)  # type: ignore[method-assign]
    return app, stub, lw


def deny(app: Flask, stub: Stub) -> None:
    """The limit of the route denies the next request."""
    if isinstance(app.wsgi_app, LockWatchWSGIMiddleware):
        stub.answer("LW.RATELIMIT", [0, 100, 99, 0, 60_000])
    stub.answer("LW.RATELIMIT", DENIED)


def test_flask_a_denial_calls_the_error_handlers(site: tuple[Flask, Stub, LockWatch]) -> None:
    app, stub, lw = site
    shop = Blueprint("shop", __name__, url_prefix="/shop")

    @app.get("/")
    @shop.get("/")
    @flask.limit(lw, "5/minute", name="own")
    def view() -> str:
        return "reached"

    @shop.errorhandler(429)
    def closed(error: flask.Refused) -> Any:
        return {"shop": error.retry_after}, 429

    @app.errorhandler(429)
    def too_many(error: flask.Refused) -> Any:
        assert error.reply.status == 429
        return {"wait": error.retry_after}, 429

    app.register_blueprint(shop)
    client = app.test_client()
    for path, body in (("/", {"wait": 12}), ("/shop/", {"shop": 12})):
        deny(app, stub)
        answer = client.get(path)
        assert (answer.status_code, answer.json) == (429, body)
        assert answer.headers["Retry-After"] == "12"
        assert answer.headers[POLICY] == '"own";q=5;w=60'
        assert answer.headers["Content-Type"] == "application/json"


def test_flask_without_an_error_handler_the_denial_is_that_of_the_middleware(
    site: tuple[Flask, Stub, LockWatch],
) -> None:
    app, stub, lw = site

    @app.get("/")
    @flask.limit(lw, "5/minute", name="own")
    def view() -> str:
        return "reached"

    deny(app, stub)
    answer = app.test_client().get("/")
    assert (answer.status_code, answer.json, answer.headers["Retry-After"]) == (429, BODY, "12")
    assert answer.headers["Content-Type"] == "application/json"


def test_flask_503_and_401_call_the_error_handlers() -> None:
    stub = Stub()
    lw = LockWatch(stub)
    app = Flask(__name__)

    @app.get("/limited")
    @flask.limit(lw, "5/minute", on_redis_failure="deny")
    def limited() -> str:
        return "reached"

    @app.get("/guarded")
    @flask.jwt_required(lw, "auth")
    def guarded() -> str:
        return "reached"

    @app.errorhandler(503)
    @app.errorhandler(401)
    def unwell(error: flask.Refused) -> Any:
        return f"own {error.code}", error.code

    stub.answer("LW.RATELIMIT", b"of another shape")
    away, unauthorized = app.test_client().get("/limited"), app.test_client().get("/guarded")
    assert (away.status_code, away.text, away.headers["Retry-After"]) == (503, "own 503", "1")
    assert (unauthorized.status_code, unauthorized.text) == (401, "own 401")
    assert unauthorized.headers["WWW-Authenticate"] == 'Bearer realm="api"'


def test_flask_a_limit_on_an_error_handler_answers_in_its_place() -> None:
    stub = Stub()
    lw = LockWatch(stub)
    app = Flask(__name__)
    handled = []

    @app.get("/")
    @flask.limit(lw, "5/minute", name="own")
    def view() -> str:
        return "reached"

    @app.errorhandler(429)
    @flask.limit(lw, "5/minute", name="page")
    def too_many(error: flask.Refused) -> Any:
        handled.append(error.retry_after)
        return "a page", 429

    client = app.test_client()
    stub.answer("LW.RATELIMIT", DENIED, [0, 5, 4, 0, 60_000])
    answer = client.get("/")
    assert (answer.status_code, answer.text) == (429, "a page")
    stub.answer("LW.RATELIMIT", DENIED, DENIED)
    answer = client.get("/")
    assert (answer.status_code, answer.json) == (429, BODY)
    assert answer.headers[POLICY] == '"page";q=5;w=60'
    assert handled == [12]


def test_flask_headers_are_on_errors_of_the_application_and_on_async_views() -> None:
    class App(Flask):
        def async_to_sync(self, view: Any) -> Any:
            # By default this needs a package more.
            return lambda *args, **kwargs: asyncio.run(view(*args, **kwargs))

    app = App(__name__)
    lw = LockWatch(Stub())

    @app.get("/abort")
    @flask.limit(lw, "5/minute", name="own")
    def aborted() -> str:
        abort(404)

    @app.get("/own")
    @flask.limit(lw, "5/minute", name="own")
    def own() -> flask_package.Response:
        return flask_package.Response("own", headers={"X-RateLimit-Limit": "the view's own"})

    @app.get("/async")
    @flask.limit(lw, "5/minute", name="own")
    async def asynchronous() -> str:
        return "async"

    client = app.test_client()
    answers = {path: client.get(path) for path in ("/abort", "/own", "/async")}
    assert [answer.status_code for answer in answers.values()] == [404, 200, 200]
    assert [answer.headers[POLICY] for answer in answers.values()] == ['"own";q=5;w=60'] * 3
    assert answers["/own"].headers["X-RateLimit-Limit"] == "the view's own"
    assert answers["/async"].text == "async"
