"""Several limits on one request: each has its own counter, or an error says what to write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from flask import Flask
from werkzeug.test import Client

from lockwatch import (
    ADDRESS,
    AsyncLockWatch,
    ConfigurationError,
    LockWatch,
    LockWatchMiddleware,
    LockWatchWSGIMiddleware,
    fastapi,
    flask,
)
from lockwatch.testing import AsyncStub, RedisServer, Stub
from support.audit import events

FRAMEWORKS = ["fastapi", "flask"]


class Site:
    """One route with limits, in either framework, behind the middlewares that `wrap` adds."""

    def __init__(self, framework: str, redis: Any = None) -> None:
        self.is_fastapi = framework == "fastapi"
        self.stub: Any = AsyncStub() if self.is_fastapi else Stub()
        source: Any = redis or self.stub
        self.lockwatch: Any = AsyncLockWatch(source) if self.is_fastapi else LockWatch(source)
        self.options = {"redis": self.lockwatch, "limits": "9/minute", "burst_threshold": None}

    def limit(self, limits: str, **options: Any) -> Any:
        """A limit of the framework."""
        return (fastapi.limit if self.is_fastapi else flask.limit)(self.lockwatch, limits, **options)

    def app(self, *limits: Any) -> Any:
        """An application with these limits on `/x/{id}`."""
        if self.is_fastapi:
            api = FastAPI()
            # FastAPI evaluates a dependency that is used twice once, unless it is told otherwise.
            dependencies = [Depends(limit, use_cache=False) for limit in limits]
            api.get("/x/{id}", dependencies=dependencies)(lambda: "reached")
            return api
        app = Flask(__name__)
        view: Callable[..., Any] = lambda id: "reached"  # noqa: A006, ARG005, E731  # the variable of the rule
        for limit in reversed(limits):
            view = limit(view)
        app.add_url_rule("/x/<id>", "x", view)
        return app

    def wrapped(self, app: Any, **options: Any) -> Any:
        """The application behind a middleware."""
        given = {**self.options, **options}
        if self.is_fastapi:
            return LockWatchMiddleware(app, **given)
        if isinstance(app, Flask):
            app = app.wsgi_app
        return LockWatchWSGIMiddleware(app, **given)

    def statuses(self, app: Any, times: int = 1) -> list[Any]:
        """The responses to that many requests."""
        if self.is_fastapi:
            with TestClient(app) as client:
                return [client.get("/x/1") for _ in range(times)]
        return [
            Client(app).get("/x/1", environ_overrides={"REMOTE_ADDR": "192.0.2.1"}, buffered=True) for _ in range(times)
        ]

    @property
    def keys(self) -> list[str]:
        """The keys that were counted, in order."""
        return [str(call[1]).partition("}:")[2] for call in self.stub.calls if call[0] == "LW.RATELIMIT"]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_two_limits_count_apart(framework: str) -> None:
    with RedisServer() as server:
        site = Site(framework, server.url)
        app = site.app(site.limit("4/minute"), site.limit("100/hour"), site.limit("200/hour"))
        answers = site.statuses(app, 5)
    assert [answer.status_code for answer in answers] == [200] * 4 + [429]
    # The headers are those of the last limit that counted.
    assert answers[0].headers["ratelimit-policy"] == '"get-x-.id-3";q=200;w=3600'
    assert answers[4].headers["ratelimit-policy"] == '"get-x-.id";q=4;w=60'


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("middleware", [False, True])
def test_the_keys_of_two_limits(framework: str, middleware: bool) -> None:
    site = Site(framework)
    app: Any = site.app(site.limit("4/minute"), site.limit("9/hour"), site.limit("9/hour", name="own"))
    site.statuses(site.wrapped(app) if middleware else app)
    own = ["limit:get-x-.id", "limit:get-x-.id:2", "limit:own"]
    assert site.keys == ([*["default"], *own] if middleware else own)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("middleware", [False, True])
def test_one_limit_that_is_reached_twice_counts_once(framework: str, middleware: bool) -> None:
    site = Site(framework)
    same = site.limit("4/minute")
    app: Any = site.app(same, site.limit("9/hour"), same)
    answers = site.statuses(site.wrapped(app) if middleware else app, 2)
    assert [answer.status_code for answer in answers] == [200, 200]
    own = ["limit:get-x-.id", "limit:get-x-.id:2"]
    assert site.keys == ([*["default"], *own] if middleware else own) * 2


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_two_limits_of_one_given_name_are_an_error(framework: str) -> None:
    site = Site(framework)
    app = site.app(site.limit("4/minute", name="own"), site.limit("9/hour", name="own"))
    if isinstance(app, Flask):
        app.testing = True
    with pytest.raises(ConfigurationError, match=r"called 'own'.*name='own-2'"):
        site.statuses(app)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("key", [None, ADDRESS, "bob"])
def test_the_number_of_a_limit_does_not_depend_on_the_client_of_another(framework: str, key: Any) -> None:
    site = Site(framework)
    site.statuses(site.app(site.limit("4/minute", key=lambda *_request: key), site.limit("9/hour")))
    assert site.keys[-1] == "limit:get-x-.id:2"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_second_middleware_that_would_count_the_same_key_is_an_error(framework: str) -> None:
    site = Site(framework)
    app = site.wrapped(site.wrapped(site.app()))
    with pytest.raises(ConfigurationError, match="service= or key_prefix= of its own") as refused:
        site.statuses(app)
    assert "the same key of the policy 'default'" in str(refused.value)
    assert "ip:" not in str(refused.value)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_two_middlewares_count_the_burst_of_a_client_once(framework: str) -> None:
    site = Site(framework)
    inner = site.wrapped(site.app(), routes={"/x/*": "5/minute"}, burst_threshold=50)
    assert [answer.status_code for answer in site.statuses(site.wrapped(inner, burst_threshold=50))] == [200]
    assert len(site.stub.called("LW.BURST")) == 1
    assert site.keys == ["default", "x-."]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_second_middleware_with_another_prefix_counts_as_well_and_records_once(framework: str) -> None:
    with RedisServer() as server:
        site = Site(framework, server.url)
        inner = site.wrapped(site.app(), key_prefix="inner", limits="2/minute")
        outer = site.wrapped(inner)
        answers = site.statuses(outer, 3)
        rows = events(server.url, 3)
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    # The headers are those of the limit that was evaluated last, as with a limit on a route.
    assert [answer.headers["x-ratelimit-limit"] for answer in answers] == ["2", "2", "2"]
    assert sorted((row.status, row.limited) for row in rows) == [(200, False), (200, False), (429, True)]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_request_that_is_routed_again_counts_under_the_policy_of_its_new_path(framework: str) -> None:
    site = Site(framework)
    reached: list[str] = []

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            reached.append(scope["path"])
        if scope["type"] == "http" and scope["path"] != "/secret":
            scope["path"] = "/secret"
            await outer(scope, receive, send)
        else:
            await site.app()(scope, receive, send)

    def wsgi(environ: Any, start_response: Any) -> Any:
        reached.append(environ["PATH_INFO"])
        if environ["PATH_INFO"] != "/secret":
            environ["PATH_INFO"] = "/secret"
            return outer(environ, start_response)
        return site.app().wsgi_app(environ, start_response)

    outer = site.wrapped(asgi if site.is_fastapi else wsgi, routes={"GET /secret": "2/hour"}, audit=False)
    [answer] = site.statuses(outer)
    assert answer.status_code == 404
    assert answer.headers["ratelimit-policy"].startswith('"get-secret"')
    assert reached == ["/x/1", "/secret"]
    assert site.keys == ["default", "get-secret"]
