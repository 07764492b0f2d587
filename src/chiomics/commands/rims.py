"""`chiomics rims predict`: apply a trained detector of rim lesions to new sessions."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from chiomics.core.command_line import add_command


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command to the parser of `chiomics`."""
    predicting = "chiomics rims predict detector.safetensors /data/chiomics/results --out rims"
    parser = add_command(
        subparsers,
        "rims",
        summary="find paramagnetic rim lesions with a trained detector",
        example=predicting,
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    action = add_command(
        actions,
        "predict",
        summary="score the lesions of sessions",
        about="Score every lesion: lesions.tsv, burden.tsv per session, pages to review, and a table of ratings for an "
        "expert to fill.",
        example=predicting,
    )
    action.add_argument("model", type=Path, metavar="MODEL", help="detector, .safetensors, its .json beside it")
    action.add_argument(
        "folder", type=Path, metavar="BIDS_DERIVATIVES", help="folder with sub-*/anat of χ, FLAIR and lesion labels"
    )
    action.add_argument("-o", "--out", type=Path, default=Path("rims"), help="folder of the results; rims by default")
    action.add_argument("--resample", action="store_true", help="resample patches to the detector's voxel size")
    action.add_argument("--device", default="", help="of a network: cpu (default), cuda, mps or auto")
    action.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> None:
    """Score, write and say what was found."""
    from chiomics.commands.rims_predict import predict_folder
    from chiomics.rims.detectors.model_file import NOTICE

    print(NOTICE, file=sys.stderr)
    burden = predict_folder(
        arguments.model, arguments.folder, arguments.out, resample=arguments.resample, device=arguments.device
    )
    rims, lesions = int(burden["rim_lesions"].sum()), int(burden["lesions"].sum())
    print(f"{len(burden)} sessions, {rims} of {lesions} lesions are called rims; {arguments.out}")
