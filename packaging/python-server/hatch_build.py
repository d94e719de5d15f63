"""Puts the compiled module and the program into the wheel, and gives it the tag of its platform."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ModuleHook(BuildHookInterface):  # type: ignore[type-arg,misc,unused-ignore]
    """Reads from the environment what scripts/packages.sh found out about both."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  # the interface has it
        """Adds the module, the program, their licences, and `needs.json` for `module_path`."""
        try:
            module = os.environ["LOCKWATCH_PACKAGE_MODULE"]
            program = os.environ["LOCKWATCH_PACKAGE_PROGRAM"]
            machine = os.environ["LOCKWATCH_PACKAGE_MACHINE"]
            glibc = os.environ["LOCKWATCH_PACKAGE_GLIBC"]
            licences = os.environ["LOCKWATCH_PACKAGE_LICENCES"]
        except KeyError as error:
            raise RuntimeError(f"{error} is not set: build with scripts/packages.sh server-wheel") from None
        self.temporary = tempfile.TemporaryDirectory()
        needs = Path(self.temporary.name, "needs.json")
        needs.write_text(json.dumps({"machine": machine, "glibc": glibc}) + "\n")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-manylinux_{glibc.replace('.', '_')}_{machine}"
        build_data["force_include"][module] = "lockwatch_server/liblockwatch.so"
        # An installer puts it beside the interpreter, as the command `lockwatch`.
        build_data["shared_scripts"][program] = "lockwatch"
        build_data["force_include"][licences] = "lockwatch_server/third-party-licences"
        build_data["force_include"][str(needs)] = "lockwatch_server/needs.json"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Removes what `initialize` wrote."""
        self.temporary.cleanup()
