"""`chiomics prune`: list what the cohort no longer needs, and move it to the attic where that is asked for."""

from __future__ import annotations

import argparse
from pathlib import Path

from chiomics.core.command_line import add_command


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command to the parser of `chiomics`."""
    parser = add_command(
        subparsers,
        "prune",
        summary="list results that the cohort no longer needs",
        about="List results that the cohort no longer needs: of sessions that were set aside, and of studies "
        "that hold others than the cohort now has, as the last run found it. Nothing is deleted.",
        example="chiomics prune /data/chiomics/results",
    )
    parser.add_argument(
        "results", type=Path, nargs="?", default=Path("results"), metavar="RESULTS", help="default: %(default)s"
    )
    parser.add_argument("--move", action="store_true", help="move studies that are out of date to the attic")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> None:
    """List, and move where that is asked for."""
    from chiomics.study.prune import prune

    for line in prune(arguments.results, move=arguments.move):
        print(line)
