"""One training: from images and labels to the probabilities of its test sessions, and its curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional

from chiomics.core.learning.checkpoints import name_checkpoint
from chiomics.core.learning.device import derive_seed, seeded
from chiomics.core.learning.fit import Plan, fit
from chiomics.core.learning.stack import Images as Stacked
from chiomics.core.learning.stack import combine, hold
from chiomics.core.learning.weights import load_model, load_pretrained
from chiomics.core.scores.splits import permute_labels
from chiomics.flair.images.prepare import Prepared
from chiomics.flair.study.networks.architectures import Classifier, build_network
from chiomics.flair.study.networks.augment import Images, on_device, read_batch
from chiomics.flair.study.scanners import name_scanners, why_not_left_out
from chiomics.flair.study.splits import Split, draw_test, scanner_split, seok_splits, wang_splits
from chiomics.flair.study.trainings import SCANNER_OUT, Training

#: Epochs after which the learning rate falls (Wang et al. 2020, Implementation details).
DECAY_STEP = 10
#: Columns of what a training gives.
FIELDS = [field.name for field in fields(Training)]
PREDICTIONS = ["participant", "session", "y", "p", "epoch", *FIELDS]
CURVE = ["epoch", "loss", "seconds", "train_accuracy", "select_accuracy", *FIELDS]


def pick_images(prepared: Prepared, study: str, kind: str) -> Stacked:
    """Return a study's images of a kind, channels first; they stay in their file where those of the sessions do.

    Parameters
    ----------
    prepared : Prepared
        Sessions.
    study : {"wang2020", "seok2023"}
        Volumes or slices.
    kind : {"flair", "flair_lesions", "lesions"}
        The FLAIR, the FLAIR within lesions, or the lesion mask.

    Returns
    -------
    ndarray or Stack of float16, shape (n, 1, edge, edge, edge) or (n, 5, pixels, pixels)
        Images.
    """
    name = {"wang2020": "wang", "seok2023": "seok"}[study]
    flair, lesions = prepared.images[f"{name}_flair"], prepared.images[f"{name}_lesions"]
    parts = {"flair": (flair,), "flair_lesions": (flair, lesions), "lesions": (lesions,)}[kind]

    def picked(*parts: np.ndarray) -> np.ndarray:
        found = parts[0] * parts[1] if len(parts) > 1 else parts[0]
        return found[None] if study == "wang2020" else found

    return combine(picked, *parts)


def labels_of(prepared: Prepared, settings: Mapping[str, Any], training: Training) -> np.ndarray:
    """Return the classes, 1 for the positive one, permuted over patients where the training asks for it."""
    y = (prepared.table["group"] == settings["positive"]).to_numpy().astype(int)
    if not training.labels:
        return y
    rng = np.random.default_rng([settings["seed"], training.labels, 4])
    return permute_labels(prepared.table["participant"].to_numpy(), y, rng)


def split_of(prepared: Prepared, y: np.ndarray, settings: Mapping[str, Any], training: Training) -> Split:
    """Return the rows of a training; arms of one repeat and fold share them."""
    participants = prepared.table["participant"].to_numpy()
    if training.scheme == SCANNER_OUT:
        names = np.array(name_scanners(prepared.table.to_dict("records")))
        here = names == settings["scanners"][training.fold]
        return scanner_split(y, participants, here, seed=settings["seed"])
    common = {"folds": settings["folds"], "repeat": training.repeat, "seed": settings["seed"]}
    if training.study == "wang2020":
        return wang_splits(y, participants, scheme=training.scheme, **common)[training.fold]
    test = draw_test(
        y,
        participants,
        prepared.table["session"].to_numpy(),
        per_class=settings["test_per_class"],
        repeat=training.repeat,
        seed=settings["seed"],
    )
    return seok_splits(y, participants, test, **common)[training.fold]


def why_not_trained(prepared: Prepared, settings: Mapping[str, Any], training: Training) -> str:
    """Say why a planned training cannot be done with the sessions that were left, nothing where it can.

    Only one that leaves a scanner out can come to this: the plan counts sessions before their images are read.
    """
    if training.scheme != SCANNER_OUT:
        return ""
    table = prepared.table
    names = name_scanners(table.to_dict("records"))
    columns = (table[name].astype(str).tolist() for name in ("group", "participant"))
    return why_not_left_out(settings["scanners"][training.fold], names, *columns)


def make_plan(study: str, settings: Mapping[str, Any], *, decay: float, weights: torch.Tensor, score: Any) -> Plan:
    """Return the paper's way to train.

    Parameters
    ----------
    study : {"wang2020", "seok2023"}
        SGD with a falling rate, or Adam with class weights.
    settings : mapping
        Of the paper.
    decay : float
        Factor of the rate at every ten epochs.
    weights : torch.Tensor, shape (2,)
        Of the classes in the loss.
    score : callable or None
        What chooses the epoch.

    Returns
    -------
    Plan
        For `fit`.
    """

    def loss(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, dict[str, float]]:
        device = next(model.parameters()).device
        x, labels = (part.to(device) for part in batch)
        logits = model(x)
        right = float((logits.argmax(dim=1) == labels).sum())
        return functional.cross_entropy(logits, labels, weights.to(device)), {"right": right, "seen": len(labels)}

    def sgd(parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.SGD(
            parameters, settings["learning_rate"], settings["momentum"], weight_decay=settings["weight_decay"]
        )

    def adam(parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, settings["learning_rate"])

    return Plan(
        epochs=settings["epochs"],
        loss=loss,
        optimiser=sgd if study == "wang2020" else adam,
        schedule=lambda epoch, epochs: decay ** (epoch // DECAY_STEP),
        score=score,
        keep_best=score is not None,
    )


def train_once(
    prepared: Prepared,
    settings: Mapping[str, Any],
    training: Training,
    *,
    device: torch.device | str = "cpu",
    checkpoints: str | Path | None = None,
    heads: str | Path | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, Classifier]:
    """Train a network and score its test sessions.

    Parameters
    ----------
    prepared : Prepared
        The cohort.
    settings : mapping
        Of the paper.
    training : Training
        Which one.
    device : torch.device or str
        Where.
    checkpoints : path-like, optional
        Folder of checkpoints.
    heads : path-like, optional
        Weights that were pretrained on simulated heads, for the arm that starts from them.

    Returns
    -------
    predictions : pandas.DataFrame
        The training's fields, ``epoch`` (``last`` or ``best``), participant, session, y and p, the probability of the
        positive class.
    curve : pandas.DataFrame
        The fields, epoch, loss, and the accuracy on training and selecting sessions.
    model : Classifier
        As it was after the chosen epoch.
    """
    images = hold(pick_images(prepared, training.study, training.input))
    y = labels_of(prepared, settings, training)
    split = split_of(prepared, y, settings, training)
    labels = torch.from_numpy(y)
    seed = derive_seed(settings["seed"], "/".join(map(str, training.record().values())))
    with seeded(seed, "initialisation"):
        model = build_network(training.arm, settings)
    load_initial_weights(model, training.arm, settings, heads=heads)
    last: dict[str, np.ndarray] = {}

    def score(network: nn.Module) -> float:
        select = predict(network, images[split.select])
        last["p"] = select if np.array_equal(split.select, split.test) else predict(network, images[split.test])
        last["accuracy"] = float(((select >= 0.5) == y[split.select]).mean())
        return last["accuracy"] if training.scheme == "as_published" else -_log_loss(y[split.select], select)

    plan = make_plan(
        training.study,
        settings,
        decay=training.decay,
        weights=class_weights(y[split.train], balanced=training.study == "seok2023"),
        score=score,
    )
    accuracies: list[float] = []
    data = Images(on_device(images[split.train], device), labels[split.train], **augmentation(settings, training.input))
    checkpoint = None
    if checkpoints is not None:
        checkpoint = name_checkpoint(checkpoints, training.record() | dict(settings), images, y)

    def progress(record: dict[str, float]) -> None:
        accuracies.append(last["accuracy"])

    history = fit(model, data, plan, seed=seed, device=device, checkpoint=checkpoint, progress=progress)
    found = {"best": predict(model, images[split.test])} | ({"last": last["p"]} if last else {})
    tables = []
    for epoch, p in found.items():
        table = prepared.table.loc[split.test, ["participant", "session"]].assign(y=y[split.test], p=p, epoch=epoch)
        tables.append(table.assign(**training.record()))
    curve = pd.DataFrame(history.epochs)
    curve["train_accuracy"] = curve["right"] / curve["seen"]
    skipped = len(curve) - len(accuracies)
    curve["select_accuracy"] = [np.nan] * skipped + accuracies
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    return pd.concat(tables, ignore_index=True), curve[CURVE[:5]].assign(**training.record()), model


def augmentation(settings: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return the keywords of `Images` for an input of a paper.

    Shifts are a share of the cube's edge. Noise is the FLAIR's: a lesion mask has none, nor has what lies outside
    lesions in the FLAIR within them.

    Parameters
    ----------
    settings : mapping
        Of the paper.
    kind : {"flair", "flair_lesions", "lesions"}
        The input.

    Returns
    -------
    dict
        ``batch``, ``shift``, ``flip``, ``noise`` and ``noise_everywhere``.
    """
    return {
        "batch": settings["batch"],
        "shift": round(settings["shift"] * settings["edge"]) if "shift" in settings else 0,
        "flip": settings["flip"],
        "noise": 0.0 if kind == "lesions" else settings.get("noise", 0.0),
        "noise_everywhere": kind == "flair",
    }


