"""A real Redis server with the module, on a free port, for the duration of a test."""

from __future__ import annotations

import importlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, TracebackType

import redis

from ..errors import ConfigurationError

_SECONDS_TO_START = 20.0


def free_port() -> int:
    """A port on which nothing listens at present."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def missing() -> str | None:
    """Why no server with the module can be started; None if one can."""
    try:
        module_path()
        _server_path()
    except ConfigurationError as error:
        return str(error)
    return None


def module_path() -> str:
    """The path of the module, from LOCKWATCH_MODULE or else the package lockwatch-server.

    Raises ConfigurationError if there is none.
    """
    path = os.environ.get("LOCKWATCH_MODULE")
    if not path:
        if (package := _server_package()) is not None:
            return _path_of(package, "module_path")
        raise ConfigurationError(
            "LOCKWATCH_MODULE is not set: set it to the path of liblockwatch.so, "
            "or pip install 'lockwatch-server[server]'"
        )
    if not Path(path).is_file():
        raise ConfigurationError(f"LOCKWATCH_MODULE is {path!r}, and there is no such file")
    return path


def _server_path() -> str:
    """The server, from LOCKWATCH_SERVER or PATH, or from the package if that has the module."""
    if not os.environ.get("LOCKWATCH_MODULE") and (package := _server_package()) is not None:
        return _path_of(package, "server_path")
    server = os.environ.get("LOCKWATCH_SERVER", "redis-server")
    if not shutil.which(server):
        raise ConfigurationError(f"there is no {server}: install it, or set LOCKWATCH_SERVER to its path")
    return server


def _server_package() -> ModuleType | None:
    """The package lockwatch-server if it is installed."""
    try:
        return importlib.import_module("lockwatch_server")
    except ModuleNotFoundError as error:
        if error.name != "lockwatch_server":
            raise
        return None


def _path_of(package: ModuleType, function: str) -> str:
    try:
        return str(getattr(package, function)())
    except package.LockwatchServerError as error:
        raise ConfigurationError(str(error)) from None


class RedisServer:
    """A `redis-server` (or $LOCKWATCH_SERVER) in a directory of its own, without persistence.

    `with RedisServer() as server:` and then `server.url`. `arguments` are further arguments of
    redis-server. `module=None` starts it without lockwatch.
    """

    def __init__(
        self, *arguments: str, module: str | None = "", port: int | None = None, url: str | None = None
    ) -> None:
        self.port = port or free_port()
        self._module = module_path() if module == "" else module
        self._arguments: Sequence[str] = arguments
        self._directory = tempfile.mkdtemp(prefix="lockwatch-test-")
        self._process: subprocess.Popen[bytes] | None = None
        self.url = url or f"redis://127.0.0.1:{self.port}"

    @property
    def directory(self) -> Path:
        """Its working directory."""
        return Path(self._directory)

    @property
    def pid(self) -> int:
        """Its process id, for a test that stops it or makes it hang."""
        if self._process is None:
            raise RuntimeError("the server is not running")
        return self._process.pid

    def start(self) -> RedisServer:
        """Starts the server, and waits until it answers."""
        command = [_server_path(), "--port", str(self.port), "--save", ""]
        command += ["--dir", self._directory, "--logfile", "redis.log", "--bind", "127.0.0.1"]
        if self._module is not None:
            command += ["--loadmodule", self._module]
        self._process = subprocess.Popen(  # noqa: S603  # arguments of the test
            [*command, *self._arguments], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
        )
        deadline = time.monotonic() + _SECONDS_TO_START
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                log = self.directory / "redis.log"
                raise RuntimeError(f"redis-server did not start: {log.read_text() if log.exists() else command}")
            time.sleep(0.02)
        return self

    def _answers(self) -> bool:
        client = redis.Redis.from_url(self.url, socket_timeout=1, socket_connect_timeout=1)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    def kill(self) -> None:
        """Ends the server as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Ends the server, and removes its directory."""
        self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> RedisServer:
        """Starts the server."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops the server."""
        self.stop()
