"""Routes that need an access token."""

from __future__ import annotations

from collections.abc import Callable, Collection

from ..errors import ConfigurationError, LockWatchError, TokenError, TokenExpiredError
from ..failure_log import FailureLog
from ..flow import Client, Flow, FunctionFailedError, ask, execute
from ..http.reply import SERVICE_UNAVAILABLE, Reply, json_reply
from ..http.state import LockWatchState
from ..redis.connection import Key
from ..tokens import Claims, verify

_SCOPE_CLAIMS = ("scope", "scopes", "scp")


class BearerGuard:
    """Verifies access tokens. All of `scopes` are required."""

    def __init__(self, lockwatch: Client, scopes: Collection[str], audience: str | None, realm: str) -> None:
        if '"' in realm or "\\" in realm:
            raise ConfigurationError(f"the realm {realm!r} has a quote or a backslash")
        self._lockwatch = lockwatch
        self._scopes = frozenset(scopes)
        self._scope = " ".join(scopes)
        self._audience = audience
        self._challenge = f'Bearer realm="{realm}"'
        self._failures = FailureLog.of(lockwatch)

    def admit(
        self, store: Callable[[], Key], authorization: str | None, state: LockWatchState | None
    ) -> Flow[Claims | Reply]:
        """The claims of the request's token, or the response to a request that ends here."""
        token = bearer_token(authorization)
        if token is None:
            # RFC 6750: no error code, because no token was presented.
            return self._refuse(401, "unauthorized", "")
        try:
            key = yield from ask("store", store)
            claims = yield from execute(self._lockwatch, verify(key, token, audience=self._audience))
        except FunctionFailedError as failed:
            return token_function_failure(self._failures, failed)
        except TokenError as error:
            expired = isinstance(error, TokenExpiredError)
            description = "the token has expired" if expired else "the token is not valid"
            return self._refuse(401, "invalid_token", f', error="invalid_token", error_description="{description}"')
        except LockWatchError as error:
            return token_failure(self._failures, error)
        if state is not None:
            state.user = claims.sub
        if not self._scopes <= scopes_of(claims):
            return self._refuse(403, "insufficient_scope", f', error="insufficient_scope", scope="{self._scope}"')
        return claims

    def _refuse(self, status: int, error: str, parameters: str) -> Reply:
        return json_reply(status, {"error": error}, {"WWW-Authenticate": self._challenge + parameters})


def token_failure(failures: FailureLog, error: LockWatchError) -> Reply:
    """503, and a message in the log."""
    failures.log(f"token: {error.code}", f"requests with tokens are answered 503: {failures.named(error)}")
    return SERVICE_UNAVAILABLE


def token_function_failure(failures: FailureLog, failed: FunctionFailedError) -> Reply:
    """`token_failure` for a function of the application."""
    failures.log(f"{failed.option}: {failed.error.code}", f"requests with tokens are answered 503: {failed.reason}")
    return SERVICE_UNAVAILABLE


def bearer_token(authorization: str | None) -> str | None:
    """The token in an Authorization header; None if it has none."""
    scheme, _, token = (authorization or "").strip().partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and token and " " not in token else None


def scopes_of(claims: Claims) -> frozenset[str]:
    """The scopes that the claims grant.

    RFC 8693 calls the claim `scope`; `scopes` and `scp` are common too.
    """
    return frozenset().union(*(claims.scopes(name) for name in _SCOPE_CLAIMS))
