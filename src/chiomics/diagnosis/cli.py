"""`chiomics diagnosis predict`: apply a model file to the features of new sessions."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command to the parser of `chiomics`."""
    parser = subparsers.add_parser(
        "diagnosis",
        help="apply a classifier that the workflow fitted",
        description="Classifiers from radiomic features. Research use only, not for diagnosis.",
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    action = actions.add_parser(
        "predict",
        help="score the sessions of feature files",
        description="Score sessions by a model file. Research use only, not for diagnosis.",
    )
    action.add_argument("model", type=Path, metavar="MODEL", help="model file, JSON")
    action.add_argument("features", type=Path, nargs="+", metavar="FEATURES", help="feature files, Parquet")
    action.add_argument("-o", "--out", type=Path, help="TSV; the standard output by default")
    action.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> None:
    """Score and write the table."""
    from chiomics.core.errors import InputError
    from chiomics.core.files import atomic_write
    from chiomics.diagnosis.model_file import read_model
    from chiomics.diagnosis.predict import predict, read_features

    record = read_model(arguments.model)
    print(f"{record['intended_use']} {_training(record)}", file=sys.stderr)
    for path in arguments.features:
        if not path.is_file():
            raise InputError("there is no such file", file=path)
    scores = predict(record, read_features(arguments.features, record))
    if arguments.out is None:
        scores.to_csv(sys.stdout, sep="\t", index=False)
        return
    with atomic_write(arguments.out) as temporary:
        scores.to_csv(temporary, sep="\t", index=False)


def _training(record: dict) -> str:
    training = record["training"]
    sizes = ", ".join(f"{count} {group}" for group, count in training["participants"].items())
    kind = "simulated participants" if training["simulated"] else "participants"
    return f"Model {record['model']}, trained on {sizes} {kind}."
