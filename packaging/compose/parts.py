"""Prints parts of a compose file, so that a test can use them without a container engine.

python parts.py COMPOSEFILE command SERVICE    the words of its command, one a line
python parts.py COMPOSEFILE config NAME        the content of a config
python parts.py COMPOSEFILE paths              what it takes from its own directory
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML


def paths(compose: dict[str, Any]) -> Iterator[str]:
    """Relative to the directory of the compose file."""
    for service in compose["services"].values():
        build = service.get("build")
        if build is not None:
            yield build["context"]
            if "dockerfile" in build:
                yield f"{build['context']}/{build['dockerfile']}"
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("."):
                yield source


def main() -> None:
    """Prints the part that the arguments name."""
    file, what, *names = sys.argv[1:]
    compose = YAML(typ="safe").load(Path(file))
    if what == "command":
        print(*compose["services"][names[0]]["command"], sep="\n")
    elif what == "config":
        print(compose["configs"][names[0]]["content"])
    else:
        print(*paths(compose), sep="\n")


if __name__ == "__main__":
    main()
