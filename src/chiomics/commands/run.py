"""`chiomics run`: the workflow over a BIDS folder, called as BIDS-Apps are.

It writes the Snakemake line that it calls, lifts the lock of a run that was killed, shows one line of progress in place
of Snakemake's blocks, and ends with what was made, what failed and why.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from chiomics.commands.run_snakemake import PAPERS, STAGES, cores_of
from chiomics.core.command_line import add_command, count, suggest

EXAMPLE = (
    "chiomics run /data/BIDS /data/chiomics participant --participant-label 01 02 --cores 4",
    "chiomics run /data/BIDS /data/chiomics group --paper yan2021",
)


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-commands to the parser of `chiomics`."""
    parser = add_command(
        subparsers,
        "run",
        summary="run the workflow over a BIDS folder",
        about="Run the workflow over a BIDS folder, called as BIDS-Apps are.",
        example=EXAMPLE,
    )
    add_folders(parser)
    parser.add_argument(
        "level",
        choices=("participant", "group"),
        metavar="{participant,group}",
        help="every session's maps, regions and features; or everything",
    )
    suggest(
        parser.add_argument(
            "--stage", nargs="+", default=[], choices=STAGES, metavar="STAGE", help="of qsm, anatomy, radiomics"
        ),
        STAGES,
    )
    suggest(
        parser.add_argument(
            "--paper", nargs="+", default=[], choices=PAPERS, metavar="PAPER", help="only these studies, e.g. yan2021"
        ),
        PAPERS,
    )
    parser.add_argument(
        "--skip-bids-validation", action="store_true",
        help="for calls written for other BIDS-Apps: what is read is always checked, the rest of the folder never",
    )  # fmt: skip
    add_sessions(parser)
    add_common(parser)
    parser.set_defaults(command=run)

    demo = add_command(
        subparsers,
        "demo",
        summary="run the embedded simulated cohort",
        about="Run the embedded simulated cohort to the papers' tables and figures.",
        example="chiomics demo /tmp/chiomics --cores 4",
    )
    demo.add_argument("output_dir", type=Path, nargs="?", default=Path(), metavar="OUT", help="default: here")
    add_common(demo)
    demo.set_defaults(command=run_demo)


def run(arguments: argparse.Namespace) -> int:
    """Run over a BIDS folder; returns 0 only if all is done."""
    from chiomics.commands.run_snakemake import targets_of

    return run_targets(arguments, targets_of(arguments.level, arguments.stage, arguments.paper))


def run_targets(arguments: argparse.Namespace, targets: list[str]) -> int:
    """Make targets of a BIDS folder; returns 0 only if all is done."""
    from chiomics.commands.run_snakemake import configuration, from_here, nested
    from chiomics.core.errors import InputError
    from chiomics.index.walk import check_bids_folder

    check_bids_folder(arguments.bids_dir)
    bids, out = arguments.bids_dir.resolve(), arguments.output_dir.resolve()
    if out == bids or any(part.startswith("sub-") for part in out.parts[len(bids.parts) :] if bids in out.parents):
        raise InputError(
            "the results would lie among the images of the BIDS folder", file=arguments.output_dir,
            found="the BIDS folder itself" if out == bids else "a participant's folder",
            expected=f"a folder elsewhere, or {arguments.bids_dir / 'derivatives/chiomics'}",
        )  # fmt: skip
    given = nested(arguments.config)
    if "bids_dir" in given:
        raise InputError(
            "the BIDS folder is given twice", found=f"{arguments.bids_dir} and --config bids_dir={given['bids_dir']}",
            expected="BIDS_DIR alone",
        )  # fmt: skip
    settings = configuration(
        arguments.bids_dir,
        participants=arguments.participant_label,
        sessions=arguments.session_label,
        settings=from_here(given),
    )
    return call_workflow(arguments, targets, settings, work_dir=arguments.work_dir)


