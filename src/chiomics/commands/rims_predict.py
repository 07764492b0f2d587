"""Applies a detector to all sessions of a folder and writes what comes of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from chiomics.core.errors import InputError
from chiomics.core.figures import save_figure
from chiomics.core.tables import write_frame
from chiomics.radiomics.lesion_features import label_features
from chiomics.rims.detectors.arms import ARMS
from chiomics.rims.detectors.lesions import KEYS
from chiomics.rims.detectors.model_file import load_detector
from chiomics.rims.prediction.explain import explain
from chiomics.rims.prediction.predict import LESION_COLUMNS, count_burden, predict_lesions, review_table
from chiomics.rims.prediction.review_page import draw_pages
from chiomics.rims.prediction.sessions import SessionFiles, find_sessions, read_lesions_of

log = logging.getLogger(__name__)


def predict_folder(
    model: str | Path, folder: str | Path, out: str | Path, *, resample: bool = False, device: str = ""
) -> pd.DataFrame:
    """Score every lesion of every session.

    Parameters
    ----------
    model : path-like
        Detector, `.safetensors` with its card beside it.
    folder : path-like
        Derivatives, see `chiomics.rims.prediction.sessions`.
    out : path-like
        Folder of ``lesions.tsv``, ``burden.tsv``, ``rim_ratings_to_fill.tsv`` and the review pages.
    resample : bool
        Whether patches are resampled to the detector's voxel size.
    device : str
        Where a network computes, the CPU by default; a forest does so on the CPU, and the log says so.

    Returns
    -------
    pandas.DataFrame
        The burden per session.

    Raises
    ------
    InputError
        For a detector that is not there, and at the first session that cannot be used.
    """
    if not Path(model).is_file():
        raise InputError("there is no such detector", file=model, expected=".safetensors, its .json beside it")
    return predict_sessions(model, find_sessions(folder), out, resample=resample, device=device)


def predict_sessions(
    model: str | Path, sessions: Sequence[SessionFiles], out: str | Path, *, resample: bool = False, device: str = "",
    simulated: Collection[str] = (),
) -> pd.DataFrame:  # fmt: skip
    """Score every lesion of sessions whose files are known; parameters, result and errors as of `predict_folder`.

    The pages of the sessions named in `simulated` say that they are.
    """
    detector, card = load_detector(model, device=device or "cpu")
    if device and not ARMS[card["arm"]].is_network:
        log.warning("device %s is not used: %s is no network and computes on the CPU", device, card["title"])
    parts = []
    for number, session in enumerate(sessions, start=1):
        started = time.process_time()
        options = {"resample": resample, "simulated": session.name in simulated}
        parts.append(_predict_session(detector, card, session, Path(out), **options))
        seconds = time.process_time() - started
        log.info("%d of %d: %s, %d lesions, %.1f CPU s", number, len(sessions), session.name, len(parts[-1]), seconds)
    known = [part for part in parts if len(part)]
    if not known:
        log.warning("no session has a lesion")
    predicted = pd.concat(known, ignore_index=True) if known else pd.DataFrame(columns=[*KEYS, *LESION_COLUMNS])
    keys = pd.DataFrame([(s.participant_id, s.session_id, s.run) for s in sessions], columns=KEYS[:3])
    burden = count_burden(predicted, keys)
    said = {"detector": card["title"], "notice": card["notice"]}
    write_frame(predicted.assign(**said), Path(out, "lesions.tsv"), missing="n/a")
    write_frame(burden.assign(**said), Path(out, "burden.tsv"), missing="n/a")
    write_frame(review_table(predicted), Path(out, "rim_ratings_to_fill.tsv"))
    return burden


def _predict_session(
    detector: Any, card: Mapping[str, Any], session: SessionFiles, out: Path, *, resample: bool, simulated: bool
) -> pd.DataFrame:
    lesions = read_lesions_of(session, card, label_features, resample=resample)
    if lesions is None:
        return pd.DataFrame()
    predicted = predict_lesions(detector, card, lesions)
    outside = int(predicted["outside_training_range"].sum())
    if outside:
        log.warning("%s: %d lesions have a mean χ outside the range of the training", session.name, outside)
    training = card.get("training", {})
    notice = f"{session.name}. {card['title']}; {card['notice']}"
    if training.get("simulated"):
        notice += " The detector was trained on simulated lesions."
    size = tuple(card["voxel_size"])
    pages = draw_pages(lesions, predicted, explain(detector, lesions, voxel_size=size), voxel_size=size, notice=notice)
    for number, figure in enumerate(pages, start=1):
        save_figure(figure, out / f"{session.name}_rims-{number}.png", simulated=simulated)
    return predicted
