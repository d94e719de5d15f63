"""Tokens over HTTP, as RFC 6750 and RFC 6749 have them: what the FastAPI and the Flask side share.

Nothing here fails open. What Redis can't answer is a 503 with `Retry-After`: not a 401, which would sign people out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, TypeAlias
from urllib.parse import parse_qs

from .commands import Key
from .errors import ConfigurationError, LockWatchError, RedisAway, TokenError, TokenExpired
from .middleware.answers import Answer, away
from .middleware.complaints import Complaints
from .tokens import Claims, TokenPair

COOKIE = "lw_refresh"
LONGEST_BODY = 16_384
_SCOPE_CLAIMS = ("scope", "scopes", "scp")
# Seconds between two complaints about the same.
_INTERVAL = 10.0
_NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class Login:
    """What `authenticate` says of someone whom it knows; a subject alone may be a text."""

    subject: str
    claims: Mapping[str, Any] | None = None
    audience: str | None = None
    meta: Any = None


# A store's key, or a function that finds it: of the request in FastAPI, of nothing in Flask.
StoreLike: TypeAlias = Key | Callable[..., Key]


def bearer(authorization: str | None) -> str | None:
    """The token of an Authorization header, or None if it holds none."""
    scheme, _, token = (authorization or "").strip().partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and token and " " not in token else None


def scopes_of(claims: Claims) -> frozenset[str]:
    """The scopes that the claims grant, under whichever of their usual names."""
    return frozenset().union(*(claims.scopes(name) for name in _SCOPE_CLAIMS))


class Challenge:
    """The refusals of a protected route."""

    def __init__(self, realm: str, scopes: Collection[str]) -> None:
        if '"' in realm or "\\" in realm:
            raise ConfigurationError(f"the realm {realm!r} has a quote or a backslash")
        self._realm = f'Bearer realm="{realm}"'
        self.scopes = frozenset(scopes)
        # RFC 6750 has them in one quoted text.
        self._scope = " ".join(scopes)
        self._complaints = Complaints(_INTERVAL)

    def no_token(self) -> Answer:
        """401 without an error code: nothing was presented, so nothing was wrong with it."""
        return _json(401, {"error": "unauthorized"}, {"WWW-Authenticate": self._realm})

    def not_verified(self, error: LockWatchError) -> Answer:
        """401 for a bad token, 503 for any other error."""
        if not isinstance(error, TokenError):
            return _complained(self._complaints, error)
        why = "the token has expired" if isinstance(error, TokenExpired) else "the token is not valid"
        return _json(
            401,
            {"error": "invalid_token"},
            {"WWW-Authenticate": f'{self._realm}, error="invalid_token", error_description="{why}"'},
        )

    def missing_scope(self, claims: Claims) -> Answer | None:
        """403 if the token is good and not good enough."""
        if self.scopes <= scopes_of(claims):
            return None
        wanted = f'error="insufficient_scope", scope="{self._scope}"'
        return _json(403, {"error": "insufficient_scope"}, {"WWW-Authenticate": f"{self._realm}, {wanted}"})


class TokenRoutes:
    """The responses of login, refresh and logout."""

    def __init__(self, path: str, *, cookie: bool, origins: Collection[str]) -> None:
        if cookie and not origins:
            raise ConfigurationError("cookie mode needs origins=: a cookie alone does not say who sent the request")
        self.cookie = cookie
        self._path = path or "/"
        self._origins = frozenset(origins)
        self._complaints = Complaints(_INTERVAL)

    def foreign(self, origin: str | None) -> Answer | None:
        """403 for a page of another site that makes its visitor's browser send the cookie."""
        if not self.cookie or origin in self._origins:
            return None
        return _json(403, {"error": "origin_not_allowed"}, _NO_STORE)

    def unknown(self) -> Answer:
        """Nobody whom `authenticate` knows."""
        return _json(401, {"error": "invalid_credentials"}, _NO_STORE)

    def issued(self, pair: TokenPair) -> Answer:
        """A fresh pair."""
        now = datetime.now(timezone.utc)
        body: dict[str, Any] = {
            "access_token": pair.access_token,
            "token_type": "Bearer",
            "expires_in": max(0, round((pair.access_expires_at - now).total_seconds())),
        }
        headers = dict(_NO_STORE)
        if pair.refresh_token is not None and self.cookie:
            lifetime = (pair.refresh_expires_at - now).total_seconds() if pair.refresh_expires_at else 0
            headers["Set-Cookie"] = self._set_cookie(pair.refresh_token, max(0, round(lifetime)))
        elif pair.refresh_token is not None:
            body["refresh_token"] = pair.refresh_token
        return _json(200, body, headers)

    def not_rotated(self, error: LockWatchError | None) -> Answer:
        """One and the same 401, whatever is wrong with a refresh token or if there is none; else 503."""
        if error is not None and not isinstance(error, TokenError):
            return self.away(error)
        return _json(401, {"error": "invalid_grant"}, {**_NO_STORE, "WWW-Authenticate": "Bearer"})

    def away(self, error: LockWatchError) -> Answer:
        """503: try again. The cookie stays."""
        answer = _complained(self._complaints, error)
        return Answer(answer.status, answer.body, {**answer.headers, **_NO_STORE})

    def gone(self) -> Answer:
        """Signed out, now or before."""
        headers = dict(_NO_STORE)
        if self.cookie:
            headers["Set-Cookie"] = self._set_cookie("", 0)
        return Answer(204, b"", headers)

    def not_ended(self) -> Answer:
        """401: an access token was all that was presented, and it ended nothing."""
        return _json(401, {"error": "invalid_token"}, {**_NO_STORE, "WWW-Authenticate": 'Bearer error="invalid_token"'})

    def _set_cookie(self, value: str, max_age: int) -> str:
        return f"{COOKIE}={value}; Max-Age={max_age}; Path={self._path}; HttpOnly; Secure; SameSite=Strict"


def _complained(complaints: Complaints, error: LockWatchError) -> Answer:
    reason = error.reason if isinstance(error, RedisAway) else error.code
    complaints.about(reason, f"requests with tokens are answered 503: {error}")
    return away()


def login_of(known: Login | str) -> Login:
    """What `authenticate` returned, as a Login."""
    return Login(known) if isinstance(known, str) else known


def refresh_token_in(content_type: str | None, body: bytes) -> str | None:
    """The refresh token of a request's body, JSON or a form; None if it has none."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    try:
        if kind == "application/x-www-form-urlencoded":
            token: Any = parse_qs(body.decode()).get("refresh_token", [None])[0]
        else:
            document = json.loads(body)
            token = document.get("refresh_token") if isinstance(document, dict) else None
    except (ValueError, RecursionError):
        return None
    return token if isinstance(token, str) and token else None


def jwks_answer(keys: Mapping[str, Any], if_none_match: str | None) -> Answer:
    """The public keys, to be kept for five minutes: shorter than a change of keys should take."""
    body = json.dumps(keys, separators=(",", ":"))
    tag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    headers = {"Cache-Control": "public, max-age=300", "ETag": tag}
    known = [each.strip().removeprefix("W/") for each in (if_none_match or "").split(",")]
    if tag in known or "*" in known:
        return Answer(304, b"", headers)
    return Answer(200, body, {"Content-Type": "application/jwk-set+json", **headers})


def _json(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
    return Answer(status, json.dumps(body, separators=(",", ":")), {"Content-Type": "application/json", **headers})
