"""What the token commands answer. No token is ever part of a repr, so that none ends in a log by accident."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .results import moment


@dataclass(frozen=True, slots=True)
class TokenPair:
    """The answer of LW.ISSUE and LW.ROTATE."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    """None if an access token alone was asked for."""
    access_expires_at: datetime
    refresh_expires_at: datetime | None
    session_id: str


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of an access token that LW.VERIFY found good."""

    subject: str
    session_id: str
    token_id: str
    expires_at: datetime
    all: Mapping[str, Any] = field(repr=False)
    """Every claim, the caller's own included, as JSON has them."""

    @classmethod
    def of(cls, claims: Mapping[str, Any]) -> Claims:
        """Reads the claims' JSON object."""
        return cls(claims["sub"], claims["sid"], claims["jti"], moment(int(claims["exp"] * 1000)), claims)

    def scopes(self, claim: str = "scope") -> frozenset[str]:
        """The scopes: words of a text (RFC 9068), or the members of a list."""
        value = self.all.get(claim, "")
        words = value.split() if isinstance(value, str) else value
        return frozenset(word for word in words if isinstance(word, str)) if isinstance(words, list) else frozenset()


@dataclass(frozen=True, slots=True)
class Introspection:
    """The answer of LW.INTROSPECT (RFC 7662). True if the token is active."""

    active: bool
    all: Mapping[str, Any] = field(repr=False)

    def __bool__(self) -> bool:
        """Whether the token is active."""
        return self.active


@dataclass(frozen=True, slots=True)
class Session:
    """A record of LW.SESSIONS: one sign-in of a subject."""

    id: str
    created_at: datetime
    rotated_at: datetime
    expires_at: datetime
    generation: int
    meta: Any
