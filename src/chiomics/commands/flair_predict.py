"""Scores new sessions by a model file, whatever form they come in, and draws where the model looked."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from chiomics.commands.flair_sessions import (
    Refused,
    find_segmentations,
    prepare_each,
    prepare_images,
    read_prepared,
)
from chiomics.core.errors import InputError
from chiomics.core.learning.device import choose_device
from chiomics.flair.images.prepare import Prepared
from chiomics.flair.prediction.attention_page import write_attention_pages
from chiomics.flair.prediction.score import check_images, read_classifier, score_sessions, sizes_of

log = logging.getLogger(__name__)


def predict_sessions(
    model: str | Path,
    sessions: Sequence[str | Path] = (),
    *,
    segmentations: Sequence[tuple[Mapping[str, Any], Path]] = (),
    images: Mapping[str, Path | None] | None = None,
    find_lesions: bool = False,
    page: str | Path | None = None,
    device: str = "cpu",
) -> pd.DataFrame:
    """Score sessions.

    Parameters
    ----------
    model : path-like
        Weights, ``.safetensors``, with their card beside them.
    sessions : sequence of path-like
        Folders of a run of the workflow, or prepared files.
    segmentations : sequence of tuple
        Of `sessions.find_segmentations`, where they are known.
    images : mapping of str to path-like, optional
        One session as files: ``FLAIR``, ``T1w``, ``lesion_mask``, ``T1w_mask``.
    find_lesions : bool
        Whether lesions of `images` may be found by the anatomy stage though the training's were not.
    page : path-like, optional
        PNG of Grad-CAM; many sessions take several, numbered.
    device : str
        Where the network computes.

    Returns
    -------
    pandas.DataFrame
        Of `score.score_sessions`, with a row for every session that was refused.

    Raises
    ------
    InputError
        Where the model does not fit, an input cannot be used, or not one session can be scored.
    """
    classifier, card = read_classifier(model)
    classifier = classifier.to(choose_device(device))
    sizes, training = sizes_of(card), card["training"]
    folders = [path for path in sessions if Path(path).is_dir()]
    files = [path for path in sessions if not Path(path).is_dir()]
    found = [*segmentations, *(one for folder in folders for one in find_segmentations(folder))]
    parts: list[Prepared] = []
    scored: list[pd.DataFrame] = []
    refused: list[Refused] = []
    with TemporaryDirectory() as scratch:

        def take(part: Prepared) -> None:
            """Score sessions; for the pages their images lie in a file until they are drawn."""
            scored.append(score_sessions(classifier, card, part))
            if page is None:
                return
            part.write(path := Path(scratch, f"{len(parts)}.npz"))
            parts.append(replace(part, images=Prepared.open([path]).images))

        for one in prepare_each(found, sizes):
            if isinstance(one, Refused):
                refused.append(one)
            else:
                take(one)
        if files:
            given = read_prepared(files)
            refused += [_empty_file(path) for path in files if Prepared.read_tables([path]).table.empty]
            if not given.table.empty:
                check_images(card, given)
                scored.append(score_sessions(classifier, card, given))
                parts.append(given)
        if images is not None:
            needs_mask = card["input"] != "flair" and "automatic" not in training["lesion_sources"] and not find_lesions
            take(prepare_images(images, card["anatomy"], sizes, needs_mask=needs_mask))
        scores = _join(scored, refused, card, model)
        if page is not None:
            write_attention_pages(classifier, card, list(zip(parts, scored, strict=True)), page)
    return scores


def _join(
    scored: Sequence[pd.DataFrame], refused: Sequence[Refused], card: Mapping[str, Any], model: str | Path
) -> pd.DataFrame:
    """Bring the scores of all sessions together, those that were refused among them."""
    lost = pd.DataFrame([{**vars(one), "refused": one.reason, "warning": ""} for one in refused])
    scores = pd.concat([*scored, lost.drop(columns="reason", errors="ignore")], ignore_index=True)
    twice = scores.duplicated(["participant", "session"]) if len(scores) else np.array([])
    if twice.any():
        raise InputError("a session is given twice", found=str(scores.loc[twice, "session"].iloc[0]))
    probability = f"p_{card['positive']}"
    if probability not in scores or scores[probability].isna().all():
        why = "; ".join(dict.fromkeys(scores["refused"])) if len(scores) else "no session was given"
        raise InputError("not one session can be scored", file=model, found=why)
    return scores


def _empty_file(path: str | Path) -> Refused:
    """Say that the workflow refused a session whose file is empty; its sidecar says why."""
    from chiomics.core.files import read_sidecar

    sidecar = Path(path).with_suffix(".json")
    known = read_sidecar(sidecar) if sidecar.is_file() else {}
    session = str(known.get("Session", Path(path).name))
    return Refused(session.partition("_")[0], session, str(known.get("Refused", "the file holds no session")))
