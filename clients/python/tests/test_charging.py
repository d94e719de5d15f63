"""skip_successful, skip_failed and count_when, through real frameworks."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import flask as flask_module
import httpx
import pytest
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import JSONResponse, StreamingResponse

from lockwatch import (
    AsyncLockWatch,
    ConfigurationError,
    HttpResponse,
    LockWatch,
    LockWatchMiddleware,
    LockWatchWSGIMiddleware,
    NoPolicyError,
    UnavailableError,
    fastapi,
    flask,
)
from lockwatch.testing import AsyncStub, Stub
from support.waiting import wait_for

AT = 1_795_796_270_967
ADMITTED = [0, 5, 4, 0, 60_000, AT]
DENIED = [1, 5, 0, 9000, 60_000, 0]
# Options, and the statuses of responses that are corrected afterwards.
CHOICES: dict[str, tuple[dict[str, Any], list[int]]] = {
    "skip_successful": ({"skip_successful": True}, [200, 302]),
    "skip_failed": ({"skip_failed": True}, [404, 500]),
    "count_when": ({"count_when": lambda response: response.status in (302, 404)}, [302, 404]),
}
STATUSES = [200, 302, 404, 500]


def corrections(stub: Stub | AsyncStub) -> list[tuple[str, ...]]:
    return [call for call in stub.calls if call[0] == "LW.REFUND" or call[-1] == "FORCE"]


def asked(stub: Stub | AsyncStub) -> list[tuple[str, ...]]:
    limits = [call for call in stub.calls if call[0] in ("LW.RATELIMIT", "LW.PEEK")]
    return [call for call in limits if call not in corrections(stub)]


def has_corrections(stub: Stub | AsyncStub, count: int) -> bool:
    return len(corrections(stub)) == count


def answer(stub: Stub | AsyncStub, choice: str, count: int = 1) -> None:
    for _ in range(count):
        stub.answer("LW.RATELIMIT", ADMITTED if choice != "count_when" else ADMITTED[:5])


def with_fastapi(stub: AsyncStub, options: dict[str, Any], *, middleware: bool) -> Callable[[int], int]:
    lw = AsyncLockWatch(stub)
    app = FastAPI()
    dependencies = []
    if middleware:
        app.add_middleware(LockWatchMiddleware, redis=lw, burst_threshold=None, audit=False, **options)
    else:
        fastapi.install(app)
        dependencies.append(Depends(fastapi.limit(lw, "5/minute", **options)))

    @app.get("/{status}", dependencies=dependencies)
    async def handler(status: int) -> JSONResponse:
        if status == 404:
            raise HTTPException(404)
        if status == 500:
            raise RuntimeError("broken on purpose")
        return JSONResponse({}, status, {"X-Status": str(status)})

    async def get(status: int) -> int:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            response = await http.get(f"/{status}")
        # The task of a correction may still run.
        await asyncio.sleep(0)
        await lw.corrections.flush()
        await asyncio.sleep(0)
        return response.status_code

    return lambda status: asyncio.run(get(status))


def with_flask(stub: Stub, options: dict[str, Any], *, middleware: bool) -> Callable[[int], int]:
    lw = LockWatch(stub)
    app = flask_module.Flask(__name__)

    def handler(status: int) -> Any:
        if status == 404:
            flask_module.abort(404)
        if status == 500:
            raise RuntimeError("broken on purpose")
        return {}, status, {"X-Status": str(status)}

    if middleware:
        app.wsgi_app = LockWatchWSGIMiddleware(  # type: ignore[method-assign]
            app.wsgi_app, redis=lw, burst_threshold=None, audit=False, **options
        )
    else:
        handler = flask.limit(lw, "5/minute", **options)(handler)
    app.add_url_rule("/<int:status>", view_func=handler)

    def get(status: int) -> int:
        with app.test_client() as http:
            response = http.get(f"/{status}")
            response.close()
        lw.corrections.flush()
        return response.status_code

    return get


MAKERS: dict[str, tuple[type, Callable[..., Callable[[int], int]]]] = {
    "fastapi": (AsyncStub, with_fastapi),
    "flask": (Stub, with_flask),
}


@pytest.mark.parametrize("middleware", [True, False], ids=["middleware", "route limit"])
@pytest.mark.parametrize("framework", MAKERS)
@pytest.mark.parametrize("choice", CHOICES)
def test_the_response_decides_what_a_request_costs(choice: str, framework: str, middleware: bool) -> None:
    options, corrected = CHOICES[choice]
    kind, make = MAKERS[framework]
    for status in STATUSES:
        stub = kind()
        answer(stub, choice, 2)
        get = make(stub, options, middleware=middleware)
        assert get(status) == status
        wait_for("the correction", partial(has_corrections, stub, int(status in corrected)))
        [first] = asked(stub)
        assert first[0] == ("LW.PEEK" if choice == "count_when" else "LW.RATELIMIT")
        if status in corrected and choice == "count_when":
            assert corrections(stub) == [("LW.RATELIMIT", *first[1:], "FORCE")]
        elif status in corrected:
            assert corrections(stub) == [("LW.REFUND", first[1], "1", "AT", str(AT))]


@pytest.mark.parametrize("framework", MAKERS)
def test_a_denied_request_has_nothing_to_correct(framework: str) -> None:
    kind, make = MAKERS[framework]
    for choice, (options, _) in CHOICES.items():
        stub = kind()
        stub.answer("LW.RATELIMIT", DENIED)
        stub.answer("LW.PEEK", DENIED[:5])
        for middleware in (True, False):
            stub.answer("LW.RATELIMIT", DENIED)
            stub.answer("LW.PEEK", DENIED[:5])
            assert make(stub, options, middleware=middleware)(200) == 429, choice
        assert corrections(stub) == []


def test_a_limit_of_fastapi_needs_something_that_sees_the_response() -> None:
    lw = AsyncLockWatch(AsyncStub())
    lw.link.connection.answer("LW.RATELIMIT", ADMITTED)  # type: ignore[attr-defined]
    app = FastAPI()

    @app.get("/", dependencies=[Depends(fastapi.limit(lw, "5/minute", skip_failed=True))])
    async def handler() -> None:
        pass

    async def get() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
            await http.get("/")

    with pytest.raises(ConfigurationError, match=r"lockwatch\.fastapi\.install\(app\)"):
        asyncio.run(get())


def test_count_when_sees_the_headers_of_the_response() -> None:
    seen: list[HttpResponse] = []

    def count_when(response: HttpResponse) -> bool:
        seen.append(response)
        return False

    for kind, make in MAKERS.values():
        for middleware in (True, False):
            assert make(kind(), {"count_when": count_when}, middleware=middleware)(200) == 200
    assert [(each.status, each.header("x-STATUS"), each.headers("X-None")) for each in seen] == [(200, "200", [])] * 4


@pytest.mark.parametrize("framework", MAKERS)
def test_a_function_that_fails_counts_nothing_and_is_logged_once(
    framework: str, caplog: pytest.LogCaptureFixture
) -> None:
    kind, make = MAKERS[framework]
    stub = kind()
    get = make(stub, {"count_when": lambda _: 1 / 0}, middleware=True)
    assert [get(200) for _ in range(3)] == [200] * 3
    assert corrections(stub) == []
    assert [record.message for record in caplog.records if "count_when" in record.message] == [
        "a request is not counted, because count_when failed: ZeroDivisionError('division by zero')"
    ]


@pytest.mark.parametrize("framework", MAKERS)
def test_a_redis_that_is_away_after_the_response_is_logged_once_and_is_no_error(
    framework: str, caplog: pytest.LogCaptureFixture
) -> None:
    kind, make = MAKERS[framework]
    stub = kind()
    stub.answer("LW.REFUND", *[UnavailableError("TIMEOUT", "gone") for _ in range(3)])
    answer(stub, "skip_failed", 3)
    get = make(stub, {"skip_failed": True}, middleware=True)
    assert [get(404) for _ in range(3)] == [404] * 3
    wait_for("the log", lambda: caplog.records)
    [record] = [record for record in caplog.records if record.levelno == logging.WARNING and record.name == "lockwatch"]
    assert record.message.startswith("what requests cost is not corrected after their responses")


def test_no_response_waits_for_a_correction() -> None:
    release, began = threading.Event(), threading.Event()

    class Slow(Stub):
        def send(self, commands: Any) -> list[Any]:
            if commands[0].args[0] == "LW.REFUND":
                began.set()
                assert release.wait(20)
            return super().send(commands)

    stub = Slow()
    answer(stub, "skip_failed", 2)
    lw = LockWatch(stub)
    app = flask_module.Flask(__name__)
    app.wsgi_app = LockWatchWSGIMiddleware(  # type: ignore[method-assign]
        app.wsgi_app, redis=lw, burst_threshold=None, audit=False, skip_failed=True
    )
    http = app.test_client()
    for _ in range(2):
        response = http.get("/nothing")
        response.close()
        assert response.status_code == 404
    assert began.wait(20)
    release.set()
    wait_for("the corrections", lambda: len(corrections(stub)) == 2)


@pytest.mark.parametrize(("option", "corrected"), [("skip_failed", 1), ("skip_successful", 0)])
@pytest.mark.parametrize("leaves", ["by a message", "by a cancelled task"])
def test_a_client_that_leaves_has_failed(option: str, corrected: int, leaves: str) -> None:
    stub = AsyncStub()
    answer(stub, option)
    options: Any = {option: True}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})
        if leaves == "by a cancelled task":
            raise asyncio.CancelledError
        await receive()
        await send({"type": "http.response.body", "body": b"late"})

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def discard(_message: Any) -> None:
        pass

    async def serve() -> None:
        middleware = LockWatchMiddleware(app, redis=stub, burst_threshold=None, audit=False, **options)
        scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "client": ("203.0.113.9", 1)}
        with contextlib.suppress(asyncio.CancelledError):
            await middleware(scope, receive, discard)
        assert middleware._corrections is not None
        await middleware._corrections.flush()

    asyncio.run(serve())
    assert len(corrections(stub)) == corrected


def test_a_stream_is_corrected_once_it_has_ended() -> None:
    stub = AsyncStub()
    answer(stub, "skip_successful")
    lw = AsyncLockWatch(stub)
    app = FastAPI()
    fastapi.install(app)
    during: list[int] = []

    @app.get("/", dependencies=[Depends(fastapi.limit(lw, "5/minute", skip_successful=True))])
    async def handler() -> StreamingResponse:
        async def chunks() -> Any:
            for _ in range(3):
                during.append(len(corrections(stub)))
                yield b"tick"

        return StreamingResponse(chunks())

    async def get() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
            assert (await http.get("/")).text == "tick" * 3
        await lw.corrections.flush()

    asyncio.run(get())
    assert during == [0, 0, 0]
    assert len(corrections(stub)) == 1


def test_of_two_middlewares_and_a_route_limit_each_corrects_its_own_limit_once() -> None:
    stub = AsyncStub()
    answer(stub, "skip_failed", 3)
    lw = AsyncLockWatch(stub)
    app = FastAPI()
    common: Any = {"redis": lw, "burst_threshold": None, "audit": False, "skip_failed": True}
    app.add_middleware(LockWatchMiddleware, **common, key_prefix="inner")
    app.add_middleware(LockWatchMiddleware, **common, key_prefix="outer")
    limit = fastapi.limit(lw, "5/minute", name="route", skip_failed=True)

    # Once in front of the handler and once as its parameter: one counter.
    @app.get("/", dependencies=[Depends(limit)])
    async def handler(_: Any = Depends(limit)) -> None:  # noqa: B008
        raise HTTPException(401)

    async def get() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
            assert (await http.get("/")).status_code == 401
        await asyncio.sleep(0)
        await lw.corrections.flush()
        await asyncio.sleep(0.05)

    asyncio.run(get())
    assert sorted(call[1] for call in corrections(stub)) == [
        "inner:{ip:127.0.0.1}:default",
        "lw:{ip:127.0.0.1}:limit:route",
        "outer:{ip:127.0.0.1}:default",
    ]


@pytest.mark.parametrize(("mode", "status"), [("allow", 404), ("deny", 503)])
def test_a_policy_that_the_server_does_not_have_is_logged_once_as_an_error(
    mode: Any, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    stub = Stub()
    message = f"LWNOPOLICY there is no policy '{mode}'"
    stub.answer("LW.RATELIMIT", *[NoPolicyError("LWNOPOLICY", message) for _ in range(3)])
    app = flask_module.Flask(__name__)
    app.wsgi_app = LockWatchWSGIMiddleware(  # type: ignore[method-assign]
        app.wsgi_app, redis=stub, burst_threshold=None, audit=False, limits=f"@{mode}", on_redis_failure=mode
    )
    http = app.test_client()
    assert [http.get("/").status_code for _ in range(3)] == [status] * 3
    errors = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == [
        f"a limit is not enforced, because the server does not have its policy: {message}: set it with LW.POLICY SET"
    ]
