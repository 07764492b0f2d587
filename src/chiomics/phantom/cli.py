"""Command line of the stage: ``chiomics phantom OUT --recipe recipe.yaml``."""

from __future__ import annotations

import argparse
from pathlib import Path

from chiomics.phantom.recipe import list_sessions, load_recipe


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command ``phantom``."""
    parser = subparsers.add_parser(
        "phantom",
        help="simulate a cohort as a BIDS folder with its truth",
        description="Simulate subjects whose susceptibility, lesions and group effects are known, as a BIDS folder.",
    )
    parser.add_argument("out", type=Path, help="BIDS folder to write")
    parser.add_argument("--recipe", type=Path, help="YAML recipe; default: the demonstration cohort")
    parser.add_argument("--participant", action="append", metavar="ID", help="simulate this subject only; repeatable")
    parser.add_argument("--threads", type=int, default=1, help="threads of the FFTs (default 1)")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> None:
    """Simulate what was asked for, with a line per subject."""
    from chiomics.phantom.bids_output import simulate_subject, write_dataset_files

    recipe = load_recipe(arguments.recipe)
    participants = arguments.participant or [session.participant_id for session in list_sessions(recipe)]
    write_dataset_files(recipe, arguments.out)
    for number, participant_id in enumerate(participants, start=1):
        files = simulate_subject(recipe, participant_id, arguments.out, workers=arguments.threads)
        print(f"{number}/{len(participants)} {participant_id}: {len(files)} files", flush=True)
