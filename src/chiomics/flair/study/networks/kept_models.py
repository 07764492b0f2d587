"""Networks of the folds, kept to see where they look at the sessions that they were tested on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from chiomics.core.learning.device import derive_seed, seeded
from chiomics.core.learning.stack import combine
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
    prepared: Prepared,
    folders: Sequence[str | Path],
    study: str,
    settings: Mapping[str, Any],
    keep: Callable[[str, np.ndarray], None],
) -> tuple[pd.DataFrame, np.ndarray]:
    """Map and score all test sessions of the kept networks, some sessions after the others.

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
    keep : callable
        Takes a class and the map of a session of the first arm on the study's own input, shape (*space), float16.

    Returns
    -------
    scores : pandas.DataFrame
        Of `score_attention`, with the columns arm, input and fold.
    rows : ndarray of int
        Rows of the cohort that maps were kept of, in their order.
    """
    edge = CUBE / settings["edge"] if study == "wang2020" else FIELD_OF_VIEW / settings["pixels"]
    other = next(group for group in settings["groups"] if group != settings["positive"])
    channels = pick_images(prepared, study, "lesions"), pick_images(prepared, study, "flair")
    lesions = combine(lambda image: image.astype(np.float32), channels[0])
    tissue = combine(lambda image: image != 0, channels[1])
    tables, rows = [], []
    for path in sorted(path for folder in folders for path in Path(folder).glob("*.safetensors")):
        state, card = load_model(path)
        training = Training(**{key: value for key, value in card.items() if key in Training.__dataclass_fields__})
        model = build_network(training.arm, dict(settings))
        model.load_state_dict(state)
        y = labels_of(prepared, settings, training)
        test = split_of(prepared, y, settings, training).test
        images = combine(lambda image: image.astype(np.float32), pick_images(prepared, study, training.input))
        shown = training.arm == attention_arms(study)[0] and training.input == settings["input"]
        shown = shown and not set(test) & set(rows)
        found, _ = score_attention(
            model.eval(),
            images[test],
            lesions[test],
            tissue[test],
            prepared.table.loc[test, ["participant", "session"]].assign(y=y[test]).reset_index(drop=True),
            classes=(other, settings["positive"]),
            pixel=edge,
            seed=settings["seed"],
            make_random=lambda number, arm=training.arm: random_network(arm, settings, settings["seed"], number),
            layers=(None, "layer2"),
            keep=keep_half(keep) if shown else ignore,
        )
        tables.append(found.assign(arm=training.arm, input=training.input, fold=training.fold))
        rows += test.tolist() if shown else []
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(), np.array(rows, int)


def keep_half(keep: Callable[[str, np.ndarray], None]) -> Callable[[str, np.ndarray], None]:
    """Keep maps at half precision."""
    return lambda group, cam: keep(group, cam.astype(np.float16))


def ignore(group: str, cam: np.ndarray) -> None:
    """Keep no map."""
