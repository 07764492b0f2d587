"""`chiomics radiomics`: features of any image and mask, as a table."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from chiomics.core.command_line import add_command, count, number, whole_number

#: Width of the progress bar in characters.
BAR = 30


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command to the parser of `chiomics`."""
    parser = add_command(
        subparsers,
        "radiomics",
        summary="extract the features of an image and a mask",
        about="Extract radiomic features that equal those of pyradiomics 3.0.1.",
        example="chiomics radiomics chi.nii.gz nuclei.nii.gz --labels 1 2 --gray-levels 32 64 -o features.tsv",
    )
    parser.add_argument(
        "image", type=Path, metavar="IMAGE", help="image, NIfTI or any other format that SimpleITK reads"
    )
    parser.add_argument("mask", type=Path, metavar="MASK", help="label image on the same voxels")
    parser.add_argument(
        "--preset", default="fiscone107", help="fiscone107 (default), yan874, zhang527 or a pyradiomics parameter file"
    )
    levels = parser.add_mutually_exclusive_group()
    levels.add_argument("--gray-levels", type=count, nargs="+", metavar="N", help="numbers of bins, not the preset's")
    levels.add_argument("--bin-width", type=number, nargs="+", metavar="W", help="bin widths, not the preset's")
    parser.add_argument("--labels", type=whole_number, nargs="+", metavar="L", help="labels, all but 0 by default")
    parser.add_argument("--unit", choices=("ppm", "ppb"), help="unit of a susceptibility map, needed by zhang527")
    parser.add_argument(
        "--engine", choices=("chiomics", "pyradiomics"), default="chiomics", help="default: %(default)s"
    )
    parser.add_argument(
        "--isolated-voxels", choices=("pyradiomics", "ibsi"), default="pyradiomics", help="default: %(default)s"
    )
    parser.add_argument("--wide", action="store_true", help="one row per label, one column per feature")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="TABLE", help=".tsv, .csv or .parquet; the standard output by default"
    )
    parser.add_argument("--no-progress", action="store_true", help="no progress bar")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> None:
    """Extract and write the table."""
    from chiomics.core.errors import InputError
    from chiomics.core.tables import write_frame
    from chiomics.radiomics.extraction import extract
    from chiomics.radiomics.tables import widen

    if arguments.output is not None and arguments.output.suffix not in (".tsv", ".csv", ".parquet"):
        raise InputError("output", found=str(arguments.output), expected="a name that ends in .tsv, .csv or .parquet")
    shown = not arguments.no_progress and sys.stderr.isatty()
    frame = extract(
        arguments.image,
        arguments.mask,
        preset=arguments.preset,
        gray_levels=arguments.gray_levels,
        bin_width=arguments.bin_width,
        labels=arguments.labels,
        unit=arguments.unit,
        engine=arguments.engine,
        isolated_voxels=arguments.isolated_voxels,
        progress=_draw_bar if shown else None,
    )
    if arguments.wide:
        frame = widen(frame)
    if arguments.output is None:
        frame.to_csv(sys.stdout, sep="\t", index=False)
    else:
        write_frame(frame, arguments.output)


def _draw_bar(done: int, total: int) -> None:
    filled = BAR * done // total
    end = "\n" if done == total else ""
    print(f"\r[{'#' * filled}{'.' * (BAR - filled)}] {done}/{total} values", end=end, file=sys.stderr, flush=True)
