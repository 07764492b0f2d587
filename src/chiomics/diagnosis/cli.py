"""`chiomics diagnosis predict`: apply a model file to the features of new sessions."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from chiomics.core.command_line import add_command


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command to the parser of `chiomics`."""
    predicting = "chiomics diagnosis predict model.json features.parquet --out scores.tsv"
    parser = add_command(
        subparsers,
        "diagnosis",
        summary="apply a classifier of features that the workflow fitted",
        example=predicting,
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    action = add_command(actions, "predict", summary="score the sessions of tables of features", example=predicting)
    action.add_argument("model", type=Path, metavar="MODEL", help="model file, JSON")
    tables = "tables of features: .parquet, .tsv or .csv"
    action.add_argument("features", type=Path, nargs="+", metavar="FEATURES", help=tables)
    columns = "YAML map of the columns of tables under other names, see docs/tables.md"
    action.add_argument("--columns", type=Path, metavar="MAP", help=columns)
    people = "table of age, sex and so on; participants.tsv or .csv beside the first table by default"
    action.add_argument("--participants", type=Path, metavar="TABLE", help=people)
    action.add_argument("-o", "--out", type=Path, help="TSV; the standard output by default")
    action.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> None:
    """Score and write the table."""
    from chiomics.core.errors import InputError
    from chiomics.core.features.table import open_features
    from chiomics.core.features.wide import read_column_map
    from chiomics.core.left_out import LeftOut
    from chiomics.core.tables import write_frame
    from chiomics.diagnosis.model_file import read_model
    from chiomics.diagnosis.predict import predict

    record = read_model(arguments.model)
    print(f"{record['intended_use']} {_training(record)}", file=sys.stderr)
    for path in [*arguments.features, *filter(None, (arguments.columns, arguments.participants))]:
        if not path.is_file():
            raise InputError("there is no such file", file=path)
    column_map = read_column_map(arguments.columns) if arguments.columns else None
    features = open_features(arguments.features, column_map=column_map, participants=arguments.participants)
    left_out = LeftOut()
    scores = predict(record, features, left_out)
    if arguments.out is None:
        for row in left_out.rows:
            print(f"left out: {row[1]}: {row[3]}", file=sys.stderr)
        scores.to_csv(sys.stdout, sep="\t", index=False)
        return
    write_frame(scores, arguments.out.with_suffix(".tsv") if not arguments.out.suffix else arguments.out)
    write_frame(left_out.table(), arguments.out.with_name(f"{arguments.out.stem}_left_out.tsv"))


def _training(record: dict) -> str:
    training = record["training"]
    sizes = ", ".join(f"{count} {group}" for group, count in training["participants"].items())
    kind = "simulated participants" if training["simulated"] is True else "participants"
    return f"Model {record['model']}, trained on {sizes} {kind}."
