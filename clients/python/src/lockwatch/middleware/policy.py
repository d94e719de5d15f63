"""Policies: which limits a request meets, what it costs, and what happens if Redis is away."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypedDict

from ..errors import ConfigurationError
from ..limits import Limits, LimitsLike, limits_of
from .patterns import Pattern, lenient, name_of

OnFailure: TypeAlias = Literal["allow", "deny"]

DEFAULT = "default"
_TAKEN = frozenset({DEFAULT, "burst"})
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_MOST_COST = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class Policy:
    """What differs for some routes. What is left out is as for all others."""

    limits: LimitsLike | None = None
    """Limits of their own, counted apart. Without, the routes spend from what all others spend from."""
    cost: int | None = None
    on_redis_failure: OnFailure | None = None
    shadow: bool | None = None
    name: str | None = None
    """What the limits are called in keys and headers; made from the pattern unless given."""


class PolicyDict(TypedDict, total=False):
    """A policy, written as a dict."""

    limits: LimitsLike
    cost: int
    on_redis_failure: OnFailure
    shadow: bool
    name: str


PolicyLike: TypeAlias = Policy | PolicyDict | LimitsLike


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy with nothing left open."""

    name: str
    limits: Limits
    address_limits: Limits | None
    """What the address of a credential may spend; None for ten times the limits in force."""
    cost: int
    on_failure: OnFailure
    shadow: bool
    own_limits: bool
    """Whether a plan leaves the limits alone."""

    def __post_init__(self) -> None:
        """Refuses what can't work."""
        if not 1 <= self.cost <= _MOST_COST:
            raise ConfigurationError(f"the cost {self.cost} is not an integer from 1 to {_MOST_COST}")
        if self.on_failure not in ("allow", "deny"):
            raise ConfigurationError(f"on_redis_failure is {self.on_failure!r}, neither 'allow' nor 'deny'")


def rules(routes: Mapping[str, PolicyLike], default: Rule) -> tuple[tuple[Pattern, Rule], ...]:
    """The rules of routes, in their order."""
    made: list[tuple[Pattern, Rule]] = []
    names = set(_TAKEN)
    for text, like in routes.items():
        rule = _rule(text, _policy(like), default)
        if rule.own_limits:
            if rule.name in names:
                raise ConfigurationError(f"the policy of {text!r} can't be called {rule.name!r}: give it another name")
            names.add(rule.name)
        made.append((lenient(text), rule))
    return tuple(made)


def _policy(like: PolicyLike) -> Policy:
    if isinstance(like, Policy):
        return like
    if isinstance(like, dict):
        if unknown := like.keys() - PolicyDict.__annotations__.keys():
            raise ConfigurationError(f"a policy has no option {', '.join(sorted(unknown))}")
        return Policy(**like)
    return Policy(limits=like)


def _rule(text: str, policy: Policy, default: Rule) -> Rule:
    own = policy.limits is not None
    name = policy.name if policy.name is not None else name_of(text)
    if own and not _NAME.fullmatch(name):
        raise ConfigurationError(f"the policy of {text!r} is called {name!r}: 1 to 64 of A-Z a-z 0-9 _ . -")
    if policy.name is not None and not own:
        raise ConfigurationError(f"the policy of {text!r} has a name and no limits that are counted under it")
    limits = default.limits if policy.limits is None else limits_of(policy.limits)
    return Rule(
        name=name if own else DEFAULT,
        limits=limits,
        address_limits=None if own else default.address_limits,
        cost=default.cost if policy.cost is None else policy.cost,
        on_failure=policy.on_redis_failure or default.on_failure,
        shadow=default.shadow if policy.shadow is None else policy.shadow,
        own_limits=own,
    )