def load_initial_weights(model: Classifier, arm: str, settings: Mapping[str, Any], *, heads: str | Path | None) -> None:
    """Start an arm from ImageNet or from simulated heads, where it says so."""
    if arm.endswith("imagenet"):
        _load_imagenet(model, settings["pretrained"][arm.split("-")[1]])
    elif arm.endswith("heads"):
        state, _ = load_model(heads)
        own = model.state_dict()
        kept = {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}
        model.load_state_dict(own | kept)


def _load_imagenet(model: Classifier, path: str | Path) -> None:
    """Load the layers that a two-view network has in common with a whole ResNet."""
    from chiomics.core.learning.resnet import ResNet

    blocks = [len(getattr(model, f"layer{number}")) for number in range(1, model.stages + 1)]
    whole = ResNet(3, 1000, blocks=blocks)
    load_pretrained(whole, path)
    own = model.state_dict()
    kept = {name: tensor for name, tensor in whole.state_dict().items() if name in own and not name.startswith("fc.")}
    model.load_state_dict(own | kept)


def class_weights(y: np.ndarray, *, balanced: bool) -> torch.Tensor:
    """Return the weights of the loss: n / (2 n_c), or 1."""
    counts = np.bincount(y, minlength=2).clip(1)
    return torch.tensor(len(y) / (2 * counts) if balanced else np.ones(2), dtype=torch.float32)


@torch.no_grad()
def predict(model: nn.Module, images: Stacked | torch.Tensor, *, batch: int = 16) -> np.ndarray:
    """Return the probability of the positive class, shape (samples,)."""
    device = next(model.parameters()).device
    model.eval()
    starts = range(0, max(len(images), 1), batch)
    parts = (read_batch(images, slice(start, start + batch)).to(device) for start in starts)
    return torch.cat([functional.softmax(model(part.float()), dim=1)[:, 1].cpu() for part in parts]).double().numpy()


def _log_loss(y: np.ndarray, p: np.ndarray) -> float:
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))
