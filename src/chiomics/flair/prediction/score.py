"""A model file on prepared sessions, and refusals of what it was not made for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from chiomics.core.errors import InputError
from chiomics.core.learning.weights import fill_network, load_model
from chiomics.flair.images.prepare import Prepared
from chiomics.flair.study.networks.architectures import Classifier
from chiomics.flair.study.networks.final_model import network_of
from chiomics.flair.study.networks.training import pick_images, predict

KIND = "chiomics flair classifier"
#: Edge of images that no network looks at, voxels or pixels.
SMALL = 32


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
    return fill_network(lambda: network_of(card), state, path).eval(), card


def sizes_of(card: Mapping[str, Any]) -> dict[str, int]:
    """Return the sizes that a model's images are prepared at; those of the other paper are as small as can be."""
    network = card["network"]
    return {"edge": network.get("edge", SMALL), "pixels": network.get("pixels", SMALL)}


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
        Columns participant, session, ``p_<positive>``, ``refused`` and ``warning``. A session without lesions gets no
        probability of a model that was trained on such as have some, and the reason in ``refused``.

    Raises
    ------
    InputError
        Where the images have another size than the network takes, or were prepared in another way.
    """
    check_images(card, prepared)
    table, training = prepared.table, card["training"]
    images = pick_images(prepared, card["study"], card["input"])
    name = f"p_{card['positive']}"
    found = table[["participant", "session"]].assign(**{name: predict(model, images)}, refused="")
    if training["lesions_required"]:
        without = table["lesion_count"] == 0
        found.loc[without, "refused"] = "no lesions; the model was trained on sessions with lesions alone"
        found.loc[without, name] = np.nan
    return found.assign(warning=[_warn(row, card) for row in table.to_dict("records")])


def check_images(card: Mapping[str, Any], prepared: Prepared) -> None:
    """Refuse images of another size than the network was trained on, or that were prepared in another way."""
    name, key = ("wang_flair", "edge") if card["study"] == "wang2020" else ("seok_flair", "pixels")
    found, expected = prepared.images[name].shape[-1], card["network"][key]
    if found != expected:
        raise InputError(
            "the images were prepared at another size than the model takes", found=str(found), expected=str(expected)
        )
    way = prepared.table["preparation"].iloc[0] if "preparation" in prepared.table else "not said"
    if way != card["training"]["preparation"]:
        raise InputError(
            "the images were prepared in another way than those of the training", found=str(way),
            expected=str(card["training"]["preparation"]),
        )  # fmt: skip


def _warn(row: Mapping[str, Any], card: Mapping[str, Any]) -> str:
    training = card["training"]
    said = ["trained on simulated subjects alone"] if training["simulated"] is True and not row["simulated"] else []
    known = training["lesion_sources"]
    if card["input"] != "flair" and (source := row.get("lesion_source")) not in known:
        said.append(f"lesions are {source}; in the training cohort they were {' or '.join(known)}")
    for name, (low, high) in training["ranges"].items():
        value = pd.to_numeric(row.get(name), errors="coerce")
        if pd.notna(value) and not low <= value <= high:
            said.append(f"{name} {value:g} outside the training cohort's {low:g} to {high:g}")
    return "; ".join(said)
