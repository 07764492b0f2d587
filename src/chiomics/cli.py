"""The command `chiomics`: one sub-command per stage that can be used on its own.

A stage gives its sub-command in `chiomics.<stage>.cli`, one that takes several stages in `chiomics.commands`, by a
function `register(subparsers)` that sets the default `command` to a function of the parsed arguments. Those modules
import their numerics only when they run.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from chiomics.core.errors import InputError
from chiomics.core.logs import start_log
from chiomics.core.provenance import find_version

#: Modules that register the sub-commands, in the order of the help.
MODULES = (
    "index.cli", "phantom.cli", "radiomics.cli", "diagnosis.cli", "commands.rims", "commands.flair", "study.cli",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sub-command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the command line.

    Returns
    -------
    int
        0, or 2 where the input cannot be used.
    """
    parser = argparse.ArgumentParser(prog="chiomics", description="From GRE to χ maps and features. Research use only.")
    parser.add_argument("--version", action="version", version=f"chiomics {find_version()}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in MODULES:
        importlib.import_module(f"chiomics.{module}").register(subparsers)
    parsed = parser.parse_args(arguments)
    start_log()
    try:
        parsed.command(parsed)
    except InputError as error:
        print(f"chiomics: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
