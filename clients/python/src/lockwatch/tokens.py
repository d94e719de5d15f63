"""The token commands.

LW.ISSUE, LW.ROTATE, LW.CLAIMS, LW.VERIFY, LW.INTROSPECT, LW.REVOKE, LW.REVOKEALL, LW.SESSIONS,
LW.JWKS.

No repr contains a token, so that no log does by accident.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .duration import Duration, argument
from .errors import ConfigurationError
from .redis.connection import Arg, Command, Key
from .redis.records import (
    integer,
    json_argument,
    json_object,
    name_argument,
    option,
    optional_text,
    records,
    subject_argument,
    text,
    timestamp,
)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a new session, or of a rotation."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    """None if only an access token was requested."""
    access_expires_at: datetime
    refresh_expires_at: datetime | None
    session_id: str


@dataclass(frozen=True, slots=True)
class Claims(Mapping[str, Any]):
    """The claims of a verified access token.

    `claims["plan"]` is a claim of the application.
    """

    sub: str
    sid: str
    jti: str
    exp: int
    all: Mapping[str, Any] = field(repr=False)
    """Every claim, including those that the application passed to `issue`."""

    def __getitem__(self, claim: str) -> Any:  # noqa: ANN401  # any JSON
        """The value of a claim."""
        return self.all[claim]

    def __iter__(self) -> Iterator[str]:
        """The names of the claims."""
        return iter(self.all)

    def __len__(self) -> int:
        """The number of claims."""
        return len(self.all)

    @property
    def expires_at(self) -> datetime:
        """`exp` as a datetime in UTC."""
        return timestamp(self.exp * 1000)

    def scopes(self, claim: str = "scope") -> frozenset[str]:
        """The scopes of a claim: the words of a text (RFC 8693), or the members of a list."""
        value = self.all.get(claim, "")
        words = value.split() if isinstance(value, str) else value
        return frozenset(word for word in words if isinstance(word, str)) if isinstance(words, list) else frozenset()


@dataclass(frozen=True, slots=True)
class Introspection:
    """What RFC 7662 reports of a token. True if the token is active."""

    active: bool
    all: Mapping[str, Any] = field(repr=False)

    def __bool__(self) -> bool:
        """Whether the token is active."""
        return self.active


@dataclass(frozen=True, slots=True)
class Session:
    """One login of a subject."""

    session_id: str
    created_at: datetime
    rotated_at: datetime
    expires_at: datetime
    generation: int
    meta: Any


def issue(
    store: Key,
    subject: Arg | int,
    *,
    claims: Mapping[str, Any] | None = None,
    audience: str | Sequence[str] | None = None,
    access_ttl: Duration | None = None,
    refresh_ttl: Duration | None = None,
    meta: Any = None,  # noqa: ANN401  # anything that JSON can express
) -> Command[Tokens]:
    """Opens a session in the token store at the key `store`.

    A `refresh_ttl` of 0 gives an access token alone. `audience` is one name or a list of up to
    eight.
    """
    args = (
        *("LW.ISSUE", store, subject_argument(subject)),
        *option("CLAIMS", json_argument(claims)),
        *_audience_options(audience),
        *option("ACCESSTTL", _ttl_argument(access_ttl)),
        *option("REFRESHTTL", _ttl_argument(refresh_ttl)),
        *option("META", json_argument(meta)),
    )
    return Command(args, _read_tokens, store, slow=True)


def rotate(
    store: Key,
    refresh_token: str,
    *,
    claims: Mapping[str, Any] | None = None,
    meta: Any = None,  # noqa: ANN401
) -> Command[Tokens]:
    """Exchanges a refresh token for the next tokens.

    `claims` replace those of the session. Raises TokenReusedError if the token was used before, and
    ConflictError if it was rotated a moment ago with other claims.
    """
    args = (
        *("LW.ROTATE", store, refresh_token),
        *option("CLAIMS", json_argument(claims)),
        *option("META", json_argument(meta)),
    )
    return Command(args, _read_tokens, store, slow=True)


def set_claims(
    store: Key,
    claims: Mapping[str, Any],
    *,
    session: str | None = None,
    subject: Arg | int | None = None,
) -> Command[int]:
    """Sets the claims that access tokens have from the next rotation on.

    Of a session, or of all sessions of a subject. Returns how many sessions this changed.
    """
    if (session is None) == (subject is None):
        raise ConfigurationError("set_claims takes one of session=, subject=")
    what = (*option("SESSION", session), *option("SUBJECT", name_argument(subject)))
    text_of_claims = json.dumps(dict(claims), separators=(",", ":"), ensure_ascii=False)
    return Command(("LW.CLAIMS", store, *what, text_of_claims), integer, store, slow=True)


def verify(store: Key, access_token: str, *, audience: str | None = None) -> Command[Claims]:
    """The claims of an access token. Raises TokenError for one that is not accepted."""
    return Command(("LW.VERIFY", store, access_token, *option("AUDIENCE", audience)), read_claims, store)


def introspect(store: Key, token: str) -> Command[Introspection]:
    """What RFC 7662 reports of a token. A token that is not accepted is inactive, and no error."""
    return Command(("LW.INTROSPECT", store, token), _read_introspection, store)


def revoke(
    store: Key,
    *,
    token: str | None = None,
    session: str | None = None,
    subject: Arg | int | None = None,
    keep: str | None = None,
) -> Command[int]:
    """Ends a token, a session, or a subject's sessions except the one to `keep`.

    Returns how many ended.
    """
    if sum(choice is not None for choice in (token, session, subject)) != 1:
        raise ConfigurationError("revoke takes one of token=, session=, subject=")
    if keep is not None and subject is None:
        raise ConfigurationError("revoke takes keep= with subject= only")
    args = (
        *("LW.REVOKE", store),
        *option("TOKEN", token),
        *option("SESSION", session),
        *option("SUBJECT", name_argument(subject)),
        *option("EXCEPT", keep),
    )
    return Command(args, integer, store, slow=True)


def revoke_all(store: Key) -> Command[int]:
    """Ends all sessions of a store. Returns how many ended."""
    return Command(("LW.REVOKEALL", store), integer, store, slow=True)


def sessions(store: Key, subject: Arg | int) -> Command[list[Session]]:
    """The sessions of a subject."""
    return Command(("LW.SESSIONS", store, subject_argument(subject)), _read_sessions, store, slow=True)


def jwks() -> Command[dict[str, Any]]:
    """The public keys that verify access tokens (RFC 7517)."""
    return Command(("LW.JWKS",), _read_jwks, slow=True)


def _audience_options(audience: str | Sequence[str] | None) -> tuple[str, ...]:
    if audience is None:
        return ()
    names = (audience,) if isinstance(audience, str) else audience
    if not isinstance(names, Sequence) or not names or not all(isinstance(name, str) for name in names):
        raise ConfigurationError("audience is a name, or a list of one to eight names")
    return tuple(word for name in names for word in ("AUDIENCE", name))


def _ttl_argument(ttl: Duration | None) -> str | None:
    # 0 is not a duration, but requests no refresh token.
    return None if ttl is None else "0" if ttl in (0, "0") else argument(ttl)


def _read_tokens(reply: Any) -> Tokens:  # noqa: ANN401  # a reply is anything
    access, refresh, access_expires, refresh_expires, session = reply
    return Tokens(
        text(access),
        optional_text(refresh),
        timestamp(access_expires),
        None if refresh_expires is None else timestamp(refresh_expires),
        text(session),
    )


def read_claims(reply: Any) -> Claims:  # noqa: ANN401
    """Reads the JSON that LW.VERIFY answers."""
    claims = json_object(reply)
    return Claims(text(claims["sub"]), text(claims["sid"]), text(claims["jti"]), int(claims["exp"]), claims)


def _read_introspection(reply: Any) -> Introspection:  # noqa: ANN401
    answer = json_object(reply)
    if not isinstance(answer["active"], bool):
        raise ValueError("active is not true or false")  # noqa: TRY004  # read by Command.parse
    return Introspection(answer["active"], answer)


def _read_jwks(reply: Any) -> dict[str, Any]:  # noqa: ANN401
    answer = json_object(reply)
    if not isinstance(answer["keys"], list):
        raise ValueError("keys is not a list")  # noqa: TRY004  # read by Command.parse
    return answer


def _read_sessions(reply: Any) -> list[Session]:  # noqa: ANN401
    return [
        Session(
            session_id=text(record["session_id"]),
            created_at=timestamp(record["created_at_ms"]),
            rotated_at=timestamp(record["rotated_at_ms"]),
            expires_at=timestamp(record["expires_at_ms"]),
            generation=integer(record["generation"]),
            meta=json.loads(record["meta"]) if record["meta"] else None,
        )
        for record in records(reply)
    ]
