"""`chiomics qsm`, `anatomy`, `paper` and `site`: one part of the workflow, without a word of Snakemake's."""

from __future__ import annotations

import argparse
import os
from functools import partial
from glob import glob
from pathlib import Path

from chiomics.commands.run import add_common, add_folders, add_sessions, call_workflow, run_targets
from chiomics.commands.run_snakemake import PAPERS
from chiomics.core.command_line import add_command

#: By the stage: what it makes of every session.
STAGES = {
    "qsm": "make the susceptibility maps of a BIDS folder",
    "anatomy": "map tissue, lesions, nuclei and tracts of a BIDS folder, behind its susceptibility maps",
}


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-commands to the parser of `chiomics`."""
    for stage, summary in STAGES.items():
        example = f"chiomics {stage} /data/BIDS /data/chiomics --participant-label 01"
        parser = add_command(subparsers, stage, summary=summary, example=example)
        add_folders(parser)
        add_sessions(parser)
        add_common(parser)
        parser.set_defaults(command=partial(run_targets, targets=[stage]))

    paper = add_command(
        subparsers,
        "paper",
        summary="repeat a study on a table of features, without images",
        example="chiomics paper yan2021 /data/study --features features.csv",
    )
    studies = f"{{{','.join(PAPERS[:2])}}}"
    paper.add_argument("paper", choices=PAPERS[:2], metavar=studies, help="the study; the others need images")
    paper.add_argument("output_dir", type=Path, metavar="OUT", help="where results/ is made")
    paper.add_argument(
        "--features", type=Path, required=True, metavar="TABLE", help=".parquet, .tsv or .csv; a quoted * for several"
    )
    paper.add_argument("--columns", type=Path, metavar="MAP", help="YAML map of the columns, see docs/tables.md")
    add_common(paper)
    paper.set_defaults(command=run_paper)

    site = add_command(
        subparsers,
        "site",
        summary="write the pages to look through, of a run that is there",
        about="Write the pages to look through (results/index.html) of what `chiomics run` or `chiomics demo` made, "
        "with the settings of the last call there, and make what is missing for them.",
        example="chiomics site /data/chiomics",
    )
    site.add_argument("output_dir", type=Path, metavar="OUT", help="where results/ is")
    add_common(site)
    site.set_defaults(command=run_site)


def run_paper(arguments: argparse.Namespace) -> int:
    """Repeat a study on a table; returns 0 only if all is done."""
    from chiomics.commands.run_snakemake import from_here, merged, nested
    from chiomics.core.errors import InputError

    given = {"features": arguments.features, "feature_columns": arguments.columns}
    for path in filter(None, given.values()):
        if not path.exists() and not glob(os.fspath(path)):  # noqa: PTH207 (patterns of folders as well)
            raise InputError("there is no such file", file=path)
    settings = {key: str(path.resolve()) for key, path in given.items() if path}
    return call_workflow(arguments, [arguments.paper], merged(settings, from_here(nested(arguments.config))))


def run_site(arguments: argparse.Namespace) -> int:
    """Write the pages; returns 0 only if all is done."""
    from chiomics.commands.run_call import CONFIGURATION
    from chiomics.commands.run_snakemake import from_here, nested
    from chiomics.core.errors import InputError

    last = arguments.output_dir / CONFIGURATION
    if not last.is_file():
        raise InputError(
            "no run is known in the folder", file=last,
            expected="the OUT of `chiomics run` or `chiomics demo`; of plain Snakemake: `snakemake site` as you ran it",
        )  # fmt: skip
    return call_workflow(arguments, ["site"], from_here(nested(arguments.config)), below=[last])
