"""A server that takes the place of Redis, and answers what a conformance case says."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque
from types import TracebackType
from typing import Any

Words = list[str]


class ScriptedServer:
    """A TCP server that reads RESP, records the commands, and answers from a script."""

    def __init__(self) -> None:
        self.script: deque[Any] = deque()
        self.audit_reply: Any = None
        self.sent: list[tuple[Words, tuple[int, int]]] = []
        """The commands of round trips, each with its connection and the number of the read."""
        self.audited: list[Words] = []
        self.corrected: list[Words] = []
        """The commands that correct a limit, or tell a guard something, after a response."""
        self.corrections: deque[Any] = deque()
        """The replies to these."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> ScriptedServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.refuse()

    def refuse(self) -> None:
        """Stops listening, and closes every connection."""
        for each in (self._listener, *self._connections):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection, len(self._connections)), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        pending, reads = b"", 0
        try:
            while chunk := connection.recv(1 << 16):
                pending, reads = pending + chunk, reads + 1
                commands, pending = _commands(pending)
                out = b""
                for words in commands:
                    reply = self._reply(words, (number, reads))
                    if isinstance(reply, dict) and "failure" in reply:
                        connection.sendall(out)
                        for unanswered in commands[commands.index(words) + 1 :]:
                            self._reply(unanswered, (number, reads))
                        _fall_silent(connection, reply["failure"])
                        return
                    out += _encoded(reply)
                connection.sendall(out)
        except OSError:
            pass

    def _reply(self, words: Words, where: tuple[int, int]) -> Any:
        if not words[0].startswith("LW."):
            return {"status": "OK"}
        if words[0] == "LW.AUDIT":
            self.audited.append(words)
            return self.audit_reply
        if words[0] in ("LW.REFUND", "LW.EVENT") or words[-1] == "FORCE":
            self.corrected.append(words)
            return self.corrections.popleft() if self.corrections else {"error": "ERR this was not in the script"}
        self.sent.append((words, where))
        return self.script.popleft() if self.script else {"error": "ERR this was not in the script"}


def _fall_silent(connection: socket.socket, failure: str) -> None:
    if failure == "closed":
        connection.shutdown(socket.SHUT_RDWR)
        connection.close()
        return
    while connection.recv(1 << 16):
        pass


def _commands(data: bytes) -> tuple[list[Words], bytes]:
    """The whole commands at the beginning of the data, and the rest."""
    commands: list[Words] = []
    while data:
        words: Words = []
        line, found, rest = data.partition(b"\r\n")
        if not found:
            break
        for _ in range(int(line[1:])):
            size, found, rest = rest.partition(b"\r\n")
            length = int(size[1:] or b"0") if found else 0
            if not found or len(rest) < length + 2:
                return commands, data
            words.append(rest[:length].decode("utf-8", "surrogateescape"))
            rest = rest[length + 2 :]
        commands.append(words)
        data = rest
    return commands, data


def _encoded(reply: Any) -> bytes:
    if reply is None:
        return b"$-1\r\n"
    if isinstance(reply, list):
        return b"*%d\r\n" % len(reply) + b"".join(map(_encoded, reply))
    if isinstance(reply, int):
        return b":%d\r\n" % reply
    if isinstance(reply, str):
        return b"$%d\r\n%s\r\n" % (len(reply.encode()), reply.encode())
    [(kind, value)] = reply.items()
    if kind == "map":
        return _encoded([each for pair in value for each in pair])
    return f"{'-' if kind == 'error' else '+'}{value}\r\n".encode()
