"""The contract of the middleware with WSGI servers and applications."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from wsgiref.util import FileWrapper

import pytest
from flask import Flask, send_file

from lockwatch import ConfigurationError, LockWatchWSGIMiddleware, audit_queue
from lockwatch.audit_queue import AuditQueue
from lockwatch.failure_log import FailureLog
from lockwatch.redis.connection import Command
from lockwatch.testing import RedisServer, Stub
from support.audit import events, recorded
from support.waiting import wait_for
from support.web import Web

ENVIRON = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/", "REMOTE_ADDR": "203.0.113.9"}


def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
    return lambda _data: None


def audited(stub: Stub) -> list[tuple[str, ...]]:
    return stub.called("LW.AUDIT")


def test_the_event_is_sent_when_the_server_closes_the_body(lockwatch_stub: Stub) -> None:
    closed = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            yield b"a"
            yield b"b"

        def close(self) -> None:
            closed.append(True)

    def app(environ: Any, start: Any) -> Iterable[bytes]:
        start("200 OK", [])
        return Body()

    middleware = LockWatchWSGIMiddleware(app, redis=lockwatch_stub)
    body: Any = middleware({**ENVIRON}, start_response)
    assert list(body) == [b"a", b"b"]
    assert not closed
    assert not audited(lockwatch_stub)
    body.close()
    body.close()
    wait_for("the event", lambda: audited(lockwatch_stub))
    middleware.close()
    assert closed
    assert len(audited(lockwatch_stub)) == 1


def test_a_flush_waits_for_events_that_come_while_others_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    # The thread sends nothing before a flush, or before the test ends its wait.
    monkeypatch.setattr(audit_queue, "_LINGER", 60.0)
    recorded: list[Command[Any]] = []
    go_on = threading.Event()

    class Slow(Stub):
        def send(self, calls: Sequence[Command[Any]]) -> list[Any]:
            assert go_on.wait(15)
            recorded.extend(calls)
            return super().send(calls)

    audit = AuditQueue(Slow(), 1000, FailureLog(10.0))
    event = Command(("LW.AUDIT",), str)
    audit.record(event)
    audit._flushing.set()
    wait_for("the thread to send the first", lambda: not audit._events)
    audit._flushing.clear()
    # Wakes the thread, but is sent right after the first, so that the thread wakes with an empty
    # queue.
    audit.record(event)
    go_on.set()
    wait_for("the queue to be empty", audit._is_empty.is_set)
    assert len(recorded) == 2
    audit.record(event)
    assert not audit._is_empty.is_set()
    audit.flush(15)
    assert len(recorded) == 3


def test_a_generator_that_starts_late_and_an_application_that_fails(lockwatch_stub: Stub) -> None:
    def late(environ: Any, start: Any) -> Iterable[bytes]:
        start("201 Created", [])
        yield b"late"

    def broken(environ: Any, start: Any) -> Iterable[bytes]:
        raise RuntimeError("broken on purpose")

    middleware = LockWatchWSGIMiddleware(late, redis=lockwatch_stub)
    body: Any = middleware({**ENVIRON}, start_response)
    assert list(body) == [b"late"]
    body.close()
    middleware._app = broken
    with pytest.raises(RuntimeError):
        middleware({**ENVIRON}, start_response)
    middleware.close()
    assert [call[call.index("STATUS") + 1] for call in audited(lockwatch_stub)] == ["201", "500"]


def test_the_server_can_still_send_a_file_itself(lockwatch_stub: Stub, tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("content")
    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: send_file(path))
    app.wsgi_app = middleware = LockWatchWSGIMiddleware(app.wsgi_app, redis=lockwatch_stub)  # type: ignore[method-assign]
    environ = {**ENVIRON, "wsgi.file_wrapper": FileWrapper, "wsgi.url_scheme": "http", "SERVER_NAME": "x"}
    body: Any = app({**environ, "SERVER_PORT": "80"}, start_response)
    assert isinstance(body, FileWrapper)
    assert b"".join(body) == b"content"
    body.close()
    middleware.close()
    assert len(audited(lockwatch_stub)) == 1


def test_asynchronous_functions_are_refused(lockwatch_stub: Stub) -> None:
    async def key(_request: Any) -> str:
        return "42"

    with pytest.raises(ConfigurationError, match=r"key_func .* can't be asynchronous"):
        LockWatchWSGIMiddleware(lambda *_: [], redis=lockwatch_stub, key_func=key)
    # One that does not look like it is noticed when it is called.
    middleware = LockWatchWSGIMiddleware(lambda *_: [], redis=lockwatch_stub, key_func=lambda _: key(None))
    with pytest.raises(ConfigurationError, match="can't be asynchronous"):
        middleware({**ENVIRON}, start_response)


def test_a_full_queue_drops_events_and_logs_it(lockwatch_stub: Stub, caplog: pytest.LogCaptureFixture) -> None:
    go_on = threading.Event()

    class Slow(Stub):
        def send(self, calls: Any) -> list[Any]:
            if calls[0].args[0] == "LW.AUDIT":
                go_on.wait(10)
            return super().send(calls)

    def app(environ: Any, start: Any) -> Iterable[bytes]:
        start("200 OK", [])
        return [b"x"]

    slow = Slow()
    middleware = LockWatchWSGIMiddleware(app, redis=slow, audit_queue_size=3)
    for _ in range(300):
        middleware({**ENVIRON}, start_response).close()  # type: ignore[attr-defined]
    go_on.set()
    middleware.close()
    assert "audit events are lost: 3 wait already" in caplog.text
    assert 3 <= len(audited(slow)) < 300


def test_workers_that_were_forked_after_the_application_was_made(tmp_path: Path) -> None:
    with RedisServer() as server:
        options: dict[str, Any] = {
            "redis_url": server.url,
            "limits": "1000/hour",
            "connect_timeout": 5,
            "command_timeout": 5,
        }
        with Web("flask", workers=2, preload=True, **options) as web:
            for _ in range(40):
                assert web.http.get("/items").status_code == 200
        # A worker that stops sends its queue first.
        assert recorded(server.url) == 40
        assert len(events(server.url, 40)) == 40


def test_a_child_of_fork_uses_connections_of_its_own(shared_redis: RedisServer) -> None:
    def app(environ: Any, start: Any) -> Iterable[bytes]:
        start("200 OK", [])
        return [b"x"]

    middleware = LockWatchWSGIMiddleware(
        app, redis_url=shared_redis.url, limits="1000/hour", key_prefix="fork", connect_timeout=5, command_timeout=5
    )

    def remaining() -> str:
        seen: dict[str, str] = {}

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            seen.update(headers)

        middleware({**ENVIRON}, start).close()  # type: ignore[attr-defined]
        return seen.get("X-RateLimit-Remaining", "")

    assert remaining() == "999"
    child = os.fork()
    if child == 0:
        os._exit(0 if remaining() == "998" else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert remaining() == "997"
    middleware.close()


def flask_with(stub: Stub, **options: Any) -> Flask:
    app = Flask(__name__)
    app.wsgi_app = LockWatchWSGIMiddleware(app.wsgi_app, redis=stub, audit=False, **options)  # type: ignore[method-assign]

    @app.post("/<name>")
    def handler(name: str) -> str:
        return name

    return app


def policies(stub: Stub) -> list[str]:
    return [call[1].rpartition(":")[2] for call in stub.called("LW.RATELIMIT")]


def test_a_script_name_evades_no_policy_and_exempts_from_none(lockwatch_stub: Stub) -> None:
    app = flask_with(
        lockwatch_stub, routes={"POST /login": "5/minute", "/v1/orders": "6/minute"}, exempt=["/health", "/static/**"]
    )
    client = app.test_client()

    def post(script: str, path: str) -> None:
        response = client.post("/", environ_overrides={"SCRIPT_NAME": script, "PATH_INFO": path})
        assert response.text == path.strip("/")

    for script, path in (
        ("/static", "/login"),
        ("/static/", "login"),
        ("/v1", "/orders"),
        ("/v1", "/health"),
        ("/static", "/health"),
        ("", "/health"),
    ):
        post(script, path)
    # The last two are exempt with the script's name and without.
    assert policies(lockwatch_stub) == ["post-login", "post-login", "v1-orders", "default"]


def test_a_method_in_lower_case_evades_no_policy(lockwatch_stub: Stub) -> None:
    app = flask_with(lockwatch_stub, routes={"POST /login": "5/minute"}, exempt=["POST /health"])
    for path in ("/login", "/health"):
        response = app.test_client().post(path, environ_overrides={"REQUEST_METHOD": "post"})
        assert response.text == path.strip("/")
    assert policies(lockwatch_stub) == ["post-login"]


def test_the_audit_thread_survives_every_exception(caplog: pytest.LogCaptureFixture) -> None:
    stub = Stub()
    stub.answer("LW.AUDIT", ValueError("unheard of"))
    audit = AuditQueue(stub, 1000, FailureLog(10.0))
    for count in (1, 2):
        audit.record(Command(("LW.AUDIT",), str))
        audit.flush()
        assert len(stub.calls) == count
    assert "audit events are lost: ValueError('unheard of')" in caplog.text


def test_a_fork_while_the_lock_is_held() -> None:
    stub = Stub()
    audit = AuditQueue(stub, 1000, FailureLog(10.0))
    with audit._lock:
        child = os.fork()
        if child == 0:
            putting = threading.Thread(target=audit.record, args=(Command(("LW.AUDIT",), str),), daemon=True)
            putting.start()
            putting.join(5)
            os._exit(1 if putting.is_alive() else 0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


class OwnBody:
    """A body that knows whether it was closed."""

    closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield b"hello"

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("options", "is_wrapped"),
    [
        ({"audit": False}, False),
        ({}, True),
        ({"audit": False, "guard": "site"}, True),
        ({"audit": False, "skip_failed": True}, True),
    ],
)
def test_a_body_of_whose_end_nobody_wants_to_know_is_passed_on_as_it_is(
    options: dict[str, Any], is_wrapped: bool, lockwatch_stub: Stub
) -> None:
    lockwatch_stub.answer(
        "LW.RATELIMIT", [0, 100, 99, 0, 60_000, 1_700_000_000_000][: 6 if "skip_failed" in options else 5]
    )
    own = OwnBody()

    def app(_environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return own

    middleware = LockWatchWSGIMiddleware(app, redis=lockwatch_stub, **options)
    body: Any = middleware({"REQUEST_METHOD": "GET", "PATH_INFO": "/", "REMOTE_ADDR": "203.0.113.9"}, lambda *_: print)
    assert (body is not own) == is_wrapped
    assert list(body) == [b"hello"]
    body.close()
    assert own.closed
    middleware.close()


def test_behind_a_middleware_that_exempts_the_client_the_inner_one_records(lockwatch_stub: Stub) -> None:
    def app(_environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return [b"hello"]

    inner = LockWatchWSGIMiddleware(app, redis=lockwatch_stub)
    outer = LockWatchWSGIMiddleware(inner, redis=lockwatch_stub, exempt=["203.0.113.9"], key_prefix="outer")
    body: Any = outer({**ENVIRON}, start_response)
    assert list(body) == [b"hello"]
    body.close()
    wait_for("the event", lambda: audited(lockwatch_stub))
    assert [call[1] for call in lockwatch_stub.called("LW.RATELIMIT")] == ["lw:{ip:203.0.113.9}:default"]
    inner.close()
    outer.close()
