"""Calls of the client's methods, as the section `calls` of the shared file describes them."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import lockwatch
from lockwatch import AsyncLockWatch, LockWatch

from .scripted import ScriptedServer, Words

# What redis-py sends to open a connection.
HANDSHAKE = frozenset({"HELLO", "AUTH", "CLIENT", "SELECT", "INFO", "PING", "COMMAND"})
# Sent first, on the connection of the commands that are not slow.
PEEK = ["LW.PEEK", "first", "1", "1"]
TIMES = frozenset({"time", "since", "until"})
KINDS: dict[str, type[lockwatch.LockWatchError]] = {
    "argument": lockwatch.ConfigurationError,
    "command": lockwatch.CommandError,
    "unavailable": lockwatch.UnavailableError,
    "module_missing": lockwatch.ModuleMissingError,
    "full": lockwatch.FullError,
    "no_policy": lockwatch.NoPolicyError,
    "no_rule": lockwatch.NoRuleError,
    "no_key": lockwatch.NoKeyError,
    "conflict": lockwatch.ConflictError,
    "token_invalid": lockwatch.TokenInvalidError,
    "token_expired": lockwatch.TokenExpiredError,
    "token_revoked": lockwatch.TokenRevokedError,
    "token_reused": lockwatch.TokenReusedError,
}


class CallServer(ScriptedServer):
    """Answers the commands of a case, and keeps the connection on which each came."""

    def _reply(self, words: Words, where: tuple[int, int]) -> Any:
        if words[0] in HANDSHAKE:
            return {"status": "OK"}
        self.sent.append((words, where))
        if words == PEEK:
            return [0, 1, 1, 0, 0]
        return self.script.popleft() if self.script else {"error": "ERR this was not in the script"}


def exchanges(case: dict[str, Any]) -> list[dict[str, Any]]:
    """The commands of a case, with their replies."""
    if "exchanges" in case:
        return list(case["exchanges"])
    return [] if case.get("command") is None else [{"command": case["command"], "reply": case["reply"]}]


def arguments(case: dict[str, Any]) -> dict[str, Any]:
    """The keyword arguments of a case's call."""
    return {name: _moment(value) if name in TIMES else value for name, value in case["args"].items()}


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(0, timezone.utc) + timedelta(milliseconds=ms)


def call(case: dict[str, Any], url: str) -> Any:
    """The result of a call, or its error."""
    with LockWatch(url, **_timeouts(case)) as lw:
        lw.peek(PEEK[1], (1, 1))
        try:
            return getattr(lw, case["method"])(**arguments(case))
        except lockwatch.LockWatchError as error:
            return error


def call_async(case: dict[str, Any], url: str) -> Any:
    """`call` with the asynchronous client."""

    async def run() -> Any:
        async with AsyncLockWatch(url, **_timeouts(case)) as lw:
            await lw.peek(PEEK[1], (1, 1))
            try:
                return await getattr(lw, case["method"])(**arguments(case))
            except lockwatch.LockWatchError as error:
                return error

    return asyncio.run(run())


def _timeouts(case: dict[str, Any]) -> dict[str, Any]:
    # On a busy machine an expected answer must not become a timeout.
    expected = '"timeout"' in json.dumps(case.get("reply"))
    return {"connect_timeout": 10, "command_timeout": 0.2 if expected else 10}


class Mapped:
    """A connection whose library decodes maps of RESP3."""

    def __init__(self, case: dict[str, Any]) -> None:
        self._replies = [exchange["reply"] for exchange in exchanges(case)]
        self.sent: list[Words] = []

    def send(self, commands: Sequence[Any]) -> list[Any]:
        self.sent += [
            [word if isinstance(word, str) else word.decode() for word in command.args] for command in commands
        ]
        return [_decoded(self._replies.pop(0)) for _ in commands]

    def close(self) -> None:
        pass


def _decoded(reply: Any) -> Any:
    if isinstance(reply, str):
        return reply.encode()
    if isinstance(reply, list):
        return [_decoded(each) for each in reply]
    if isinstance(reply, dict):
        return {name.encode(): _decoded(value) for name, value in reply["map"]}
    return reply


def check(expected: Any, found: Any) -> None:
    """Compares a result with what a case expects: the named attributes, or all of a list."""
    if isinstance(expected, dict):
        for name, value in expected.items():
            check(value, found[name] if isinstance(found, Mapping) and name in found else getattr(found, name))
    elif isinstance(expected, list):
        assert len(found) == len(expected), found
        for one, other in zip(expected, found, strict=True):
            check(one, other)
    else:
        assert _plain(found) == expected, found
        assert isinstance(_plain(found), bool) == isinstance(expected, bool), found


def _plain(found: Any) -> Any:
    if isinstance(found, datetime):
        return round(found.timestamp() * 1000)
    if dataclasses.is_dataclass(found):
        raise AssertionError(f"{found!r} is no plain value")
    return "never" if found == math.inf else found


def check_error(expected: dict[str, Any], found: Any) -> None:
    """Compares an error with the one that a case expects."""
    assert type(found) is KINDS[expected["kind"]], found
    if "code" in expected:
        assert found.code == expected["code"]
    assert expected.get("message_has", "") in str(found)


def without_id(words: Words) -> Words:
    """A command with a placeholder for the id that the client has made up."""
    made_up = words[0] == "LW.ACQUIRE" and re.fullmatch("[0-9a-f]{32}", words[5])
    return [*words[:5], "<lease id>", *words[6:]] if made_up else words
