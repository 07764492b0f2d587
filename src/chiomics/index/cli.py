"""The command ``chiomics index``."""

from __future__ import annotations

import argparse
from pathlib import Path

from chiomics.core.command_line import add_command, count


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command to the command line."""
    parser = add_command(
        subparsers,
        "index",
        summary="list the sessions of a BIDS folder, and what is left out and why",
        about="Walk a BIDS folder, check every session from names, sidecars and image headers, and write one row "
        "per session and run. The workflow does the same before it builds its DAG.",
        example="chiomics index /data/BIDS --participants 01 02 --output manifest.tsv",
    )
    parser.add_argument("bids_dir", type=Path, metavar="BIDS_DIR", help="the BIDS folder")
    parser.add_argument(
        "--output", type=Path, metavar="TSV", default=Path("results/manifest.tsv"), help="default: %(default)s"
    )
    parser.add_argument("--on-bad-session", choices=("exclude", "fail"), default="exclude", help="default: %(default)s")
    parser.add_argument(
        "--acquisition", metavar="NAME", help="which of several GRE acquisitions, e.g. acq-highres or MEGRE"
    )
    parser.add_argument(
        "--derivatives", nargs="+", default="all", metavar="NAME",
        help="folders below derivatives/ to look into; none for no folder; default: all but truth",
    )  # fmt: skip
    parser.add_argument(
        "--minimum-slices",
        type=count,
        default=20,
        metavar="N",
        help="fewest voxels along any axis; default: %(default)s",
    )
    parser.add_argument("--participants", "--participant-label", nargs="+", metavar="LABEL", help="only these")
    parser.add_argument(
        "--sessions", "--session-label", nargs="+", metavar="LABEL", help="only these sessions of theirs"
    )
    parser.add_argument("--qc-exclude", type=Path, metavar="TSV", help="default: qc_exclude.tsv in BIDS_DIR, if there")
    parser.add_argument("--qc-accept", type=Path, metavar="TSV", help="default: qc_accept.tsv in BIDS_DIR, if there")
    parser.add_argument(
        "--failed-dir", type=Path, metavar="DIR",
        help="records of failed jobs; default: qc/failed beside the manifest",
    )  # fmt: skip
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> None:
    """Index; the summary goes to the log."""
    from chiomics.index import update_manifest

    derivatives = arguments.derivatives
    if derivatives in (["all"], ["none"]):
        derivatives = "all" if derivatives == ["all"] else []
    update_manifest(
        arguments.bids_dir,
        arguments.output,
        acquisition=arguments.acquisition,
        derivatives=derivatives,
        participants=arguments.participants,
        sessions=arguments.sessions,
        minimum_slices=arguments.minimum_slices,
        qc_exclude=arguments.qc_exclude,
        qc_accept=arguments.qc_accept,
        failed_dir=arguments.failed_dir or arguments.output.parent / "qc" / "failed",
        on_bad_session=arguments.on_bad_session,
    )
