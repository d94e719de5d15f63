"""Runs the pages side by side, and counts their blocks at the end."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from examples.machine import REPOSITORY, Machine, build_node_client, prepare
from examples.page import Outcome, follows_convention, run_page

_OUTCOMES = pytest.StashKey[list[Outcome]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--page", action="append", default=[], help="a page to run, instead of all")


def pages(given: list[str]) -> list[Path]:
    """The pages to run, relative to the repository."""
    if given:
        return [Path(page).resolve().relative_to(REPOSITORY) for page in given]
    found = [page for page in (REPOSITORY / "docs").rglob("*.md") if "node_modules" not in page.parts]
    readmes = [REPOSITORY / "README.md", REPOSITORY / "clients/go/README.md", *REPOSITORY.glob("packaging/*/README.md")]
    found += [readme for readme in readmes if follows_convention(readme.read_text("utf-8"))]
    return sorted(page.relative_to(REPOSITORY) for page in found)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "page" in metafunc.fixturenames:
        metafunc.parametrize("page", pages(metafunc.config.getoption("--page")), ids=str)


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    # Short, because the paths of Unix sockets are limited.
    with tempfile.TemporaryDirectory(prefix="lw-docs-") as directory:
        build_node_client()
        yield prepare(Path(directory))


@pytest.fixture(scope="session")
def runs(request: pytest.FixtureRequest, machine: Machine) -> Iterator[dict[Path, Future[Outcome]]]:
    """Starts the chosen pages side by side."""
    tests = [item for item in request.session.items if isinstance(item, pytest.Function)]
    chosen = [Path(str(test.callspec.params["page"])) for test in tests if "page" in test.fixturenames]
    pool = ThreadPoolExecutor(max_workers=(os.cpu_count() or 1) + 1)
    try:
        yield {page: pool.submit(run_page, machine, page, (REPOSITORY / page).read_text("utf-8")) for page in chosen}
    finally:
        pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="session")
def outcomes(request: pytest.FixtureRequest) -> list[Outcome]:
    return request.config.stash.setdefault(_OUTCOMES, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    outcomes = config.stash.get(_OUTCOMES, [])
    if not outcomes:
        return
    run: Counter[str] = sum((outcome.run for outcome in outcomes), Counter())
    not_run = [reason for outcome in outcomes for reason in outcome.not_run]
    by_language = ", ".join(f"{language} {count}" for language, count in sorted(run.items()))
    terminalreporter.section("examples")
    for reason in not_run:
        terminalreporter.write_line(f"not run: {reason}")
    terminalreporter.write_line(
        f"{len(outcomes)} pages passed: {run.total()} blocks ran ({by_language or 'none'}), "
        f"{sum(outcome.saved for outcome in outcomes)} were saved as files, "
        f"{sum(outcome.shown for outcome in outcomes)} are only shown, {len(not_run)} are marked as not run"
    )
