"""`chiomics flair predict`: apply a FLAIR classifier to new sessions, with a page that shows where it looked."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from chiomics.core.command_line import add_command


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command to the parser of `chiomics`."""
    predicting = "chiomics flair predict classifier.safetensors /data/chiomics/results --out scores.tsv"
    parser = add_command(
        subparsers,
        "flair",
        summary="apply a classifier of FLAIR images that the workflow trained",
        example=predicting,
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    action = add_command(
        actions,
        "predict",
        summary="score sessions",
        about="Score sessions by a model file: those of a folder of results, prepared files, or one session as images, "
        "which the anatomy stage maps first (minutes).",
        example=(predicting, "chiomics flair predict classifier.safetensors --flair flair.nii.gz --t1w t1w.nii.gz"),
    )
    action.add_argument("model", type=Path, metavar="MODEL", help="weights, .safetensors, with the card beside them")
    action.add_argument(
        "sessions", type=Path, nargs="*", metavar="SESSIONS",
        help="results of a run of chiomics, or prepared files sub-*/flair/*_desc-classifiers_FLAIR.npz",
    )  # fmt: skip
    action.add_argument("--flair", type=Path, metavar="IMAGE", help="FLAIR of one session, the whole head")
    action.add_argument("--t1w", type=Path, metavar="IMAGE", help="its T1w, the whole head")
    action.add_argument("--lesions", type=Path, metavar="MASK", help="its lesions, on the voxels of either image")
    action.add_argument("--brain", type=Path, metavar="MASK", help="its brain, on the voxels of the T1w")
    action.add_argument(
        "--find-lesions", action="store_true",
        help="find the lesions of --flair, also for a model that was trained on masks",
    )  # fmt: skip
    action.add_argument("-o", "--out", type=Path, help="TSV; the standard output by default")
    action.add_argument("--cam", type=Path, metavar="PNG", help="page with Grad-CAM of every session")
    action.add_argument("--device", default="cpu", help="cpu (default), cuda, mps or auto")
    action.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> None:
    """Score, write the table, draw the page."""
    from chiomics.core.errors import SettingError
    from chiomics.core.learning.device import torch_missing
    from chiomics.core.tables import write_frame

    if missing := torch_missing():
        raise SettingError(missing)
    from chiomics.commands.flair_predict import predict_sessions
    from chiomics.flair.prediction.score import read_classifier

    given = {"FLAIR": arguments.flair, "T1w": arguments.t1w}
    given |= {"lesion_mask": arguments.lesions, "T1w_mask": arguments.brain}
    images = given if any(given.values()) else None
    if not arguments.sessions and images is None:
        raise SettingError("no session is given", expected="a folder of results, prepared files, or --flair and --t1w")
    if arguments.cam is not None and arguments.cam.suffix.lower() != ".png":
        raise SettingError("the page of --cam is a PNG", found=str(arguments.cam), expected="a name that ends in .png")
    print(_introduce(read_classifier(arguments.model)[1]), file=sys.stderr)
    scores = predict_sessions(
        arguments.model, arguments.sessions, images=images, find_lesions=arguments.find_lesions, page=arguments.cam,
        device=arguments.device,
    )  # fmt: skip
    for row in scores.itertuples():
        for word, said in (("not scored: ", row.refused), ("", row.warning)):
            if said:
                print(f"{row.session or row.participant}: {word}{said}", file=sys.stderr)
    if arguments.out is None:
        scores.to_csv(sys.stdout, sep="\t", index=False, na_rep="n/a")
    else:
        write_frame(scores, arguments.out, missing="n/a")


def _introduce(card: dict) -> str:
    training = card["training"]
    sizes = ", ".join(f"{count} {group}" for group, count in training["participants"].items())
    simulated = "simulated " * training["simulated"]
    return f"{card['intended_use']} Model {card['arm']}, trained on {sizes} {simulated}participants."
