"""A client for lockwatch, the Redis module that limits rates, spots bursts, issues tokens and keeps an audit log.

All logic is in the module. What is here calls its commands and gives the replies types (`LockWatch`, `AsyncLockWatch`),
puts them in front of an application (`LockWatchMiddleware` for ASGI, `LockWatchFlaskMiddleware` for WSGI), and decides
what happens when Redis is away. Tokens are in `lockwatch.fastapi` and `lockwatch.flask`, tools for tests in
`lockwatch.testing`.

`client` and `aio` are made of `commands`, whose `replies` become `results` and `tokens`; `link` is the way to Redis;
`middleware` has a map of its own; `placed` is for limits that the application places itself, `auth` for its tokens.
"""

from .aio import AsyncLockWatch
from .client import LockWatch
from .errors import (
    Busy,
    CallRefused,
    ConfigurationError,
    JournalFull,
    LockWatchError,
    LogUnavailable,
    ModuleMissing,
    NoSigningKey,
    RedisAway,
    TokenError,
    TokenExpired,
    TokenInvalid,
    TokenReused,
    TokenRevoked,
)
from .limits import Limit
from .middleware.answers import Answer
from .middleware.asgi import LockWatchMiddleware
from .middleware.policy import Policy
from .middleware.request import HttpRequest
from .middleware.state import State
from .middleware.wsgi import LockWatchFlaskMiddleware
from .results import AuditEvent, Burst, RateLimit
from .tokens import Claims, Introspection, Session, TokenPair

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "AsyncLockWatch",
    "AuditEvent",
    "Burst",
    "Busy",
    "CallRefused",
    "Claims",
    "ConfigurationError",
    "HttpRequest",
    "Introspection",
    "JournalFull",
    "Limit",
    "LockWatch",
    "LockWatchError",
    "LockWatchFlaskMiddleware",
    "LockWatchMiddleware",
    "LogUnavailable",
    "ModuleMissing",
    "NoSigningKey",
    "Policy",
    "RateLimit",
    "RedisAway",
    "Session",
    "State",
    "TokenError",
    "TokenExpired",
    "TokenInvalid",
    "TokenPair",
    "TokenReused",
    "TokenRevoked",
]
