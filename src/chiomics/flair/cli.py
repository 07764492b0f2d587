"""`chiomics flair predict`: apply a FLAIR classifier to new sessions, with a page that shows where it looked."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command to the parser of `chiomics`."""
    parser = subparsers.add_parser(
        "flair",
        help="apply a FLAIR classifier that the workflow trained",
        description="Classifiers of FLAIR images. Research use only, not for diagnosis.",
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    action = actions.add_parser(
        "predict",
        help="score prepared sessions",
        description="Score sessions by a model file. Research use only, not for diagnosis.",
    )
    action.add_argument("model", type=Path, metavar="MODEL", help="weights, .safetensors, with the card beside them")
    action.add_argument(
        "sessions", type=Path, nargs="+", metavar="IMAGES",
        help="prepared images: results/sub-*/flair/*_desc-classifiers_FLAIR.npz of the workflow",
    )  # fmt: skip
    action.add_argument("-o", "--out", type=Path, help="TSV; the standard output by default")
    action.add_argument("--cam", type=Path, metavar="PNG", help="page with Grad-CAM of every session")
    action.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> None:
    """Score, write the table, draw the page."""
    from chiomics.core.errors import SettingError
    from chiomics.core.learning.device import torch_missing
    from chiomics.core.tables import write_frame

    if missing := torch_missing():
        raise SettingError(missing)
    from chiomics.flair.predict import read_classifier, read_sessions, score_sessions

    model, card = read_classifier(arguments.model)
    prepared = read_sessions(arguments.sessions)
    print(f"{card['intended_use']} {_training(card)}", file=sys.stderr)
    if arguments.cam is not None and arguments.cam.suffix.lower() != ".png":
        raise SettingError("the page of --cam is a PNG", found=str(arguments.cam), expected="a name that ends in .png")
    if arguments.cam is not None and model.views is not None:
        raise SettingError(
            "maps of a two-view network have no place in the head", expected="a model of seok2023 for --cam"
        )
    scores = score_sessions(model, card, prepared)
    for row in scores[scores["warning"] != ""].itertuples():
        print(f"{row.session or row.participant}: {row.warning}", file=sys.stderr)
    if arguments.cam is not None:
        from chiomics.flair.images.page import write_attention_page

        write_attention_page(model, card, prepared, scores, arguments.cam)
    if arguments.out is None:
        scores.to_csv(sys.stdout, sep="\t", index=False)
    else:
        write_frame(scores, arguments.out)


def _training(card: dict) -> str:
    training = card["training"]
    sizes = ", ".join(f"{count} {group}" for group, count in training["participants"].items())
    return f"Model {card['arm']}, trained on {sizes} {'simulated ' * training['simulated']}participants."
