"""What cannot work is an error when the application is made, which shows how to write it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient
from flask import Flask
from flask import Response as FlaskResponse

from lockwatch import (
    AsyncLockWatch,
    ConfigurationError,
    LockWatch,
    LockWatchMiddleware,
    LockWatchWSGIMiddleware,
    Reply,
    fastapi,
    flask,
)
from lockwatch.testing import AsyncStub, Stub

DENIED = [1, 100, 0, 12_000, 60_000]


def clients() -> tuple[Any, Any]:
    return LockWatch(Stub()), AsyncLockWatch(AsyncStub())


def no_login(*_: Any) -> None: ...


LW, ALW = clients()
SYNC_IN_FASTAPI: list[Callable[[], object]] = [
    lambda: fastapi.limit(LW, "5/minute"),
    lambda: fastapi.jwt_required(LW, "auth"),
    lambda: fastapi.token_router(LW, "auth", authenticate=no_login),
    lambda: fastapi.jwks_router(LW),
    lambda: LockWatchMiddleware(ok_asgi, redis=LW),
]
ASYNC_IN_FLASK: list[Callable[[], object]] = [
    lambda: flask.limit(ALW, "5/minute"),
    lambda: flask.jwt_required(ALW, "auth"),
    lambda: flask.token_blueprint(ALW, "auth", authenticate=no_login),
    lambda: flask.jwks_blueprint(ALW),
    lambda: LockWatchWSGIMiddleware(ok_wsgi, redis=ALW),
]


async def ok_asgi(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def ok_wsgi(_environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return []


@pytest.mark.parametrize("make", SYNC_IN_FASTAPI)
def test_a_synchronous_client_in_fastapi(make: Callable[[], object]) -> None:
    with pytest.raises(ConfigurationError, match="an AsyncLockWatch"):
        make()


@pytest.mark.parametrize("make", ASYNC_IN_FLASK)
def test_an_asynchronous_client_in_flask(make: Callable[[], object]) -> None:
    with pytest.raises(ConfigurationError, match="a LockWatch"):
        make()


def test_a_dependency_as_a_decorator() -> None:
    def handler(_request: Request) -> str:
        return "x"

    async def asynchronous_handler() -> str:
        return "x"

    for guard in (fastapi.limit(ALW, "5/minute"), fastapi.jwt_required(ALW, "auth")):
        made: Any = guard
        for decorated in (handler, asynchronous_handler):
            with pytest.raises(ConfigurationError, match=r"no decorator: write .*Depends\(.*handler"):
                made(decorated)


def test_a_dependency_is_awaited_and_gets_its_arguments() -> None:
    app = FastAPI()
    stub = AsyncStub()
    lw = AsyncLockWatch(stub)

    @app.get("/", dependencies=[Depends(fastapi.limit(lw, "5/minute", key=lambda request: request.url.path))])
    async def index() -> str:
        return "x"

    assert TestClient(app).get("/").status_code == 200
    assert len(stub.called("LW.RATELIMIT")) == 1
    stub.answer("LW.RATELIMIT", DENIED)
    assert TestClient(app).get("/").status_code == 429


def test_limit_itself_as_a_dependency() -> None:
    app = FastAPI()
    with pytest.raises(ConfigurationError, match=r"write Depends\(limit\(lw, '5/minute'\)\)"):

        @app.get("/", dependencies=[Depends(fastapi.limit)])
        async def index() -> str:
            return "x"


def test_a_client_as_a_parameter() -> None:
    app = FastAPI()

    def handler(lw: LockWatch) -> str:
        return str(lw)

    def asynchronous_handler(lw: AsyncLockWatch) -> str:
        return str(lw)

    with pytest.raises(ConfigurationError, match="a parameter of type LockWatch"):
        app.get("/")(handler)
    with pytest.raises(ConfigurationError, match="a parameter of type AsyncLockWatch"):
        app.get("/")(asynchronous_handler)

    @app.get("/right")
    async def right(lw: Annotated[Any, Depends(lambda: ALW)]) -> bool:
        return lw is ALW

    assert TestClient(app).get("/right").json() is True


@pytest.mark.parametrize("make", [fastapi.limit, flask.limit])
def test_limit_without_a_call(make: Any) -> None:
    with pytest.raises(ConfigurationError, match=r'limit\(lw, "5/minute"\) needs .* argument is the function'):
        make(no_login)


@pytest.mark.parametrize(("make", "client"), [(fastapi.limit, ALW), (flask.limit, LW)])
def test_limit_without_limits(make: Any, client: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"limits of limit is None: .*expected limits like '100/minute"):
        make(client)


def test_limit_as_middleware_of_flask() -> None:
    app = Flask(__name__)
    with pytest.raises(ConfigurationError, match=r"below @app\.route"):
        app.wsgi_app = flask.limit(LW, "5/minute")(app.wsgi_app)  # type: ignore[method-assign]
    with pytest.raises(ConfigurationError, match=r"below @app\.route"):
        flask.jwt_required(LW, "auth")(app)
    made: Any = flask.limit
    with pytest.raises(ConfigurationError, match="the first argument is the function 'wsgi_app'"):
        made(app.wsgi_app, "5/minute")


def test_middleware_around_an_application_of_the_other_kind() -> None:
    wsgi: list[Any] = [Flask(__name__).wsgi_app, Flask(__name__), ok_wsgi, None, "app"]
    for app in wsgi:
        with pytest.raises(ConfigurationError, match="is no ASGI application; for Flask write"):
            LockWatchMiddleware(app, redis_url="redis://localhost")
    asgi: list[Any] = [FastAPI(), ok_asgi, LockWatchMiddleware(ok_asgi, redis=ALW), None, "app"]
    for app in asgi:
        with pytest.raises(ConfigurationError, match="is no WSGI application; for FastAPI write"):
            LockWatchWSGIMiddleware(app, redis_url="redis://localhost")
    assert LockWatchWSGIMiddleware(LockWatchWSGIMiddleware(Flask(__name__).wsgi_app, redis=LW), redis=LW)
    assert LockWatchMiddleware(LockWatchMiddleware(FastAPI(), redis=ALW), redis=ALW)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (LockWatchMiddleware, {}, "redis_url is missing"),
        (LockWatchMiddleware, {"redis_url": None}, "redis_url is None"),
        (LockWatchMiddleware, {"redis": LW, "limits": "5/s"}, "redis is a LockWatch: this LockWatch is synchronous"),
        (LockWatchWSGIMiddleware, {"redis_url": "redis://localhost"}, "is no WSGI application"),
    ],
)
def test_fastapi_makes_its_middleware_at_its_startup(kind: Any, options: Any, message: str) -> None:
    app = FastAPI()
    app.add_middleware(kind, **options)
    with pytest.raises(ConfigurationError, match=message), TestClient(app):
        pass


REPLIES: list[tuple[Any, int, str, str | None]] = [
    ({"error": "slow down"}, 429, '{"error":"slow down"}', "application/json"),
    (["slow", "down"], 429, '["slow","down"]', "application/json"),
    ("slow down", 429, "slow down", "text/plain; charset=utf-8"),
    (b"slow down", 429, "slow down", "text/plain; charset=utf-8"),
    (({"error": "x"}, 503), 503, '{"error":"x"}', "application/json"),
    (("slow", 503, {"Content-Type": "text/x-own"}), 503, "slow", "text/x-own"),
    (Reply(418, "teapot", {"Content-Type": "text/x-own"}), 418, "teapot", "text/x-own"),
    (Reply(429, {"a": 1}), 429, '{"a":1}', "application/json"),  # type: ignore[arg-type]
    (JSONResponse({"a": 1}, 420), 420, '{"a":1}', "application/json"),
    (FlaskResponse("own", 420, {"Content-Type": "text/x-own"}), 420, "own", "text/x-own"),
    (None, 429, '{"error":"rate_limit_exceeded","retry_after":12}', "application/json"),
]
NONSENSE: list[Any] = [7, True, object(), Reply(7, "x"), Reply("429", "x"), ("x", "y"), ("x", 429, "y"), Reply(429, 7)]  # type: ignore[arg-type]


def denied_by_the_middleware(given: Any) -> Callable[[], Any]:
    stub = AsyncStub()
    stub.answer("LW.RATELIMIT", DENIED)
    app = LockWatchMiddleware(ok_asgi, redis=stub, on_denied=lambda *_: given, audit=False)
    return lambda: TestClient(app).get("/")


def denied_by_a_route(given: Any) -> Callable[[], Any]:
    stub = Stub()
    stub.answer("LW.RATELIMIT", DENIED)
    app = Flask(__name__)
    app.testing = True
    app.get("/")(flask.limit(LockWatch(stub), "5/s", on_denied=lambda _: given)(lambda: "reached"))
    return lambda: app.test_client().get("/")


@pytest.mark.parametrize("place", [denied_by_the_middleware, denied_by_a_route])
@pytest.mark.parametrize(("given", "status", "body", "kind"), REPLIES)
def test_what_on_denied_may_return(place: Any, given: Any, status: int, body: str, kind: str | None) -> None:
    response = place(given)()
    text = response.text if isinstance(response.text, str) else response.text()
    assert (response.status_code, text, response.headers.get("Content-Type")) == (status, body, kind)
    assert response.headers["X-RateLimit-Remaining"] == "0"


@pytest.mark.parametrize("place", [denied_by_the_middleware, denied_by_a_route])
@pytest.mark.parametrize("given", NONSENSE, ids=repr)
def test_what_on_denied_may_not_return(place: Any, given: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"on_denied returned .* return Reply"):
        place(given)()


def test_an_asynchronous_on_denied() -> None:
    stub = AsyncStub()
    stub.answer("LW.RATELIMIT", DENIED)

    async def on_denied(*_: Any) -> dict[str, str]:
        return {"error": "slow"}

    app = LockWatchMiddleware(ok_asgi, redis=stub, on_denied=on_denied, audit=False)
    assert TestClient(app).get("/").json() == {"error": "slow"}