def run_demo(arguments: argparse.Namespace) -> int:
    """Run the embedded cohort; returns 0 only if all is done."""
    from chiomics.commands.run_snakemake import find_snakefile, from_here, nested

    demo = find_snakefile().parent / "config" / "demo.yaml"
    return call_workflow(arguments, ["all"], from_here(nested(arguments.config)), below=[demo])


def call_workflow(
    arguments: argparse.Namespace,
    targets: list[str],
    settings: dict,
    *,
    work_dir: Path | None = None,
    below: Sequence[Path] = (),
) -> int:
    """Call the workflow for some targets.

    Parameters
    ----------
    arguments : argparse.Namespace
        With `output_dir` and those of `add_common`.
    targets : list of str
        What is made.
    settings : dict
        What lies over the configuration files.
    work_dir : Path, optional
        For temporary files.
    below : sequence of Path
        Configuration files under that of the user.

    Returns
    -------
    int
        0 only if all is done.
    """
    from chiomics.commands import run_call
    from chiomics.commands.run_snakemake import find_snakefile, merged, read_configuration, snakemake_line
    from chiomics.configuration import complete_configuration
    from chiomics.core.errors import InputError

    for path in reversed([*below, *([arguments.configfile] if arguments.configfile else [])]):
        settings = merged(read_configuration(path), settings)
    complete_configuration(settings)  # a word that is misspelt is answered in one line
    directory = arguments.output_dir.resolve()
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError("the place of the results is a file", file=directory, expected="a folder") from error
    line = snakemake_line(
        targets,
        snakefile=find_snakefile(),
        directory=directory,
        configfiles=[run_call.write_configuration(directory, settings, plan=arguments.dry_run)],
        cores=arguments.cores,
        mem_mb=arguments.mem_mb,
        profile=arguments.profile,
        dry_run=arguments.dry_run,
        # The numbers of jobs by rule; each job with its files is most of what a plan costs, and too much to read.
        quiet=arguments.dry_run and not arguments.verbose,
        more=arguments.snakemake or [],
    )
    return run_call.call(line, directory, verbose=arguments.verbose or arguments.dry_run, work_dir=work_dir)


def add_folders(parser: argparse.ArgumentParser) -> None:
    """Add what is read and where results go."""
    parser.add_argument("bids_dir", type=Path, metavar="BIDS_DIR", help="the BIDS folder")
    parser.add_argument("output_dir", type=Path, metavar="OUT", help="where results/ is made")


def add_sessions(parser: argparse.ArgumentParser) -> None:
    """Add the choice of sessions of a BIDS folder."""
    parser.add_argument("--participant-label", nargs="+", metavar="LABEL", help="only these")
    parser.add_argument("--session-label", nargs="+", metavar="LABEL", help="only these sessions of theirs")
    parser.add_argument("--work-dir", type=Path, metavar="DIR", help="for temporary files; the system's by default")


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command that calls the workflow."""
    parser.add_argument("--cores", type=cores_of, default="all", metavar="N", help="of this machine; all by default")
    parser.add_argument("--mem-mb", type=count, metavar="MB", help="memory that jobs may take together")
    parser.add_argument("--profile", metavar="NAME", help="e.g. slurm, or the folder of a workflow profile of yours")
    parser.add_argument(
        "--config", nargs="+", default=[], metavar="KEY=VALUE", help="e.g. qsm.inversions=[tkd]; see config/README.md"
    )
    parser.add_argument("--configfile", type=Path, metavar="YAML", help="settings that differ from the defaults")
    parser.add_argument("--dry-run", "-n", action="store_true", help="say what would run; with -v, job by job")
    parser.add_argument("--verbose", "-v", action="store_true", help="all that Snakemake says, in place of one line")
    parser.add_argument(
        "--snakemake", nargs=argparse.REMAINDER, metavar="...", help="the rest of the line goes to Snakemake"
    )
