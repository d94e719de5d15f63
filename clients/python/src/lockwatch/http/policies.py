"""Which policy a request is under: its route's, the default one, or none because it is exempt."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypedDict

from ..errors import ConfigurationError
from ..limits import Limits, ParsedLimits, address_limits, parse_limits
from .charging import Charging, CountWhen, charging_of
from .exempt import is_pattern
from .fallback import FailureMode, OnFailure, on_failure_of
from .pattern import Pattern, exact_pattern, has_dot_segments, lenient_path, lenient_pattern
from .policy_name import policy_name
from .request import KeyFunction

# Units that a request takes, or a function of the request that returns them.
Cost: TypeAlias = int | Callable[..., Any]

DEFAULT = "default"
_RESERVED = frozenset({DEFAULT, "burst"})


class PolicyOptions(TypedDict, total=False):
    """What differs for some routes. An option that is left out is the default policy's."""

    limits: Limits
    """Limits of its own, counted separately.

    Without them the policy spends from the default one.
    """
    cost: Cost
    on_redis_failure: FailureMode
    local_share: float
    """The share of each limit that this process allows by itself with "local"."""
    local_limits: str
    """Limits that "local" uses in place of the others.

    Needed if those are a policy of the server.
    """
    shadow: bool
    name: str
    """Part of the keys and of the `RateLimit` header. Derived from the pattern unless given."""
    key: Literal["address", "credential"]
    """Whose request it is, in place of the middleware's `key` and `key_func`.

    Only together with limits, like `key_func`.
    """
    key_func: KeyFunction
    skip_successful: bool
    """Gives a request's units back if the status of its response is below 400."""
    skip_failed: bool
    """Gives a request's units back if the status is 400 or above, or if the client left."""
    count_when: CountWhen
    """Counts a request after its response, if this function of the response returns true."""


class PolicyKey(TypedDict):
    """Whose request it is, as a part of `Policy`."""

    by_credential: bool
    key_func: KeyFunction | None


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy with every option decided."""

    name: str
    limits: ParsedLimits
    cost: Cost
    on_failure: OnFailure
    shadow: bool
    own_limits: bool
    """Whether the limits are its own. A plan replaces only the default policy's."""
    by_credential: bool
    key_func: KeyFunction | None
    charging: Charging
    route: str | None = None
    """The pattern as the application wrote it; None for the default policy."""


def policy_key(of: str, key: object, key_func: KeyFunction | None) -> PolicyKey:
    """Whose request it is, by the two options. `of` says in messages whose options they are."""
    if key == "credential" and key_func is not None:
        raise ConfigurationError(f"key{of} is 'credential' and there is a key_func: give one of both")
    return {"by_credential": key == "credential", "key_func": key_func}


class Policies:
    """The default policy, those of routes, and the exempt patterns."""

    def __init__(self, default: Policy, routes: Mapping[str, PolicyOptions], exempt: Iterable[str]) -> None:
        self._default = default
        self._routes: list[tuple[Pattern, Policy]] = []
        self._exempt = [exact_pattern(text) for text in exempt if is_pattern(text)]
        names = set(_RESERVED)
        for text, options in routes.items():
            policy = _policy(text, options, default)
            if policy.own_limits:
                if policy.name in names:
                    raise ConfigurationError(
                        f"the policy of {text!r} can't be called {policy.name!r}: give it another name"
                    )
                names.add(policy.name)
            self._routes.append((lenient_pattern(text), policy))

    def of(self, method: str, paths: Collection[str], exempt_paths: Collection[str]) -> Policy | None:
        """The policy of a request; None if it is exempt.

        A route matches with any of `paths`. A request is exempt only if each of `exempt_paths` is.
        """
        if not self._routes and not self._exempt:
            return self._default
        # Some frameworks ignore the method's case where the server does not.
        method = method.upper()
        if self._exempt and all(self._is_exempt(method, path) for path in exempt_paths):
            return None
        if self._routes:
            lenient = {lenient_path(path) for path in paths}
            for pattern, policy in self._routes:
                if any(pattern.matches(method, path) for path in lenient):
                    return policy
        return self._default

    @property
    def correct(self) -> bool:
        """Whether a policy may have something left to do after a response."""
        return any(policy.charging.corrects for policy in (self._default, *(policy for _, policy in self._routes)))

    def _is_exempt(self, method: str, path: str) -> bool:
        return not has_dot_segments(path) and any(pattern.matches(method, path) for pattern in self._exempt)


def _policy(text: str, options: PolicyOptions, default: Policy) -> Policy:
    own = "limits" in options
    if not own and "name" in options:
        raise ConfigurationError(f"the policy of {text!r} has a name and no limits that are counted under it")
    whose: PolicyKey = {"by_credential": default.by_credential, "key_func": default.key_func}
    if given_key := options.keys() & {"key", "key_func"}:
        if not own:
            raise ConfigurationError(
                f"the policy of {text!r} has {' and '.join(sorted(given_key))} and no limits: give it limits of its own"
            )
        whose = policy_key(f" of the policy of {text!r}", options.get("key"), options.get("key_func"))
    limits = parse_limits(options["limits"]) if own else default.limits
    if own and whose["by_credential"]:
        # Raises for a policy of the server.
        address_limits(limits)
    return Policy(
        name=options.get("name", policy_name(text)) if own else DEFAULT,
        limits=limits,
        cost=options.get("cost", default.cost),
        on_failure=on_failure_of(
            options, f" of the policy of {text!r}", limits, default.on_failure, inherits_limits=not own
        ),
        shadow=options.get("shadow", default.shadow),
        own_limits=own,
        charging=charging_of(options, f" of the policy of {text!r}", default.charging),
        route=text,
        **whose,
    )
