"""Apply a model file to prepared sessions, refusing what it was not made for."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from chiomics.core.errors import InputError
from chiomics.core.learning.weights import load_model
from chiomics.flair.images.prepare import Prepared
from chiomics.flair.study.final_model import network_of
from chiomics.flair.study.networks import Classifier
from chiomics.flair.study.training import pick_images, predict

log = logging.getLogger(__name__)
KIND = "chiomics flair classifier"


def read_classifier(path: str | Path) -> tuple[Classifier, dict[str, Any]]:
    """Read a model file.

    Parameters
    ----------
    path : path-like
        Weights, ``.safetensors``, with their card beside them.

    Returns
    -------
    model : Classifier
        In evaluation mode.
    card : dict
        What it is.

    Raises
    ------
    InputError
        Where the file is another kind of model, or its weights do not fit its card.
    """
    state, card = load_model(path)
    if card.get("kind") != KIND:
        raise InputError("not a model of FLAIR classifiers", file=path, found=str(card.get("kind")), expected=KIND)
    model = network_of(card)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise InputError("the weights do not fit the card", file=path, found=str(error).splitlines()[0]) from error
    return model.eval(), card


def score_sessions(model: Classifier, card: Mapping[str, Any], prepared: Prepared) -> pd.DataFrame:
    """Score sessions, with warnings where they are unlike the training cohort.

    Parameters
    ----------
    model : Classifier
        Of `read_classifier`.
    card : mapping
        Its card.
    prepared : Prepared
        Sessions.

    Returns
    -------
    pandas.DataFrame
        Columns participant, session, ``p_<positive>``, ``warning``.

    Raises
    ------
    InputError
        Where the images have another size than the network takes, or a session has no lesions and the model was
        trained on such as have.
    """
    check_size(card, prepared)
    table, training = prepared.table, card["training"]
    if training["lesions_required"] and (without := table.loc[table["lesion_count"] == 0, "session"].tolist()):
        raise InputError(
            "the model was trained on sessions with lesions alone", found=f"no lesions in {', '.join(without)}",
            expected="at least one lesion",
        )  # fmt: skip
    images = torch.from_numpy(pick_images(prepared, card["study"], card["input"]))
    found = table[["participant", "session"]].assign(**{f"p_{card['positive']}": predict(model, images)})
    return found.assign(warning=[_warn(row, training) for row in table.to_dict("records")])


def check_size(card: Mapping[str, Any], prepared: Prepared) -> None:
    """Refuse images of another size than the network was trained on."""
    name, key = ("wang_flair", "edge") if card["study"] == "wang2020" else ("seok_flair", "pixels")
    found, expected = prepared.images[name].shape[-1], card["network"][key]
    if found != expected:
        raise InputError(
            "the images were prepared at another size than the model takes", found=str(found), expected=str(expected)
        )


def read_sessions(paths: Sequence[str | Path]) -> Prepared:
    """Read prepared files (``*_desc-classifiers_FLAIR.npz``), refusing what is missing and what comes twice."""
    for path in paths:
        if not Path(path).is_file():
            raise InputError(
                "there is no such file", file=path, expected="prepared by the workflow's rule prepare_flair"
            )
    prepared = Prepared.read(paths)
    twice = prepared.table.duplicated(["participant", "session"])
    if twice.any():
        raise InputError("a session is given twice", found=str(prepared.table.loc[twice, "session"].iloc[0]))
    return prepared


def _warn(row: Mapping[str, Any], training: Mapping[str, Any]) -> str:
    said = ["trained on simulated subjects alone"] if training["simulated"] and not row["simulated"] else []
    for name, (low, high) in training["ranges"].items():
        value = pd.to_numeric(row.get(name), errors="coerce")
        if pd.notna(value) and not low <= value <= high:
            said.append(f"{name} {value:g} outside the training cohort's {low:g} to {high:g}")
    return "; ".join(said)
