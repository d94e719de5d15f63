"""lockwatch for Python: a thin client of the Redis module, and middleware on top of it.

- `client.py` and `aio.py` have a method for each command. The commands, their arguments and their
  results are in `ratelimit.py`, `multi.py`, `lease.py`, `explain.py`, `burst.py`, `alert.py`,
  `audit.py`, `tokens.py`, `guard.py` and `guard_admin.py`, the errors in `errors.py`. `limits.py`
  and `duration.py` read what people write.
- `leases.py` holds a lease during a block, and `budget.py` reserves tokens of a language model.
- `guards.py` is a guard in front of a login. `guard_core.py` is what the guards of all frameworks
  share, `guard_attempt.py` a login and its outcome, `guard_user.py` how names and passwords are
  sent, and `device.py` the cookie that a browser is known by.
- `client_keys.py` lists and deletes the keys of one client.
- `redis/` is the connection to Redis, with its timeouts and its circuit breaker.
- `http/` is the middleware without a framework, and `asgi.py` and `wsgi.py` are the two kinds of
  it, with `asgi_response.py`, `asgi_websocket.py` and `wsgi_response.py`. `audit_queue.py`,
  `correction_queue.py` and `outcome_queue.py` send its audit events, its corrections and what
  guards are told. `failure_log.py` logs its failures, and `notices.py` what a process says once
  about its configuration.
- `token/` guards routes with access tokens, and has the login, refresh and logout routes.
  `fastapi.py`, `flask.py` and `django.py` fit them, and limits on single routes, into the
  frameworks. `flow.py` lets them share the code.
- `rest_framework.py` and `limits_storage.py` are for those who keep another limiter's interface.
- `stats.py` counts what limits decided, `prometheus.py` and `opentelemetry.py` report it.
  `local.py` limits in the process while Redis is away, `message_limit.py` the messages of a
  connection.
- `testing/` is for an application's own tests.
"""

from .aio import AsyncLockWatch
from .asgi import LockWatchMiddleware
from .audit import AuditEvent
from .budget import Reservation, TokenBudget
from .burst import BurstResult
from .client import LockWatch
from .client_keys import ClientKey, KeyKind
from .device import DeviceCookie
from .duration import Duration
from .errors import (
    AttemptDeniedError,
    CommandError,
    ConfigurationError,
    ConflictError,
    DeniedError,
    FullError,
    LeaseDeniedError,
    LockWatchError,
    ModuleMissingError,
    NoKeyError,
    NoPolicyError,
    NoRuleError,
    TokenBudgetExceededError,
    TokenError,
    TokenExpiredError,
    TokenInvalidError,
    TokenReusedError,
    TokenRevokedError,
    UnavailableError,
)
from .explain import KeyReport, TopKey, WindowUsage
from .guard import GuardResult, Verdict
from .guard_admin import GuardChallenge, GuardCount, GuardEntry, GuardReport
from .guard_attempt import Attempt
from .guards import Guard
from .http.bodies import Denial
from .http.fallback import FailureMode
from .http.keys import ADDRESS
from .http.options import MiddlewareOptions
from .http.policies import PolicyOptions
from .http.reply import Reply
from .http.request import HttpRequest
from .http.response import HttpResponse
from .http.state import LockWatchState
from .lease import LeaseResult
from .leases import AsyncLease, Lease
from .limits import Limit, Limits, ServerPolicy, parse_limits
from .message_limit import MessageLimit, message_limit
from .multi import MultiRateLimitEntry, MultiRateLimitResult
from .ratelimit import RateLimitResult, Settlement
from .stats import Event, Stats
from .token.cookie import CookieOptions
from .token.login import Login
from .tokens import Claims, Introspection, Session, Tokens
from .wsgi import LockWatchFlaskMiddleware, LockWatchWSGIMiddleware

__version__ = "0.2.0"

__all__ = [
    "ADDRESS",
    "AsyncLease",
    "AsyncLockWatch",
    "Attempt",
    "AttemptDeniedError",
    "AuditEvent",
    "BurstResult",
    "Claims",
    "ClientKey",
    "CommandError",
    "ConfigurationError",
    "ConflictError",
    "CookieOptions",
    "Denial",
    "DeniedError",
    "DeviceCookie",
    "Duration",
    "Event",
    "FailureMode",
    "FullError",
    "Guard",
    "GuardChallenge",
    "GuardCount",
    "GuardEntry",
    "GuardReport",
    "GuardResult",
    "HttpRequest",
    "HttpResponse",
    "Introspection",
    "KeyKind",
    "KeyReport",
    "Lease",
    "LeaseDeniedError",
    "LeaseResult",
    "Limit",
    "Limits",
    "LockWatch",
    "LockWatchError",
    "LockWatchFlaskMiddleware",
    "LockWatchMiddleware",
    "LockWatchState",
    "LockWatchWSGIMiddleware",
    "Login",
    "MessageLimit",
    "MiddlewareOptions",
    "ModuleMissingError",
    "MultiRateLimitEntry",
    "MultiRateLimitResult",
    "NoKeyError",
    "NoPolicyError",
    "NoRuleError",
    "PolicyOptions",
    "RateLimitResult",
    "Reply",
    "Reservation",
    "ServerPolicy",
    "Session",
    "Settlement",
    "Stats",
    "TokenBudget",
    "TokenBudgetExceededError",
    "TokenError",
    "TokenExpiredError",
    "TokenInvalidError",
    "TokenReusedError",
    "TokenRevokedError",
    "Tokens",
    "TopKey",
    "UnavailableError",
    "Verdict",
    "WindowUsage",
    "message_limit",
    "parse_limits",
]
