"""The rules for the options of the guards."""

from __future__ import annotations

import inspect
from typing import Any

from .device import DeviceCookie
from .errors import ConfigurationError
from .rules import BOOLEAN, Rule, Rules, expect, function, one_of, or_function, required, synchronous

_MIN_KEY_BYTES = 16


def _key(value: Any) -> Any:  # noqa: ANN401
    expect(isinstance(value, (str, bytes)) and value)
    return value


def _digest_key(value: Any) -> bytes:  # noqa: ANN401
    key = value.encode() if isinstance(value, str) else value
    expect(isinstance(key, bytes) and len(key) >= _MIN_KEY_BYTES)
    return bytes(key)


def _cookie(value: Any) -> DeviceCookie:  # noqa: ANN401
    expect(isinstance(value, DeviceCookie))
    return value  # type: ignore[no-any-return]  # checked above


def _immediate(rule: Rule) -> Rule:
    """A rule for a function that is called without `await` in every framework."""

    def parse(value: Any) -> Any:  # noqa: ANN401
        if inspect.iscoroutinefunction(value):
            raise ConfigurationError("it is called without await, and can't be asynchronous")
        return rule.parse(value)

    return Rule(rule.expected, parse, rule.required)


KEY = Rule("the key of a guard, like 'login' or 'login:{tenant7}'", _key, required=True)
CHALLENGE = one_of("deny", "allow")

_GUARD: Rules = {
    "on_redis_failure": one_of("deny", "allow"),
    "normalize": BOOLEAN,
    "password_digest_key": Rule("16 random bytes or more, the same in every process", _digest_key, secret=True),
    "device_cookie": Rule("DeviceCookie(), or None for no device", _cookie),
}


def _challenge(arguments: int, example: str) -> Rule:
    return required(or_function(CHALLENGE, function(arguments, f"a function {example}")))


def _found_key(arguments: int, example: str) -> Rule:
    return required(or_function(KEY, _immediate(function(arguments, f"a function that finds it: {example}"))))


_OF_RESULT = "of the result that returns whether the client has passed a challenge"
_OF_REQUEST = "of the request and the result that returns whether the client has passed a challenge"
ASYNC_GUARD: Rules = {**_GUARD, "key": KEY, "challenge": _challenge(1, _OF_RESULT)}
GUARD: Rules = {**ASYNC_GUARD, "challenge": synchronous(_challenge(1, _OF_RESULT))}
FASTAPI_GUARD: Rules = {
    **_GUARD,
    "key": _found_key(1, "lambda request: f'login:{{{request.headers[\"x-tenant\"]}}}'"),
    "challenge": _challenge(2, _OF_REQUEST),
}
FLASK_GUARD: Rules = {
    **_GUARD,
    "key": _found_key(0, "lambda: f'login:{{{g.tenant}}}'"),
    "challenge": synchronous(_challenge(1, _OF_RESULT)),
}
