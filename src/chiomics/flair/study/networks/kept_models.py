"""Networks of the folds, kept to see where they look at the sessions that they were tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from chiomics.core.learning.device import derive_seed, seeded
from chiomics.core.learning.weights import load_model
from chiomics.flair.images.prepare import Prepared
from chiomics.flair.images.slices import FIELD_OF_VIEW
from chiomics.flair.study.networks.architectures import Classifier, build_network
from chiomics.flair.study.networks.attention import score_attention
from chiomics.flair.study.networks.training import labels_of, pick_images, split_of
from chiomics.flair.study.trainings import Training, attention_arms

#: Mean edge of the boxes that cubes are resized from, mm: the brain's.
CUBE = 165.0


def random_network(arm: str, settings: Mapping[str, Any], seed: int, number: int) -> Classifier:
    """Return a network that has learnt nothing."""
    with seeded(derive_seed(seed, "random weights", number), "initialisation"):
        return build_network(arm, dict(settings)).eval()


def map_study(
    prepared: Prepared, folders: Sequence[str | Path], study: str, settings: Mapping[str, Any]
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Map and score all test sessions of the kept networks.

    Parameters
    ----------
    prepared : Prepared
        The cohort.
    folders : sequence of path-like
        Of kept networks.
    study : {"wang2020", "seok2023"}
        Whose.
    settings : mapping
        Of the paper.

    Returns
    -------
    scores : pandas.DataFrame
        Of `score_attention`, with the columns arm, input and fold.
    maps : dict of str to ndarray
        ``rows``: rows of the cohort, and per class the maps of the first arm on the study's own input, shape
        (n, *space), float16.
    """
    name = {"wang2020": "wang", "seok2023": "seok"}[study]
    edge = CUBE / settings["edge"] if study == "wang2020" else FIELD_OF_VIEW / settings["pixels"]
    other = next(group for group in settings["groups"] if group != settings["positive"])
    lesions, tissue = (np.asarray(prepared.images[f"{name}_{kind}"], np.float32) for kind in ("lesions", "flair"))
    if study == "wang2020":
        lesions, tissue = lesions[:, None], tissue[:, None]
    tables, rows, maps = [], [], {}
    for path in sorted(path for folder in folders for path in Path(folder).glob("*.safetensors")):
        state, card = load_model(path)
        training = Training(**{key: value for key, value in card.items() if key in Training.__dataclass_fields__})
        model = build_network(training.arm, dict(settings))
        model.load_state_dict(state)
        y = labels_of(prepared, settings, training)
        test = split_of(prepared, y, settings, training).test
        found, cams = score_attention(
            model.eval(),
            pick_images(prepared, study, training.input)[test].astype(np.float32),
            lesions[test],
            tissue[test] != 0,
            prepared.table.loc[test, ["participant", "session"]].assign(y=y[test]).reset_index(drop=True),
            classes=(other, settings["positive"]),
            pixel=edge,
            seed=settings["seed"],
            make_random=lambda number, arm=training.arm: random_network(arm, settings, settings["seed"], number),
            layers=(None, "layer2"),
        )
        tables.append(found.assign(arm=training.arm, input=training.input, fold=training.fold))
        shown = training.arm == attention_arms(study)[0] and training.input == settings["input"]
        if shown and not set(test) & set(rows):
            rows += test.tolist()
            for group, own in cams.items():
                maps.setdefault(group, []).append(own.astype(np.float16))
    joined = {group: np.concatenate(parts) for group, parts in maps.items()} | {"rows": np.array(rows, int)}
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(), joined
