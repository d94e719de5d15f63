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
_PREFIX = re.compile(r"[^{}\s]+")
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
        check_cost(self.cost)
        check_mode(self.on_failure)


def check_cost(cost: object) -> None:
    """Refuses a cost that the module would refuse, or that would make every call free."""
    if not isinstance(cost, int) or not 1 <= cost <= _MOST_COST:
        raise ConfigurationError(f"the cost {cost!r} is not an integer from 1 to {_MOST_COST}")


def check_mode(mode: str) -> None:
    """Refuses what is no failure mode."""
    if mode not in ("allow", "deny"):
        raise ConfigurationError(f"on_redis_failure is {mode!r}, neither 'allow' nor 'deny'")


def check_prefix(prefix: str) -> None:
    """Refuses a prefix of keys that would put them elsewhere: the first brace of a key begins what decides its slot."""
    if not _PREFIX.fullmatch(prefix):
        raise ConfigurationError(f"key_prefix is {prefix!r}: one or more characters, no braces, no spaces")


def check_name(whose: str, name: str) -> None:
    """Refuses a name that can't stand in a key and in a header's quotes."""
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{whose} is called {name!r}: 1 to 64 of A-Z a-z 0-9 _ . -")


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
    if own:
        check_name(f"the policy of {text!r}", name)
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
