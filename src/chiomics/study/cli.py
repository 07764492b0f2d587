"""`chiomics prune`: list what the cohort no longer needs, and move it to the attic where that is asked for."""

from __future__ import annotations

import argparse
from pathlib import Path


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command to the parser of `chiomics`."""
    parser = subparsers.add_parser(
        "prune",
        help="list results that the cohort no longer needs",
        description="List results that the cohort no longer needs: of sessions that were set aside, and of studies "
        "that hold others than the cohort now has, as the last run found it. Nothing is deleted.",
    )
    parser.add_argument("results", type=Path, nargs="?", default=Path("results"), help="default: %(default)s")
    parser.add_argument("--move", action="store_true", help="move studies that are out of date to the attic")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> None:
    """List, and move where that is asked for."""
    from chiomics.core.errors import InputError
    from chiomics.study.attic import ATTIC, put_away
    from chiomics.study.members import TABLE, outdated_places

    results = arguments.results
    if not (results / TABLE).is_file():
        raise InputError("there is no record of a run", file=results / TABLE, expected="the folder of results")
    for name, places in outdated_places(results).items():
        for place in places:
            target = put_away(results, place) if arguments.move else place
            moved = f", moved to {target}" if arguments.move else ""
            print(f"{place}\t{_megabytes(target)}\tout of date ({name}){moved}")
    for folder in sorted((results / ATTIC).glob("**/sub-*")):
        if folder.is_dir() and not any(part.startswith("sub-") for part in folder.relative_to(results).parts[:-1]):
            print(f"{folder}\t{_megabytes(folder)}\tset aside: the cohort does not hold this session")


def _megabytes(path: Path) -> str:
    files = [path] if path.is_file() else path.rglob("*")
    return f"{sum(file.stat().st_size for file in files if file.is_file()) / 1e6:.1f} MB"
