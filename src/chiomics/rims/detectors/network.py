"""Training and applying a network of `chiomics.rims.networks`; needs PyTorch."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from chiomics.core.learning.device import choose_device, seeded
from chiomics.core.learning.fit import History, Plan, fit
from chiomics.core.learning.sampling import random_batches, stratified_batches
from chiomics.core.learning.schedule import multistep
from chiomics.rims.detectors.arms import ARMS
from chiomics.rims.detectors.lesions import Lesions
from chiomics.rims.detectors.scaling import Scaler
from chiomics.rims.networks.augment import Augmentation, augment
from chiomics.rims.networks.deepsmote import MIN_RIMS
from chiomics.rims.networks.fusion_net import SIZES, FusionNet
from chiomics.rims.networks.rimnet import RimNet

#: A last batch with fewer lesions is dropped: batch normalisation needs some.
MIN_IN_BATCH = 8
PREDICTED_AT_ONCE = 64

log = logging.getLogger(__name__)


class LesionBatches:
    """Lesions on a device, as `core.learning.fit` takes them.

    Parameters
    ----------
    lesions : Lesions
        For training or prediction.
    scaler : Scaler
        Of features and images.
    settings : mapping
        Of `arms.complete_settings`.
    device : torch.device
        Where they lie; all of them, as float16.
    use_images : bool
        Whether the network looks at images.
    """

    def __init__(
        self,
        lesions: Lesions,
        scaler: Scaler,
        settings: Mapping[str, Any],
        device: torch.device,
        *,
        use_images: bool = True,
    ) -> None:
        self.use_images = use_images
        box = crop_box(lesions.masks.shape[1:], SIZES[settings["size"]].crop)
        masks = np.ascontiguousarray(lesions.masks[(slice(None), *box)])
        images = lesions.patches[(slice(None), slice(None), *box)].astype(np.float32)
        shape = (1, 2, 1, 1, 1)
        images = (images - scaler.image_mean.reshape(shape)) / scaler.image_sd.reshape(shape)
        if settings["masked"]:
            images *= (masks > 0)[:, None]
        self.images = torch.from_numpy(images.astype(np.float16)).to(device)
        self.masks = torch.from_numpy(masks).to(device)
        self.features = torch.from_numpy(scaler.transform(lesions.features)).to(device)
        self.labels = torch.from_numpy(lesions.labels.astype(np.float32))
        self.settings, self.device = settings, device
        self.how = Augmentation(**settings["augmentation"])

    def epoch(self, generator: torch.Generator) -> Iterator[tuple[torch.Tensor | None, torch.Tensor, torch.Tensor]]:
        """Return augmented images, features and labels, batch by batch."""
        size = self.settings["batch"]
        if self.settings["sampler"] == "stratified":
            chosen = stratified_batches(self.labels, size, generator, min_positive=MIN_RIMS)
        else:
            chosen = random_batches(len(self.labels), size, generator, min_size=MIN_IN_BATCH)
        for rows in chosen:
            there = rows.to(self.device)
            images = None
            if self.use_images:
                images, masks = self.images[there].float(), self.masks[there].float()
                images, masks = augment(images, masks, self.settings["voxel_size"], self.how, generator)
                images = self._show(images, masks)
            yield images, self.features[there], self.labels[rows].to(self.device)

    def in_order(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Return images and features as they are."""
        for start in range(0, len(self.labels), PREDICTED_AT_ONCE):
            rows = slice(start, start + PREDICTED_AT_ONCE)
            yield self._show(self.images[rows].float(), self.masks[rows].float()), self.features[rows]

    def _show(self, images: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        shown = images * (masks > 0.5)[:, None] if self.settings["masked"] else images
        return shown.contiguous(memory_format=memory_order(self.device))


@dataclass
class Network:
    """A trained network.

    Attributes
    ----------
    model : torch.nn.Module
        In evaluation mode.
    scaler : Scaler
        Of radiomic features and images.
    settings : mapping
        With which it was trained.
    prior : float
        Share of rim lesions among what it was trained on, made ones included.
    history : History
        Of the training.
    device : torch.device
        Where it is.
    """

    model: nn.Module
    scaler: Scaler
    settings: Mapping[str, Any]
    prior: float
    history: History
    device: torch.device

    @torch.no_grad()
    def predict(self, lesions: Lesions) -> np.ndarray:
        """Return the probability of a rim, shape (lesions,)."""
        batches = LesionBatches(lesions, self.scaler, self.settings, self.device).in_order()
        return torch.cat([self.model.eval()(*batch)[0].sigmoid().double().cpu() for batch in batches]).numpy()


def build_network(arm: str, settings: Mapping[str, Any], *, features: int, patch: tuple[int, ...]) -> nn.Module:
    """Build the network of an arm, its weights drawn from PyTorch's global generator.

    Parameters
    ----------
    arm : str
        Name in `ARMS`.
    settings : mapping
        Size, fusion and mode of DeepSMOTE.
    features : int
        Radiomic features that there are.
    patch : tuple of int
        Voxels of the patch.
    """
    kind, size = ARMS[arm], SIZES[settings["size"]]
    if kind.kind == "rimnet":
        widths = (32, 64, 128) if settings["size"] == "published" else (8, 16, 32)
        return RimNet(size.crop or patch, widths=widths)
    mode = settings["deepsmote"] if kind.oversample and (arm != "aprl_nn" or settings["aprl_nn_deepsmote"]) else "off"
    used = features if kind.features == "all" else 0
    return FusionNet(size, features=used, images=kind.images, fusion=settings["fusion"], deepsmote=mode)


def train_network(
    arm: str, lesions: Lesions, settings: Mapping[str, Any], *, seed: int, checkpoint: Path | None = None
) -> Network:
    """Train the network of an arm on all lesions that are given.

    Parameters
    ----------
    arm : str
        Name in `ARMS`.
    lesions : Lesions
        For training, and for the medians and scales of the features.
    settings : mapping
        Of `arms.complete_settings`.
    seed : int
        Of initialisation, order, augmentation, dropout and DeepSMOTE.
    checkpoint : path, optional
        Of `core.learning.fit`.

    Returns
    -------
    Network
        Trained.
    """
    device = choose_device(settings["device"])
    scaler = Scaler.fit_lesions(lesions)
    with seeded(seed, "initialisation"):
        model = build_network(arm, settings, features=len(scaler.names), patch=lesions.masks.shape[1:])
    model = model.to(device, memory_format=memory_order(device))
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    plan = Plan(
        settings["epochs"], _loss, partial(kinds[settings["optimiser"]], lr=settings["learning_rate"]),
        multistep(tuple(settings["milestones"]), settings["gamma"]),
    )  # fmt: skip
    data = LesionBatches(lesions, scaler, settings, device, use_images=ARMS[arm].images != "none")
    history = fit(model, data, plan, seed=seed, device=device, checkpoint=checkpoint)
    seen = {key: sum(record[key] for record in history.epochs) for key in ("seen", "seen_rims")}
    return Network(model, scaler, settings, seen["seen_rims"] / seen["seen"], history, device)


def memory_order(device: torch.device) -> torch.memory_format:
    """Return how volumes lie in memory: channels last on a CPU, where convolutions of few channels then cost half."""
    return torch.channels_last_3d if device.type == "cpu" else torch.contiguous_format


def crop_box(shape: tuple[int, ...], crop: tuple[int, ...] | None) -> tuple[slice, ...]:
    """Return the central part of a patch."""
    sizes = [min(a, b) for a, b in zip(shape, crop or shape, strict=True)]
    return tuple(slice((a - b) // 2, (a - b) // 2 + b) for a, b in zip(shape, sizes, strict=True))


def _loss(
    model: nn.Module, batch: tuple[torch.Tensor | None, torch.Tensor, torch.Tensor]
) -> tuple[torch.Tensor, dict[str, float]]:
    images, features, labels = batch
    logits, seen = model(images, features, labels)
    rims = float(labels.sum())
    counts = {"lesions": len(labels), "rims": rims, "seen": len(seen), "seen_rims": float(seen.sum())}
    counts["batches_below_three_rims"] = float(rims < MIN_RIMS)
    return binary_cross_entropy_with_logits(logits.float(), seen), counts
