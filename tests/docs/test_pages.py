"""The examples of each page do what the page shows."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

import pytest

from examples.blocks import ExampleError
from examples.page import Outcome


def test_the_examples_do_what_the_page_shows(
    page: Path, runs: dict[Path, Future[Outcome]], outcomes: list[Outcome]
) -> None:
    error = runs[page].exception()
    if isinstance(error, ExampleError):
        pytest.fail(str(error), pytrace=False)
    outcomes.append(runs[page].result())
