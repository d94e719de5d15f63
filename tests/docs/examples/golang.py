"""Programs in Go, with the Go client and its modules."""

from __future__ import annotations

import re
from pathlib import Path

from .machine import REPOSITORY

_CLIENT = REPOSITORY / "clients/go"
# What the statements of a page use without saying so, by the name of the package.
_PACKAGES = {
    "context": "context",
    "errors": "errors",
    "fmt": "fmt",
    "http": "net/http",
    "io": "io",
    "lockwatch": "lockwatch",
    "log": "log",
    "os": "os",
    "redis": "github.com/redis/go-redis/v9",
    "signal": "os/signal",
    "slog": "log/slog",
    "strings": "strings",
    "syscall": "syscall",
    "time": "time",
}
_DECLARATION = re.compile(r"^(func|type|const|import) ", re.MULTILINE)


def make_workspace(directory: Path) -> None:
    """Makes a directory in which `go run` finds the client, its modules, and what they need."""
    modules = sorted(path.parent for path in _CLIENT.rglob("go.mod"))
    version = re.search(r"^go (\S+)$", (_CLIENT / "go.mod").read_text("utf-8"), re.MULTILINE)
    if version is None:
        raise RuntimeError("clients/go/go.mod has no version of Go")
    directory.mkdir()
    (directory / "go.mod").write_text(f"module example\n\ngo {version[1]}\n", "utf-8")
    uses = "".join(f"\t{path}\n" for path in (Path(), *modules))
    (directory / "go.work").write_text(f"go {version[1]}\n\nuse (\n{uses})\n", "utf-8")


def whole_program(text: str) -> str:
    """A program for a block that is one, or that has statements or declarations alone.

    Statements are those of a function that returns an error. They have `ctx`, a context, and `lw`,
    a client for localhost.
    """
    if re.search(r"^package ", text, re.MULTILINE):
        return text
    declares = _DECLARATION.search(text) is not None
    # In the first lines of the file, so that a message names the page's line.
    head = [
        "package main",
        *(f'import "{path}"' for name, path in _PACKAGES.items() if re.search(rf"\b{name}\.", text + _NEEDED)),
        _NEEDED,
    ]
    if declares:
        return "; ".join(head) + "; func run() error { return nil }\n" + text
    return "; ".join(head) + "; func run() error {\n" + text + "\nreturn nil\n}"


_NEEDED = (
    "var ctx = context.Background(); "
    'var lw = lockwatch.Must(lockwatch.Open("redis://localhost:6379", lockwatch.Options{Service: "docs"})); '
    "func main() { if err := run(); err != nil { log.Fatal(err) } }"
)
