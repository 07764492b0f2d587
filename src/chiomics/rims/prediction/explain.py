"""Where in a lesion a detector's call comes from: Grad-CAM of a network's images, occlusion for the nine measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from chiomics.rims.detectors.lesions import CHI_UNIT_PPB, Lesions
from chiomics.rims.lesions.contrasts import CORE, measure_contrasts, slice_depth


def explain(detector: Any, lesions: Lesions, *, voxel_size: Sequence[float]) -> np.ndarray | None:
    """Map what speaks for a rim.

    Parameters
    ----------
    detector : Network, Forest, LoadedForest or another
        Of `model_file.load_detector`.
    lesions : Lesions
        To explain.
    voxel_size : sequence of 3 floats
        Of their patches, in mm.

    Returns
    -------
    ndarray, shape (lesions, X, Y, Z), or None
        Each scaled to a maximum of 1, NaN outside what the detector sees; None where it looks at no image.
    """
    if getattr(getattr(detector, "model", None), "last_stage", None) is not None:
        maps = _gradcam(detector, lesions)
    elif getattr(detector, "which", "") == "measures":
        single = (lesions.take(np.array([row])) for row in range(len(lesions.table)))
        maps = np.stack([_occlude(detector, lesion, voxel_size) for lesion in single])
    else:
        return None
    highest = np.nanmax(np.where(np.isfinite(maps), maps, 0), axis=(1, 2, 3), keepdims=True)
    return maps / np.where(highest > 0, highest, 1)


def _gradcam(detector: Any, lesions: Lesions) -> np.ndarray:
    import torch

    from chiomics.core.learning.gradcam import gradcam
    from chiomics.rims.detectors.network import LesionBatches, crop_box
    from chiomics.rims.networks.fusion_net import SIZES

    batches = LesionBatches(lesions, detector.scaler, detector.settings, detector.device)
    model, maps = detector.model.eval(), np.full(lesions.masks.shape, np.nan, np.float32)
    box = crop_box(lesions.masks.shape[1:], SIZES[detector.settings["size"]].crop)
    found = [
        gradcam(
            model, model.last_stage, images, lambda out: out,
            forward=lambda x, features=features: model(x, features)[0],
        )
        for images, features in batches.in_order()
    ]  # fmt: skip
    maps[(slice(None), *box)] = torch.cat(found).cpu().numpy()
    return maps


def _occlude(detector: Any, lesion: Lesions, voxel_size: Sequence[float]) -> np.ndarray:
    """Fill parts of one lesion with the χ of its core, and spread the fall of the probability over what was changed.

    A part is half as wide as the lesion in plane and goes through all its slices: a forest that is sure of a rim is
    still sure when less is hidden.
    """
    mask = lesion.masks[0] > 0
    chi = np.asarray(lesion.patches[0, 0], np.float32) * CHI_UNIT_PPB
    depth = slice_depth(mask, voxel_size)
    core = float(np.median(chi[mask & (depth >= CORE * depth.max())]))
    parts = [part for part in product(*map(_halves, np.argwhere(mask).T[:2])) if mask[part].any()]
    images = [chi]
    for part in parts:
        hidden = chi.copy()
        hidden[part] = core
        images.append(hidden)
    measured = pd.DataFrame([measure_contrasts(image, mask, voxel_size=voxel_size) for image in images])
    probability = detector.predict(_with_measures(lesion, measured))
    change, fall = np.where(mask, np.abs(chi - core), 0), np.zeros(mask.shape, np.float32)
    for part, value in zip(parts, probability[1:], strict=True):
        fall[part] += (probability[0] - value) * change[part] / max(float(change[part].sum()), 1e-6)
    return np.where(mask, fall, np.nan)


def _halves(places: np.ndarray) -> list[slice]:
    """Cut the extent of a lesion along one axis into overlapping parts, half as long, that reach over its ends."""
    first, last = int(places.min()), int(places.max()) + 1
    width = max(2, -(-(last - first) // 2))
    step = max(1, width // 3)
    return [slice(max(start, 0), start + width) for start in range(first - width + step, last, step)]


def _with_measures(lesion: Lesions, measured: pd.DataFrame) -> Lesions:
    """Repeat a lesion with other measures in its table; what occlusion cannot change, its volume, stays."""
    many = lesion.take(np.zeros(len(measured), int))
    return replace(many, table=many.table.assign(**measured.drop(columns="volume_mm3")))
