"""How options are checked: one rule for each, in a table for each function that takes options.

A table maps the name of an option to its rule. `read_options` applies it when the application
starts, and its errors name the option, its value, and what was expected.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from .duration import milliseconds
from .errors import ConfigurationError

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_MAX_SHOWN = 80


class _UnexpectedError(Exception):
    """A value is not what its rule expects."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What an option may be."""

    expected: str
    """The end of the sentence "expected …", with an example of how to write it."""
    parse: Callable[[Any], Any]
    """Returns the value to use.

    Raises if the value is wrong. The text of a ConfigurationError is shown.
    """
    required: bool = False
    """Whether None is wrong. Otherwise None is the same as leaving the option out."""
    secret: bool = False
    """Whether the value must not be shown."""

    def read(self, name: str, value: object) -> Any:  # noqa: ANN401  # what the rule returns
        """The parsed value of an option. Raises ConfigurationError."""
        try:
            return self.parse(value)
        except ConfigurationError as error:
            why = f"{error}; expected {self.expected}"
        except (_UnexpectedError, TypeError, ValueError, OverflowError, AttributeError):
            why = f"expected {self.expected}"
        # Without the cause, which may contain a secret.
        raise ConfigurationError(f"{name} is {self._shown(value)}: {why}") from None

    def _shown(self, value: object) -> str:
        if value is None:
            return "None"
        text = f"a {type(value).__name__}" if self.secret else repr(value)
        return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


Rules: TypeAlias = Mapping[str, Rule]


def read_options(options: Mapping[str, Any], rules: Rules, of: str = "") -> dict[str, Any]:
    """The options that are given, parsed. Raises ConfigurationError for a wrong or unknown one.

    `of` says whose they are, in messages: " of limit".
    """
    for name in options:
        if name not in rules:
            close = difflib.get_close_matches(str(name), rules, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(rules)}"
            raise ConfigurationError(f"there is no option {name!r}{of}: {hint}")
    return {
        name: rules[name].read(f"{name}{of}", value)
        for name, value in options.items()
        if value is not None or rules[name].required
    }


def expect(condition: object) -> None:
    """Raises the error that `Rule.read` reports as "expected …"."""
    if not condition:
        raise _UnexpectedError


def refuse_both(options: Mapping[str, Any], one: str, other: str, instead: str) -> None:
    """Raises ConfigurationError if both of two options are given."""
    if one in options and other in options:
        raise ConfigurationError(f"{one} and {other} are both given: {instead}")


def _boolean(value: Any) -> bool:  # noqa: ANN401
    expect(isinstance(value, bool))
    return bool(value)


BOOLEAN = Rule("True or False", _boolean)


def integer(minimum: int, maximum: int, example: int) -> Rule:
    """An integer within bounds, which are included."""

    def parse(value: Any) -> int:  # noqa: ANN401
        expect(isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= maximum)
        return int(value)

    return Rule(f"an integer from {minimum} to {maximum}, like {example}", parse)


def number_above_0(maximum: float) -> Rule:
    """A number above 0, and at most the maximum."""

    def parse(value: Any) -> float:  # noqa: ANN401
        expect(isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= maximum)
        return float(value)

    return Rule(f"a number above 0, and at most {maximum}, like 0.5", parse)


def _duration(value: Any) -> Any:  # noqa: ANN401
    milliseconds(value)
    return value


# The value stays as it was written.
DURATION = Rule("seconds, a timedelta or a text like '500ms', '90s', '5m', '1h'", _duration)


def seconds(example: float) -> Rule:
    """A time that is used in seconds."""

    def parse(value: Any) -> float:  # noqa: ANN401
        return milliseconds(value) / 1000

    return Rule(f"seconds, a timedelta or a text like '500ms'; for example {example}", parse)


def _interval(value: Any) -> float:  # noqa: ANN401
    return 0.0 if type(value) in (int, float) and value == 0 else milliseconds(value) / 1000


INTERVAL = Rule("seconds, a timedelta or a text like '1m'; 0 for no interval", _interval)


def or_function(rule: Rule, function: Rule) -> Rule:
    """What `rule` says, or a function that returns it."""

    def parse(value: Any) -> Any:  # noqa: ANN401
        return (function if callable(value) else rule).parse(value)

    return replace(rule, expected=f"{rule.expected}, or {function.expected}", parse=parse)


def one_of(*choices: str, hint: str = "") -> Rule:
    """One of some texts."""

    def parse(value: Any) -> str:  # noqa: ANN401
        expect(isinstance(value, str) and value in choices)
        return str(value)

    return Rule(" or ".join(repr(choice) for choice in choices) + hint, parse)


def text(pattern: str, expected: str) -> Rule:
    """A text that matches a regular expression as a whole."""
    expression = re.compile(pattern)

    def parse(value: Any) -> str:  # noqa: ANN401
        expect(isinstance(value, str) and expression.fullmatch(value))
        return str(value)

    return Rule(expected, parse)


def header_name(example: str) -> Rule:
    """The name of an HTTP header."""
    return text(_HEADER.pattern, f"the name of a header, like {example!r}")


def texts(check: Callable[[Any], Any], expected: str, *, empty: bool = True, kinds: tuple[type, ...] = (str,)) -> Rule:
    """A list, tuple or set of texts, each of which `check` accepts. One text alone is refused."""

    def parse(value: Any) -> tuple[str, ...]:  # noqa: ANN401
        expect(isinstance(value, Iterable) and not isinstance(value, (str, bytes, bytearray, Mapping)))
        members = tuple(value)
        expect(members or empty)
        for member in members:
            expect(isinstance(member, kinds))
            check(member)
        return tuple(str(member) for member in members)

    return Rule(expected, parse)


def required(rule: Rule) -> Rule:
    """A rule that refuses None."""
    return replace(rule, required=True)


def function(arguments: int, expected: str) -> Rule:
    """A function that can be called with a number of positional arguments."""

    def parse(value: Any) -> Any:  # noqa: ANN401
        expect(callable(value) and not isinstance(value, type))
        try:
            signature = inspect.signature(value)
        except (TypeError, ValueError):
            return value  # some functions in C have none
        signature.bind(*[None] * arguments)
        return value

    return Rule(expected, parse)


def later_function(expected: str) -> Rule:
    """A function of one argument that is called after the response, without `await`."""
    rule = function(1, expected)

    def parse(value: Any) -> Any:  # noqa: ANN401
        if inspect.iscoroutinefunction(value):
            raise ConfigurationError("it is called after the response, and can't be asynchronous")
        return rule.parse(value)

    return replace(rule, parse=parse)


COST = integer(1, (1 << 32) - 1, 1)
NAME = text(r"[A-Za-z0-9_.-]{1,64}", "1 to 64 of A-Z a-z 0-9 _ . -, like 'search'")
# The first brace of a key starts the part that decides its slot.
KEY_PREFIX = text(r"[^{}\s]+", "one or more characters without braces and spaces, like 'lw'")


def synchronous(rule: Rule) -> Rule:
    """A rule for a function that is called without `await`."""

    def parse(value: Any) -> Any:  # noqa: ANN401
        if inspect.iscoroutinefunction(value):
            raise ConfigurationError("functions that are passed to a WSGI application can't be asynchronous")
        return rule.parse(value)

    return replace(rule, parse=parse)
