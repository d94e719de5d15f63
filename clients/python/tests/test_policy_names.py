"""Derived names of policies: distinct patterns never share a name, and so never a counter."""

from __future__ import annotations

import re
from itertools import product

from lockwatch.http.policy_name import policy_name

PARTS = ("/", "a", "-", ".", "*", "{a}", ":a", "get", "root", "A", "é", "--", "GET /", "POST,GET /")


def test_distinct_patterns_have_distinct_names_which_are_valid() -> None:
    patterns = {
        # `:a` as a whole segment is another spelling of `{a}`.
        re.sub(r"(?<=/):(\w+)(?=/|$)", r"{\1}", start + "".join(parts))
        for start in ("/", "GET /")
        for length in range(5)
        for parts in product(PARTS, repeat=length)
    }
    owners: dict[str, str] = {}
    for pattern in patterns:
        name = policy_name(pattern)
        assert re.fullmatch(r"[a-z0-9_.-]{1,64}", name)
        assert owners.setdefault(name, pattern) == pattern, f"both are {name}"


def test_the_last_character_makes_another_name_at_any_length() -> None:
    for length in range(1, 300):
        path = "/" + ("ab/" * 100)[:length]
        assert len({policy_name(path + "c"), policy_name(path + "d"), policy_name(path)}) == 3
