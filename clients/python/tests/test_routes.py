"""The counter of a limit: one for each route, however declared, and none for a parameter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.testclient import TestClient
from flask import Blueprint, Flask
from flask.views import MethodView
from starlette.applications import Starlette
from starlette.routing import Host, Mount
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from lockwatch import AsyncLockWatch, ConfigurationError, LockWatch, fastapi, flask
from lockwatch.http.policy_name import policy_name
from lockwatch.testing import AsyncStub, Stub


def names(stub: Stub | AsyncStub) -> list[str]:
    """The names that requests were counted under, in order."""
    return [str(call[1]).partition(":limit:")[2] for call in stub.calls if call[0] == "LW.RATELIMIT"]


def api_app(limited: Any) -> FastAPI:
    """FastAPI with its ways to declare, include and mount."""

    def handler() -> str:
        return "reached"

    def add(router: Any, path: str, methods: list[str] | None = None) -> None:
        router.add_api_route(path, handler, methods=methods or ["GET"], dependencies=[limited])

    app = FastAPI()
    add(app, "/")
    add(app, "/items")
    add(app, "/items/{id}")
    add(app, "/items-id")
    add(app, "/user-posts")
    add(app, "/user/posts")
    add(app, "/日本")
    add(app, "/中国")
    add(app, "/numbers/{id:int}")
    add(app, "/files/{path:path}")
    add(app, "/both", ["GET", "POST"])
    add(app, "/made", ["POST"])

    users = APIRouter(prefix="/users")
    add(users, "")
    add(users, "/{user}")
    nested = APIRouter(prefix="/notes/{note}")
    add(nested, "/lines/{line}")
    users.include_router(nested, prefix="/{user}")
    app.include_router(users, prefix="/v1")
    app.include_router(users, prefix="/v2")
    whole = APIRouter(dependencies=[limited])
    whole.add_api_route("/whole/{x}", handler)
    app.include_router(whole)

    sub = FastAPI()
    add(sub, "/x")
    add(sub, "/x/{id}")
    sub.include_router(users, prefix="/in")
    deeper = FastAPI()
    add(deeper, "/y/{id}")
    sub.mount("/deeper/{level}", deeper)
    app.mount("/m1", sub)
    app.mount("/m2", sub)
    app.mount("/tenants/{tenant}", sub)
    mounting = APIRouter()
    mounting.mount("/inner/{x}", deeper)
    app.include_router(mounting, prefix="/outer")
    return app


FASTAPI_ROUTES = {
    "GET /": ["/"],
    "GET /items": ["/items"],
    "GET /items/{id}": ["/items/1", "/items/2", "/items/x"],
    "GET /items-id": ["/items-id"],
    "GET /user-posts": ["/user-posts"],
    "GET /user/posts": ["/user/posts"],
    "GET /日本": ["/日本"],
    "GET /中国": ["/中国"],
    "GET /numbers/{id:int}": ["/numbers/1", "/numbers/2"],
    "GET /files/{path:path}": ["/files/a", "/files/a/b"],
    "GET,POST /both": ["/both", "POST /both"],
    "POST /made": ["POST /made"],
    "GET /v1/users": ["/v1/users"],
    "GET /v1/users/{user}": ["/v1/users/1", "/v1/users/2"],
    "GET /v1/users/{user}/notes/{note}/lines/{line}": ["/v1/users/1/notes/2/lines/3", "/v1/users/4/notes/5/lines/6"],
    "GET /v2/users": ["/v2/users"],
    "GET /v2/users/{user}": ["/v2/users/1"],
    "GET /whole/{x}": ["/whole/1", "/whole/2"],
    "GET /m1/x": ["/m1/x"],
    "GET /m2/x": ["/m2/x"],
    "GET /m1/x/{id}": ["/m1/x/1", "/m1/x/2"],
    "GET /m1/in/users/{user}": ["/m1/in/users/1", "/m1/in/users/2"],
    "GET /tenants/{tenant}/x": [f"/tenants/{tenant}/x" for tenant in ("1", "2", "m1", "a%20b", "x")],
    "GET /tenants/{tenant}/in/users/{user}": ["/tenants/1/in/users/1", "/tenants/2/in/users/2"],
    "GET /tenants/{tenant}/deeper/{level}/y/{id}": ["/tenants/1/deeper/2/y/3", "/tenants/4/deeper/5/y/6"],
    "GET /m1/deeper/{level}/y/{id}": ["/m1/deeper/2/y/3", "/m1/deeper/4/y/6"],
    "GET /outer/inner/{x}/y/{id}": ["/outer/inner/1/y/2", "/outer/inner/3/y/4"],
}


def flask_app(limited: Callable[[Any], Any]) -> Flask:
    """Flask with its ways to declare rules."""
    app = Flask(__name__)

    def view(**_values: object) -> str:
        return "reached"

    def add(to: Any, rule: str, methods: list[str] | None = None, endpoint: str | None = None) -> None:
        name = endpoint or rule.translate({ord(letter): "_" for letter in "/<>:-."})
        to.add_url_rule(rule, name, limited(view), methods=methods)

    add(app, "/")
    add(app, "/items/<id>")
    add(app, "/items-id")
    add(app, "/numbers/<int:id>")
    add(app, "/same/<int:id>")
    add(app, "/same/<string:id>")
    add(app, "/files/<path:path>")
    add(app, "/both", ["GET", "POST"])
    add(app, "/made", ["POST"])
    several = limited(view)
    app.add_url_rule("/first", "several", several)
    app.add_url_rule("/second", "several", several)

    class Methods(MethodView):
        decorators = [limited]  # noqa: RUF012  # as Flask documents it

        def get(self, id: str) -> str:  # noqa: A002  # the variable of the rule
            return id

        def put(self, id: str) -> str:  # noqa: A002  # the variable of the rule
            return id

    app.add_url_rule("/methods/<id>", view_func=Methods.as_view("methods"))
    inner = Blueprint("inner", __name__, url_prefix="/inner/<x>")
    add(inner, "/y/<y>")
    outer = Blueprint("outer", __name__, url_prefix="/outer")
    add(outer, "/z")
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    app.register_blueprint(outer, url_prefix="/again", name="again")
    app.errorhandler(404)(limited(lambda _error: ("nothing", 404)))
    return app


FLASK_ROUTES = {
    "GET /": ["/"],
    "GET /items/{id}": ["/items/1", "/items/2"],
    "GET /items-id": ["/items-id"],
    "GET /numbers/{id}": ["/numbers/1", "/numbers/2"],
    "GET /same/<int:id>": ["/same/1", "/same/2"],
    "GET /same/<string:id>": ["/same/a", "/same/b"],
    "GET /files/{path}": ["/files/a", "/files/a/b"],
    "GET,POST /both": ["/both", "POST /both"],
    "POST /made": ["POST /made"],
    "GET /first": ["/first"],
    "GET /second": ["/second"],
    "GET,PUT /methods/{id}": ["/methods/1", "PUT /methods/2"],
    "GET /outer/z": ["/outer/z"],
    "GET /outer/inner/{x}/y/{y}": ["/outer/inner/1/y/2", "/outer/inner/3/y/4"],
    "GET /again/z": ["/again/z"],
    "GET /again/inner/{x}/y/{y}": ["/again/inner/1/y/2"],
    "/**": ["/missing", "/other"],
}


def ask(get: Callable[..., Any], target: str, status: int) -> None:
    method, _, path = target.rpartition(" ")
    assert get(method or "GET", path).status_code == status, target


@pytest.mark.parametrize("text", FASTAPI_ROUTES)
def test_a_route_of_fastapi_has_a_counter_of_its_own(text: str) -> None:
    stub = AsyncStub()
    client = TestClient(api_app(Depends(fastapi.limit(AsyncLockWatch(stub), "5/minute"))))
    for target in FASTAPI_ROUTES[text]:
        ask(client.request, target, 200)
    assert names(stub) == [policy_name(text)] * len(FASTAPI_ROUTES[text])


@pytest.mark.parametrize("text", FLASK_ROUTES)
def test_a_route_of_flask_has_a_counter_of_its_own(text: str) -> None:
    stub = Stub()
    client = flask_app(flask.limit(LockWatch(stub), "5/minute")).test_client()
    for target in FLASK_ROUTES[text]:
        ask(lambda method, path: client.open(path, method=method), target, 404 if text == "/**" else 200)
    assert names(stub) == [policy_name(text)] * len(FLASK_ROUTES[text])


def test_all_names_differ() -> None:
    for routes in (FASTAPI_ROUTES, FLASK_ROUTES):
        assert len({policy_name(text) for text in routes}) == len(routes)


def test_hosts_and_mounts_around_fastapi() -> None:
    stub = AsyncStub()
    app = api_app(Depends(fastapi.limit(AsyncLockWatch(stub), "5/minute")))
    around = Starlette(
        routes=[
            Host("{tenant}.example.com", app=app),
            Mount("/v{version}", routes=[Mount("/app", app=app)]),
            Mount("/", app=app),
        ]
    )
    client = TestClient(around, root_path="/proxy")
    for host, path in [
        ("a.example.com", "/items/1"),
        ("b.example.com", "/items/2"),
        ("b.example.com", "/m1/x"),
        ("other.org", "/v1/app/items/1"),
        ("other.org", "/v2/app/items/2"),
        ("other.org", "/items/1"),
    ]:
        assert client.get(f"/proxy{path}", headers={"Host": host}).status_code == 200
    host = "//{tenant}.example.com"
    assert names(stub) == [
        policy_name(text)
        for text in [
            f"GET {host}/items/{{id}}",
            f"GET {host}/items/{{id}}",
            f"GET {host}/m1/x",
            "GET /v{version}/app/items/{id}",
            "GET /v{version}/app/items/{id}",
            "GET /items/{id}",
        ]
    ]


def test_a_mount_that_hides_its_routes_needs_a_name() -> None:
    stub = AsyncStub()
    app = FastAPI()
    inner = api_app(Depends(fastapi.limit(AsyncLockWatch(stub), "5/minute")))

    async def hides(scope: Any, receive: Any, send: Any) -> None:
        await inner(scope, receive, send)

    app.mount("/hidden", hides)
    client = TestClient(app)
    assert client.get("/hidden/items").status_code == 200
    with pytest.raises(ConfigurationError, match="give the limit a name"):
        client.get("/hidden/m1/x")
    assert names(stub) == [policy_name("GET /hidden/items")]


def test_the_mount_of_a_flask_application() -> None:
    # SCRIPT_NAME may come from the client, so it makes no counter. APPLICATION_ROOT does.
    stub = Stub()
    apps: dict[str, Any] = {}
    for root in ("/v1", "/v2"):
        apps[root] = flask_app(flask.limit(LockWatch(stub), "5/minute"))
        apps[root].config["APPLICATION_ROOT"] = root
    client = Client(DispatcherMiddleware(Flask("none"), apps))
    for root in apps:
        assert client.get(f"{root}/items/1", environ_overrides={"REMOTE_ADDR": "192.0.2.1"}).status_code == 200
    bare = Client(flask_app(flask.limit(LockWatch(stub), "5/minute")))
    for name in ("/a", "/b"):
        assert (
            bare.get("/items/1", environ_overrides={"SCRIPT_NAME": name, "REMOTE_ADDR": "192.0.2.1"}).status_code == 200
        )
    texts = ["GET /v1/items/{id}", "GET /v2/items/{id}", "GET /items/{id}", "GET /items/{id}"]
    assert names(stub) == [policy_name(text) for text in texts]


def test_hosts_of_flask() -> None:
    stub = Stub()
    app = Flask(__name__, host_matching=True, static_host="static.example.com")
    for host in ("a.example.com", "<tenant>.example.org"):
        view = flask.limit(LockWatch(stub), "5/minute")(lambda **_values: "reached")
        app.add_url_rule("/x", host, view, host=host)
    client = app.test_client()
    for host in ("a.example.com", "b.example.org", "c.example.org"):
        assert client.get("/x", headers={"Host": host}).status_code == 200
    tenants = policy_name("GET //{tenant}.example.org/x")
    assert names(stub) == [policy_name("GET //a.example.com/x"), tenants, tenants]
