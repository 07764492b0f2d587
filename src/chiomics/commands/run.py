"""`chiomics run`: the workflow over a BIDS folder, called as BIDS-Apps are.

It writes the Snakemake line that it calls, lifts the lock of a run that was killed, shows one line of progress in place
of Snakemake's blocks, and ends with what was made, what failed and why.
"""

from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLE = """example:
  chiomics run /data/BIDS /data/chiomics participant --participant-label 01 02 --cores 4
  chiomics run /data/BIDS /data/chiomics group --paper yan2021
"""


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-commands to the parser of `chiomics`."""
    parser = subparsers.add_parser(
        "run", help="run the workflow over a BIDS folder", description=__doc__.split("\n\n")[0] + " Research use only.",
        epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("bids_dir", type=Path, metavar="BIDS_DIR", help="the BIDS folder")
    parser.add_argument("output_dir", type=Path, metavar="OUT", help="where results/ is made")
    parser.add_argument(
        "level", choices=("participant", "group"), help="every session's maps, regions and features; or everything"
    )
    parser.add_argument("--participant-label", nargs="+", metavar="LABEL", help="only these")
    parser.add_argument("--session-label", nargs="+", metavar="LABEL", help="only these sessions of theirs")
    parser.add_argument("--stage", nargs="+", default=[], metavar="STAGE", help="of qsm, anatomy, radiomics")
    parser.add_argument("--paper", nargs="+", default=[], metavar="PAPER", help="only these studies, e.g. yan2021")
    parser.add_argument("--work-dir", type=Path, help="for temporary files; the system's by default")
    parser.add_argument(
        "--skip-bids-validation", action="store_true",
        help="for calls written for other BIDS-Apps: what is read is always checked, the rest of the folder never",
    )  # fmt: skip
    _add_common(parser)
    parser.set_defaults(command=run)

    demo = subparsers.add_parser(
        "demo", help="run the embedded simulated cohort",
        description="Run the embedded simulated cohort to the papers' tables and figures. Research use only.",
        epilog="example:\n  chiomics demo --cores 4", formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    demo.add_argument("output_dir", type=Path, nargs="?", default=Path(), metavar="OUT", help="default: here")
    _add_common(demo)
    demo.set_defaults(command=run_demo)


def run(arguments: argparse.Namespace) -> int:
    """Run over a BIDS folder; returns 0 only if all is done."""
    from chiomics.commands.run_snakemake import configuration, from_here, nested, targets_of
    from chiomics.core.errors import InputError

    if not arguments.bids_dir.is_dir():
        raise InputError("the BIDS folder does not exist", file=arguments.bids_dir)
    targets = targets_of(arguments.level, arguments.stage, arguments.paper)
    settings = configuration(
        arguments.bids_dir,
        participants=arguments.participant_label,
        sessions=arguments.session_label,
        settings=from_here(nested(arguments.config)),
    )
    return _call(arguments, targets, settings, work_dir=arguments.work_dir)


def run_demo(arguments: argparse.Namespace) -> int:
    """Run the embedded cohort; returns 0 only if all is done."""
    from chiomics.commands.run_snakemake import find_snakefile, from_here, nested

    demo = find_snakefile().parent / "config" / "demo.yaml"
    return _call(arguments, ["all"], from_here(nested(arguments.config)), below=demo)


def _call(
    arguments: argparse.Namespace,
    targets: list[str],
    settings: dict,
    *,
    work_dir: Path | None = None,
    below: Path | None = None,
) -> int:
    from chiomics.commands import run_call
    from chiomics.commands.run_snakemake import find_snakefile, snakemake_line

    directory = arguments.output_dir.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    given = [below] if below else []
    given += [arguments.configfile.resolve()] if arguments.configfile else []
    line = snakemake_line(
        targets,
        snakefile=find_snakefile(),
        directory=directory,
        configfiles=[*given, run_call.write_configuration(directory, settings)],
        cores=arguments.cores,
        mem_mb=arguments.mem_mb,
        profile=arguments.profile,
        dry_run=arguments.dry_run,
        more=arguments.snakemake or [],
    )
    return run_call.call(line, directory, verbose=arguments.verbose or arguments.dry_run, work_dir=work_dir)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cores", default="all", metavar="N", help="of this machine; all by default")
    parser.add_argument("--mem-mb", type=int, metavar="MB", help="memory that jobs may take together")
    parser.add_argument("--profile", metavar="NAME", help="e.g. slurm, or the folder of a workflow profile of yours")
    parser.add_argument(
        "--config", nargs="+", default=[], metavar="KEY=VALUE", help="e.g. qsm.inversions=[tkd]; see config/README.md"
    )
    parser.add_argument("--configfile", type=Path, metavar="YAML", help="settings that differ from the defaults")
    parser.add_argument("--dry-run", "-n", action="store_true", help="say what would be done")
    parser.add_argument("--verbose", "-v", action="store_true", help="all that Snakemake says, in place of one line")
    parser.add_argument(
        "--snakemake", nargs=argparse.REMAINDER, metavar="...", help="the rest of the line goes to Snakemake"
    )
