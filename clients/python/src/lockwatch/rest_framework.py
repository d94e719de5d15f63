"""Throttles for Django REST framework that count in lockwatch.

They take the place of those of `rest_framework.throttling`, with the same settings:
`DEFAULT_THROTTLE_CLASSES`, `DEFAULT_THROTTLE_RATES`, `NUM_PROXIES`. `LOCKWATCH` in the settings
says where Redis is, and what happens without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework import throttling
from rest_framework.exceptions import APIException

from .django_exchange import state_of
from .django_settings import client, throttle_options
from .errors import LockWatchError
from .failure_log import FailureLog
from .http.fallback import AskedLimit, Fallback, LimitDenial
from .http.keys import key_client
from .http.policy_name import policy_name
from .http.state import LockWatchState
from .limits import Limit
from .ratelimit import RateLimitResult, rate_limit_command

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

__all__ = ["AnonRateThrottle", "ScopedRateThrottle", "ServiceUnavailable", "SimpleRateThrottle", "UserRateThrottle"]


class ServiceUnavailable(APIException):
    """Redis is away, and `on_redis_failure` is `"deny"`."""

    status_code = 503
    default_detail = "Service temporarily unavailable, try again later."
    default_code = "service_unavailable"
    # For the header Retry-After, which the framework makes of it.
    wait = 1


class SimpleRateThrottle(throttling.SimpleRateThrottle):
    """`rest_framework.throttling.SimpleRateThrottle`, exact for any number of processes.

    A subclass overrides `get_cache_key`. `cache` and `timer` are not used.
    """

    num_requests: int | None
    duration: int | None
    result: RateLimitResult | None = None
    """The limit of this request; None if Redis did not answer, or if no limit applies."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Whether the request is within the rate."""
        self.result = None
        if self.rate is None or self.num_requests is None or self.duration is None:
            return True
        self.key = self.get_cache_key(request, view)
        if self.key is None:
            return True
        return self.throttle_success() if self._admitted(request, self.key) else self.throttle_failure()

    def throttle_success(self) -> bool:
        """Called for a request within the rate, which is counted already."""
        return True

    def wait(self) -> float | None:
        """Seconds until the next request is within the rate; None if waiting does not help."""
        if self.result is None or self.result.never:
            return None
        return self.result.retry_after_ms / 1000

    def _admitted(self, request: Request, ident: str) -> bool:
        state = state_of(request)
        if state is not None and state.exempt:
            return True
        name, limits = self._name(), (Limit(int(self.num_requests or 0), int((self.duration or 0) * 1000)),)
        options, lockwatch = throttle_options(), client()
        key = options.keys.limit(key_client(ident) or "", f"limit:{name}")
        try:
            result = self.result = lockwatch.execute(rate_limit_command("LW.RATELIMIT", key, limits, 1))
        except LockWatchError as error:
            return self._admitted_without(error, AskedLimit(name, key, options.on_failure.numbers(limits)), state)
        FailureLog.of(lockwatch).limit_answered()
        lockwatch.local.answered((key,))
        lockwatch.counters.answered("allowed" if result else "shadow" if options.shadow else "denied", name)
        if state is not None:
            state.judge(result, name, key, shadow=options.shadow)
        return result.allowed or options.shadow

    def _admitted_without(self, error: LockWatchError, asked: AskedLimit, state: LockWatchState | None) -> bool:
        """What `on_redis_failure` says. Raises ServiceUnavailable."""
        options, lockwatch = throttle_options(), client()
        fallback = Fallback(FailureLog.of(lockwatch), lockwatch.counters, lockwatch.local)
        found = fallback.decide(
            options.on_failure, error, (asked,), 1, shadow=options.shadow, policy=asked.name, route=None
        )
        if found is False:
            raise ServiceUnavailable from None
        if not isinstance(found, LimitDenial):
            return True
        self.result = found.result
        if state is not None:
            state.judge_locally(found)
        return False

    def _name(self) -> str:
        """In keys and headers: `throttle-anon`."""
        return policy_name(f"/throttle/{self.scope or f'{type(self).__module__}.{type(self).__qualname__}'}")


class AnonRateThrottle(throttling.AnonRateThrottle, SimpleRateThrottle):
    """Limits requests without a user, by their address: the rate `anon`."""


class UserRateThrottle(throttling.UserRateThrottle, SimpleRateThrottle):
    """Limits requests by their user, or by their address without one: the rate `user`."""


class ScopedRateThrottle(throttling.ScopedRateThrottle, SimpleRateThrottle):
    """Limits requests to views that have a `throttle_scope`, by user or address."""
