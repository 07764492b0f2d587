"""A network trained on a whole cohort, as a file with a card; and the start from simulated heads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import torch

from chiomics.core.learning.device import derive_seed, seeded
from chiomics.core.learning.fit import fit
from chiomics.core.learning.stack import hold
from chiomics.core.provenance import find_versions, settings_of_model
from chiomics.flair.images.prepare import Prepared
from chiomics.flair.study.networks.architectures import Classifier, build_network
from chiomics.flair.study.networks.augment import Images, on_device
from chiomics.flair.study.networks.training import augmentation, class_weights, labels_of, make_plan, pick_images
from chiomics.flair.study.trainings import REFERENCE_ARM, Training

INTENDED_USE = "Research use only: this score supports no diagnosis of a patient."
#: Settings that a network is built by.
NETWORK_KEYS = ("edge", "pixels", "widths", "widths_3d", "views", "compression", "dropout")
#: What a new session is compared with.
RANGES = ("age", "lesion_count", "lesion_volume_mm3", "brain_volume_mm3")


def train_on_all(
    prepared: Prepared, study: str, arm: str, settings: Mapping[str, Any], *, device: torch.device | str = "cpu"
) -> Classifier:
    """Train a network on every session, for as many epochs as the paper trains; nothing is selected.

    Parameters
    ----------
    prepared : Prepared
        The cohort.
    study : {"wang2020", "seok2023"}
        Whose recipe.
    arm : str
        Network.
    settings : mapping
        Of the paper.
    device : torch.device or str
        Where.

    Returns
    -------
    Classifier
        In evaluation mode.
    """
    decay = settings["decays"][0] if study == "wang2020" else 1.0
    training = Training(study, arm, settings["input"], decay, "all", 0, 0, 0)
    y = labels_of(prepared, settings, training)
    seed = derive_seed(settings["seed"], f"{study}/{arm}/all")
    with seeded(seed, "initialisation"):
        model = build_network(arm, dict(settings))
    images = on_device(hold(pick_images(prepared, study, settings["input"])), device)
    data = Images(images, torch.from_numpy(y), **augmentation(settings, settings["input"]))
    weights = class_weights(y, balanced=study == "seok2023")
    fit(model, data, make_plan(study, settings, decay=decay, weights=weights, score=None), seed=seed, device=device)
    return model.eval()


def describe_model(
    prepared: Prepared,
    study: str,
    settings: Mapping[str, Any],
    performance: pd.DataFrame | None,
    *,
    source: str,
    simulated: bool | str,
    anatomy: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write the card of a network that was trained on a cohort.

    Parameters
    ----------
    prepared : Prepared
        The cohort.
    study : {"wang2020", "seok2023"}
        Whose recipe.
    settings : mapping
        Of the paper.
    performance : pandas.DataFrame, optional
        Of the study.
    source : str
        Name of the cohort.
    simulated : bool or str
        Whether its subjects are simulated, or how many of them.
    anatomy : mapping, optional
        Settings of the anatomy stage, by which new sessions are mapped as those of the training.

    Returns
    -------
    dict
        For `save_model`.
    """
    arm = REFERENCE_ARM if study == "wang2020" else "seok"
    table = prepared.table
    ranges = {}
    for name in RANGES:
        values = pd.to_numeric(table.get(name, pd.Series(dtype=float)), errors="coerce").dropna()
        if len(values):
            ranges[name] = [float(values.min()), float(values.max())]
    found = {}
    if performance is not None:
        fair = ("nested", "best") if study == "wang2020" else ("as_published", "last")
        own = performance[
            (performance["arm"].isin([arm, "lesion_volume", "lesion_load"])) & (performance["metric"] == "auc")
        ]
        own = own[(own["labels"] == 0) & (own["scheme"] == fair[0])]
        own = own[(own["input"] == "numbers") | ((own["epoch"] == fair[1]) & (own["input"] == settings["input"]))]
        found = {row.arm: [row.pooled, row.low, row.high] for row in own.drop_duplicates("arm").itertuples()}
    return {
        "kind": "chiomics flair classifier",
        "versions": find_versions("numpy", "torch"),
        "study": study,
        "arm": arm,
        "input": settings["input"],
        "positive": settings["positive"],
        "negative": next(group for group in settings["groups"] if group != settings["positive"]),
        "network": {key: settings[key] for key in NETWORK_KEYS if key in settings},
        "training": {
            "source": source,
            "simulated": simulated,
            "participants": table.drop_duplicates("participant")["group"].value_counts().to_dict(),
            "sessions": len(table),
            "lesions_required": settings["lesions_required"],
            "lesion_sources": sorted(table["lesion_source"].dropna().unique()),
            "preparation": table["preparation"].iloc[0],
            "ranges": ranges,
            "epochs": settings["epochs"],
        },
        "settings": settings_of_model(settings),
        "anatomy": dict(anatomy or {}),
        "auc_cross_validated": found,
        "intended_use": INTENDED_USE,
    }


def network_of(card: Mapping[str, Any]) -> Classifier:
    """Build the network that a card describes."""
    return build_network(card["arm"], dict(card["network"]))
