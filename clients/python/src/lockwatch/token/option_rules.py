"""The rules for the options of `jwt_required`, of the token routes and of their cookie."""

from __future__ import annotations

from typing import Any

from ..aio import AsyncLockWatch
from ..client import LockWatch
from ..duration import milliseconds
from ..guard_core import GuardCore
from ..rules import DURATION, Rule, Rules, expect, function, required, synchronous, text, texts
from .cookie import CookieOptions


def _store(arguments: int, example: str) -> Rule:
    finder = function(arguments, "")

    def parse(value: Any) -> Any:  # noqa: ANN401
        if isinstance(value, (str, bytes)):
            expect(value)
            return value
        return finder.parse(value)

    return Rule(f"the key of a token store, like 'auth', or a function that finds it: {example}", parse, required=True)


def _lifetime(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, bool) or value != 0:
        milliseconds(value)
    return value


def _cookie(value: Any) -> Any:  # noqa: ANN401
    expect(isinstance(value, CookieOptions))
    return value


def _bearer(store: Rule) -> Rules:
    return {
        "store": store,
        "scopes": texts(lambda scope: expect(scope and " " not in scope), "texts without spaces, like 'orders:read'"),
        "audience": text(r".+", "a text, like 'https://api.example'"),
        # In a quoted string of a header.
        "realm": required(text(r'[^"\\\x00-\x1f]+', "a text without quotes and backslashes, like 'api'")),
    }


def _guard(kind: type[LockWatch] | type[AsyncLockWatch]) -> Rule:
    def parse(value: Any) -> Any:  # noqa: ANN401
        # The classes of guards are those of the frameworks, which this module does not import.
        core = getattr(value, "core", None)
        expect(isinstance(core, GuardCore) and isinstance(core.lockwatch, kind))
        return value

    return Rule("a Guard of the same framework: Guard(lw, 'login', challenge='deny')", parse)


def _routes(store: Rule, authenticate: Rule, meta: Rule) -> Rules:
    lifetime = Rule("seconds, a timedelta or a text like '15m', '30d'", _lifetime)
    return {
        "store": store,
        "authenticate": required(authenticate),
        "prefix": required(text(r"(/[!-~]*[!-.0-~])?", "a path like '/auth', or '' for none")),
        "access_ttl": DURATION,
        "refresh_ttl": lifetime,
        "meta": meta,
        "cookie": Rule("CookieOptions(['https://app.example'])", _cookie),
    }


_ASYNC_STORE = _store(1, "lambda request: request.headers['x-tenant']")
_STORE = _store(0, "lambda: g.tenant")
_AUTHENTICATE = "returns a subject, a Login or None"

_META = "returns what is kept with the session"
_NAME = "returns the name that the login was tried with"

_TOKEN_URL = text(r"\S+", "the path of the login, like '/auth/login'")
ASYNC_BEARER = {**_bearer(_ASYNC_STORE), "token_url": _TOKEN_URL}
BEARER = _bearer(_STORE)
ASYNC_ROUTES = {
    **_routes(
        _ASYNC_STORE,
        function(1, f"a function of the request that {_AUTHENTICATE}"),
        function(1, f"a function of the request that {_META}"),
    ),
    "guard": _guard(AsyncLockWatch),
    "login_name": function(1, f"a function of the request that {_NAME}"),
}
ROUTES = {
    **_routes(
        _STORE,
        synchronous(function(0, f"a function without arguments that {_AUTHENTICATE}")),
        synchronous(function(0, f"a function without arguments that {_META}")),
    ),
    "guard": _guard(LockWatch),
    "login_name": synchronous(function(0, f"a function without arguments that {_NAME}")),
}
