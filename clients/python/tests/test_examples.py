"""The examples, served by the commands that they show."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from lockwatch import LockWatch
from lockwatch.testing import RedisServer
from lockwatch.testing.server import free_port
from support.waiting import wait_for

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = {
    "fastapi": ["uvicorn", "--no-proxy-headers", "--port", "{port}", "fastapi_app:app"],
    "flask": ["gunicorn", "--workers", "2", "--threads", "4", "--bind", "127.0.0.1:{port}", "flask_app:app"],
}


@pytest.fixture(params=COMMANDS)
def http(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    port = free_port()
    command = [word.format(port=port) for word in COMMANDS[request.param]]
    with RedisServer() as server, LockWatch(server.url, connect_timeout=5) as lockwatch:
        lockwatch.issue("auth", "nobody")
        environment = {**os.environ, "REDIS_URL": server.url}
        process = subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT / "examples", env=environment)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
                wait_for("the example", lambda: answers(client), 60)
                yield client
        finally:
            process.terminate()
            process.wait(15)


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health").status_code == 200
    except httpx.TransportError:
        return False


def test_an_example(http: httpx.Client) -> None:
    assert http.get("/items").headers["ratelimit-policy"] == '"default-60s";q=100;w=60, "default-3600s";q=2000;w=3600'
    assert http.get("/export/items").headers["x-ratelimit-remaining"] == "79"
    assert http.get("/orders").status_code == 401
    login = http.post("/auth/login", json={"user": "alice", "password": "wonderland"})
    bearer = {"Authorization": f"Bearer {login.json()['access_token']}"}
    assert http.get("/orders", headers=bearer).json() == {"orders of": "alice"}
    placed = [http.post("/orders", headers=bearer).status_code for _ in range(11)]
    assert placed == [200] * 10 + [429]
    guesses = [http.post("/auth/login", json={"user": "alice", "password": "?"}).status_code for _ in range(5)]
    assert guesses == [401] * 4 + [429]
