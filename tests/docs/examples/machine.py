"""The module, the programs and the packages of Node that all pages share."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
_BIN = Path(__file__).with_name("bin")
_NODE_CLIENT = REPOSITORY / "clients/node"
# Installs other implementations of JWT, and prints where.
_INTEROP = REPOSITORY / "scripts/interop.sh"


@dataclass(frozen=True)
class Machine:
    """The environment that the pages of a run share. `directory` is a temporary one."""

    directory: Path
    module: Path

    def environment(self, files: Path, server_port: int, postgres_port: int | None) -> dict[str, str]:
        """The environment of a page's programs; `files` is a directory of the runner."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LOCKWATCH_", "PG"))}
        kept |= {
            "PATH": f"{_BIN}:{_operators_program().parent}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "LOCKWATCH_REDIS_URL": f"redis://127.0.0.1:{server_port}",
            "PYTHONPATH": str(REPOSITORY / "clients/python/src"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LC_ALL": "C.UTF-8",
            "TERM": "dumb",
            "NO_COLOR": "1",
            "PAGER": "cat",
            "PSQLRC": os.devnull,
            "TMPDIR": str(files),
            "DOCS_FILES": str(files),
            "DOCS_REDIS_CLI": program("redis-cli"),
            "DOCS_REDIS_PORT": str(server_port),
            "DOCS_REDIS_CLI_FAILS": "",
            "DOCS_CURL": shutil.which("curl") or "curl",
            "DOCS_START_DEADLINE": "20",
        }
        if postgres_port is not None:
            kept |= {
                "PGHOST": "127.0.0.1",
                "PGPORT": str(postgres_port),
                "PGUSER": "lockwatch",
                "PGDATABASE": "lockwatch",
            }
        return kept

    @property
    def node_modules(self) -> Path:
        """A directory with the Node client, the packages that its tests use, and jose."""
        return self.directory / "node_modules"


def program(name: str) -> str:
    """The path of a program. Raises a RuntimeError if there is none."""
    found = shutil.which(name)
    if found is None:
        raise RuntimeError(f"there is no {name}: scripts/docs.sh examples installs it")
    return found


def _operators_program() -> Path:
    """The program for operators. Raises a RuntimeError if there is none."""
    path = Path(os.environ.get("LOCKWATCH_PROGRAM") or REPOSITORY / "target/program/lockwatch").resolve()
    if not path.is_file():
        raise RuntimeError(
            f"there is no {path}: cargo build --profile program -p lockwatch-cli, or set LOCKWATCH_PROGRAM"
        )
    return path


def module() -> Path:
    """The module under test. Raises a RuntimeError if there is none."""
    path = Path(os.environ.get("LOCKWATCH_MODULE") or REPOSITORY / "target/release/liblockwatch.so").resolve()
    if not path.is_file():
        raise RuntimeError(f"there is no {path}: cargo build --release, or set LOCKWATCH_MODULE")
    return path


def prepare(directory: Path) -> Machine:
    """Makes the packages of Node for all pages."""
    machine = Machine(directory, module())
    _link_node_packages(machine.node_modules)
    return machine


def _link_node_packages(target: Path) -> None:
    installed = _NODE_CLIENT / "node_modules"
    target.mkdir()
    if installed.is_dir():
        for package in installed.iterdir():
            if not package.name.startswith("."):
                (target / package.name).symlink_to(package)
    (target / "lockwatch").symlink_to(_NODE_CLIENT)
    interop = subprocess.run([str(_INTEROP)], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    (target / "jose").symlink_to(Path(interop) / "node_modules" / "jose")


def build_node_client() -> None:
    """Builds the Node client if its sources are newer than the last build."""
    built = _NODE_CLIENT / "dist/index.mjs"
    sources = [*(_NODE_CLIENT / "src").rglob("*"), _NODE_CLIENT / "package.json"]
    if built.exists() and all(source.stat().st_mtime <= built.stat().st_mtime for source in sources):
        return
    subprocess.run([program("npm"), "run", "--silent", "build"], cwd=_NODE_CLIENT, check=True)
