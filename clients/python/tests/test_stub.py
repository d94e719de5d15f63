"""What applications test with: stubs, and fixtures."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import redis
from fastapi import Depends, FastAPI, Request
from fastapi.testclient import TestClient
from flask import Flask
from flask import g as flask_g

from lockwatch import Claims, LockWatch, LockWatchMiddleware, LockWatchWSGIMiddleware, Login, fastapi, flask
from lockwatch.aio import AsyncLockWatch
from lockwatch.testing import AsyncStub, Stub
from lockwatch.testing.server import RedisServer, missing


def test_a_stub_has_tokens_for_a_whole_login_in_fastapi() -> None:
    lw = AsyncLockWatch(AsyncStub())

    async def authenticate(request: Request) -> Login:
        return Login(str((await request.json())["user"]), claims={"scope": "orders:read"})

    app = FastAPI()
    fastapi.install(app)
    app.include_router(fastapi.token_router(lw, "auth", authenticate=authenticate))
    app.include_router(fastapi.jwks_router(lw))
    depends = Depends(fastapi.jwt_required(lw, "auth", "orders:read"))

    @app.get("/orders")
    async def orders(claims: Claims = depends) -> str:
        return claims.sub

    http = TestClient(app)
    whole_login(http, lambda response: response.json())


def test_a_stub_has_tokens_for_a_whole_login_in_flask() -> None:
    lw = LockWatch(Stub())
    app = Flask(__name__)
    app.register_blueprint(
        flask.token_blueprint(lw, "auth", authenticate=lambda: Login("alice", claims={"scope": "orders:read"}))
    )
    app.register_blueprint(flask.jwks_blueprint(lw))

    @app.get("/orders")
    @flask.jwt_required(lw, "auth", "orders:read")
    def orders() -> Any:
        return app.json.response(flask_g.claims.sub)

    whole_login(app.test_client(), lambda response: response.get_json())


def whole_login(http: Any, json_of: Any) -> None:
    login = json_of(http.post("/auth/login", json={"user": "alice"}))
    assert login["expires_in"] > 800

    def orders(tokens: Any) -> Any:
        return json_of(http.get("/orders", headers={"Authorization": f"Bearer {tokens['access_token']}"}))

    assert orders(login) == "alice"
    refreshed = json_of(http.post("/auth/refresh", json={"refresh_token": login["refresh_token"]}))
    assert orders(refreshed) == "alice"
    assert refreshed["refresh_token"] != login["refresh_token"]
    assert http.post("/auth/logout", json={"refresh_token": refreshed["refresh_token"]}).status_code == 204
    assert json_of(http.get("/.well-known/jwks.json")) == {"keys": []}


def test_a_stub_answers_every_method() -> None:
    lw = LockWatch(Stub())
    issued = lw.issue("auth", "alice", audience="web", refresh_ttl=0)
    assert issued.refresh_token is None
    claims = lw.verify("auth", issued.access_token)
    assert (claims.sub, claims.all["aud"], claims.all["exp"] - claims.all["iat"]) == ("alice", "web", 900)
    assert lw.verify("auth", "no token of the stub").sub == "stub"
    assert lw.introspect("auth", issued.access_token)
    assert lw.rotate("auth", "no token of the stub").refresh_token
    several = lw.issue("auth", "alice", audience=["web", "admin"], claims={"role": "user"})
    rotated = lw.rotate("auth", several.refresh_token or "", claims={"plan": "pro"})
    claims = lw.verify("auth", rotated.access_token)
    assert (claims.sub, claims["aud"], claims["plan"], claims.get("role")) == ("alice", ["web", "admin"], "pro", None)
    assert lw.set_claims("auth", {"role": "admin"}, subject="alice") == 1
    assert not [*lw.sessions("auth", "alice"), *lw.audit_log()]
    assert all((lw.attempt("login", user="a"), lw.event("login", "success", user="a"), lw.check("login", user="a")))
    assert (lw.bans("login"), lw.rules(), lw.why("login", user="a").verdict) == ([], [], "allow")
    assert (lw.revoke("auth", session="x"), lw.revoke_all("auth"), lw.jwks()) == (1, 1, {"keys": []})


def test_a_stub_can_be_away_and_come_back() -> None:
    stub, asynchronous = Stub(), AsyncStub()
    app = Flask(__name__)
    app.get("/")(lambda: "reached")
    app.wsgi_app = LockWatchWSGIMiddleware(app.wsgi_app, redis=stub, on_redis_failure="deny")  # type: ignore[method-assign]
    api = FastAPI()
    api.get("/")(lambda: "reached")
    api.add_middleware(LockWatchMiddleware, redis=asynchronous, on_redis_failure="deny")

    def statuses() -> list[int]:
        return [app.test_client().get("/").status_code, TestClient(api).get("/").status_code]

    for each in (stub, asynchronous):
        each.unavailable()
    assert statuses() == [503, 503]
    for each in (stub, asynchronous):
        each.available()
    assert statuses() == [200, 200]
    stub.unavailable("TIMEOUT")
    asynchronous.unavailable("TIMEOUT")
    assert statuses() == [503, 503]


@pytest.mark.parametrize(
    ("module", "reason"), [(None, "LOCKWATCH_MODULE is not set"), ("/none.so", "there is no such file")]
)
def test_without_the_module_the_fixture_skips(tmp_path: Path, module: str | None, reason: str) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(lockwatch_redis):\n    assert lockwatch_redis.url\n")
    environment = {name: value for name, value in os.environ.items() if name != "LOCKWATCH_MODULE"}
    if module is not None:
        environment["LOCKWATCH_MODULE"] = module
    command = [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "1 skipped" in done.stdout
    assert reason in done.stdout
    assert done.returncode == 0


def test_without_the_module_no_test_of_this_suite_is_skipped() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "LOCKWATCH_MODULE"}
    test = f"{Path(__file__).parent}/test_client.py::test_the_fixture_starts_a_real_server"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", test]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "1 error" in done.stdout
    assert "LOCKWATCH_MODULE is not set" in done.stdout
    assert done.returncode == 1


def test_without_a_named_module_the_fixture_takes_that_of_the_server_package(monkeypatch: pytest.MonkeyPatch) -> None:
    package = ModuleType("lockwatch_server")
    error = type("LockwatchServerError", (Exception,), {})
    module = os.environ["LOCKWATCH_MODULE"]
    vars(package).update(
        module_path=lambda: module, server_path=lambda: shutil.which("redis-server"), LockwatchServerError=error
    )
    monkeypatch.setitem(sys.modules, "lockwatch_server", package)
    monkeypatch.setenv("LOCKWATCH_SERVER", "/none/redis-server")
    # The package decides about LOCKWATCH_SERVER itself.
    monkeypatch.delenv("LOCKWATCH_MODULE")
    assert missing() is None
    with RedisServer() as server:
        client = redis.Redis.from_url(server.url)
        assert client.execute_command("LW.PEEK", "user:1", 10, 60)
        client.close()

    def no_server() -> str:
        raise error("there is no redis-server on PATH")

    vars(package)["server_path"] = no_server
    assert missing() == "there is no redis-server on PATH"
    # A named module is loaded into the server that is named, or on PATH.
    monkeypatch.setenv("LOCKWATCH_MODULE", module)
    assert missing() == "there is no /none/redis-server: install it, or set LOCKWATCH_SERVER to its path"
    monkeypatch.delenv("LOCKWATCH_SERVER")
    assert missing() is None
    monkeypatch.setenv("LOCKWATCH_MODULE", "/none.so")
    assert missing() == "LOCKWATCH_MODULE is '/none.so', and there is no such file"


def test_a_server_package_that_cannot_be_imported_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "lockwatch_server.py").write_text("import a_part_that_is_missing\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("LOCKWATCH_MODULE")
    with pytest.raises(ModuleNotFoundError, match="a_part_that_is_missing"):
        missing()
