"""The counters of a client, the events, and what reports them."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from flask import Flask
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, generate_latest

from lockwatch import AsyncLockWatch, Event, LockWatch, LockWatchMiddleware, LockWatchWSGIMiddleware
from lockwatch import fastapi as for_fastapi
from lockwatch import flask as for_flask
from lockwatch.failure_log import FailureLog
from lockwatch.flow import run
from lockwatch.http.counted import Counted
from lockwatch.http.route_limit import route_limit
from lockwatch.http.route_text import needs_a_name
from lockwatch.opentelemetry import instrument
from lockwatch.prometheus import LockWatchCollector
from lockwatch.stats import Counters
from lockwatch.testing import AsyncStub, Stub
from support.waiting import wait_for

DENIED = [1, 5, 0, 12_000, 60_000]


def counters(on_event: Any = None) -> Counters:
    return Counters(FailureLog(10.0), on_event)


def test_no_count_is_lost_among_threads() -> None:
    counted = counters()

    def count() -> None:
        for _ in range(5000):
            counted.answered("allowed", "default")
            counted.audit_dropped("full")

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stats = counted.stats()
    assert stats.requests == {"default": {"allowed": 40_000}}
    assert stats.audit_dropped == 40_000


def test_the_number_of_names_is_bounded() -> None:
    counted = counters()
    for number in range(1500):
        counted.answered("allowed", f"policy-{number}")
    requests = counted.stats().requests
    assert len(requests) == 1001
    assert requests["other"] == {"allowed": 500}


def test_a_snapshot_does_not_change() -> None:
    counted = counters()
    counted.answered("allowed", "default")
    before = counted.stats()
    counted.answered("allowed", "default")
    assert before.requests == {"default": {"allowed": 1}}


def test_an_exception_of_on_event_is_logged_once_and_harms_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_event: Event) -> None:
        raise ValueError("no such metric")

    stub = Stub()
    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: "hello")
    middleware = LockWatchWSGIMiddleware(app.wsgi_app, redis=LockWatch(stub, on_event=fail))
    app.wsgi_app = middleware  # type: ignore[method-assign]
    assert [app.test_client().get("/").status_code for _ in range(3)] == [200] * 3
    assert [record.message for record in caplog.records] == ["on_event failed: ValueError('no such metric')"]


def test_events_of_middleware_and_routes_in_flask() -> None:
    events: list[Event] = []
    stub = Stub()
    lockwatch = LockWatch(stub, on_event=events.append)
    app = Flask(__name__)

    @app.get("/orders/<int:number>")
    @for_flask.limit(lockwatch, "5/minute")
    def order(number: int) -> str:
        return str(number)

    app.wsgi_app = LockWatchWSGIMiddleware(  # type: ignore[method-assign]
        app.wsgi_app, redis=lockwatch, routes={"/orders/{id}": {"limits": "9/minute", "name": "orders"}}
    )
    app.test_client().get("/orders/7")
    stub.answer("LW.RATELIMIT", [0, 9, 8, 0, 60_000], DENIED)
    app.test_client().get("/orders/8")
    assert events == [
        Event("allowed", "orders", "/orders/{id}", None),
        Event("allowed", "get-orders-.number", "GET /orders/{number}", None),
        Event("allowed", "orders", "/orders/{id}", None),
        Event("denied", "get-orders-.number", "GET /orders/{number}", None),
    ]


def test_events_of_middleware_and_routes_in_fastapi() -> None:
    events: list[Event] = []
    lockwatch = AsyncLockWatch(AsyncStub(), on_event=events.append)
    app = FastAPI()
    app.add_middleware(LockWatchMiddleware, redis=lockwatch)

    @app.get("/orders/{number}", dependencies=[Depends(for_fastapi.limit(lockwatch, "5/minute", name="orders"))])
    async def order(number: int) -> int:
        return number

    with TestClient(app) as http:
        http.get("/orders/7")
    assert events == [
        Event("allowed", "default", None, None),
        Event("allowed", "orders", "GET /orders/{number}", None),
    ]


def test_a_route_whose_template_is_unknown_has_none() -> None:
    events: list[Event] = []

    def unknown() -> str:
        raise needs_a_name()

    limit = route_limit(LockWatch(Stub(), on_event=events.append), "5/minute", {"name": "search"}, LockWatch)
    run(
        limit.admit(
            state=None,
            peer="203.0.113.9",
            counted=Counted(),
            route=unknown,
            add_headers=lambda _headers: None,
            after_response=lambda _pending: None,
        )
    )
    assert events == [Event("allowed", "search", None, None)]


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_audit_events_that_are_lost_are_counted(kind: str) -> None:
    events: list[Event] = []
    lockwatch: Any
    if kind == "wsgi":
        lockwatch = LockWatch("redis://127.0.0.1:1", on_event=events.append)
        app = Flask(__name__)
        app.wsgi_app = LockWatchWSGIMiddleware(app.wsgi_app, redis=lockwatch)  # type: ignore[method-assign]
        app.test_client().get("/").close()
        wait_for("the loss", lambda: lockwatch.stats().audit_dropped == 1)
    else:
        lockwatch = AsyncLockWatch("redis://127.0.0.1:1", on_event=events.append)
        server = FastAPI()
        server.add_middleware(LockWatchMiddleware, redis=lockwatch)
        with TestClient(server) as http:
            http.get("/")
        assert lockwatch.stats().audit_dropped == 1
    assert events == [
        Event("failed_open", "default", None, "connection"),
        Event("audit_dropped", None, None, "connection"),
    ]
    assert lockwatch.stats().limits_off


def with_counts() -> LockWatch:
    lockwatch = LockWatch(Stub())
    for _ in range(3):
        lockwatch.counters.answered("allowed", "default")
    lockwatch.counters.answered("denied", "post-login")
    lockwatch.counters.failed("failed_open", "default", None, "timeout")
    lockwatch.counters.audit_dropped("full", 2)
    return lockwatch


def test_prometheus_reads_the_counters_at_the_scrape() -> None:
    lockwatch, other = with_counts(), LockWatch(Stub())
    registry = CollectorRegistry()
    registry.register(LockWatchCollector(lockwatch, other))
    other.counters.answered("allowed", "default")
    lines = set(generate_latest(registry).decode().splitlines())
    assert {
        'lockwatch_client_requests_total{outcome="allowed",policy="default"} 4.0',
        'lockwatch_client_requests_total{outcome="denied",policy="post-login"} 1.0',
        'lockwatch_client_requests_total{outcome="failed_open",policy="default"} 1.0',
        "lockwatch_client_limits_off 1.0",
        "lockwatch_client_audit_dropped_total 2.0",
    } <= lines
    lockwatch.counters.answered("allowed", "default")
    assert b"lockwatch_client_limits_off 0.0" in generate_latest(registry)


def test_two_collectors_of_one_registry_are_refused() -> None:
    registry = CollectorRegistry()
    registry.register(LockWatchCollector(with_counts()))
    with pytest.raises(ValueError, match="Duplicated"):
        registry.register(LockWatchCollector(with_counts()))


def test_opentelemetry_reads_the_counters() -> None:
    reader = InMemoryMetricReader()
    instrument(with_counts(), MeterProvider([reader]))
    data = reader.get_metrics_data()
    assert data is not None
    found = {
        (metric.name, tuple(sorted((point.attributes or {}).items()))): point.value
        for of_resource in data.resource_metrics
        for of_scope in of_resource.scope_metrics
        for metric in of_scope.metrics
        for point in metric.data.data_points
        if isinstance(point, NumberDataPoint)
    }
    expected: dict[Any, int] = {("lockwatch.client.limits_off", ()): 1, ("lockwatch.client.audit_dropped", ()): 2}
    for policy, outcome, count in (
        ("default", "allowed", 3),
        ("post-login", "denied", 1),
        ("default", "failed_open", 1),
    ):
        labels = (("lockwatch.outcome", outcome), ("lockwatch.policy", policy))
        expected["lockwatch.client.requests", labels] = count
    assert found == expected


def test_the_span_of_a_request_says_what_was_decided() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    lockwatch = AsyncLockWatch(AsyncStub())
    instrument(lockwatch, MeterProvider())

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    middleware = LockWatchMiddleware(app, redis=lockwatch, audit=False)

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(_message: Any) -> None:
        pass

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "client": ("203.0.113.9", 1)}
    with tracer.start_as_current_span("request"):
        asyncio.run(middleware(scope, receive, send))
    [span] = exporter.get_finished_spans()
    assert dict(span.attributes or {}) == {"lockwatch.policy": "default", "lockwatch.outcome": "allowed"}
    assert trace.get_current_span().is_recording() is False
