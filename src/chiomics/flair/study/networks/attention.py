"""Where a network looks, in numbers: Grad-CAM against the lesions, against shuffled weights, and against erasure.

Seok et al. 2023 look at the maps of the last convolution by eye and find lesions. Here the same maps are scored: share
of their mass on lesions (grown by 3 mm) over the lesions' share of the brain, which is 1 by chance; the pointing game
(Zhang et al. 2018, IJCV 126:1084), whether the highest point lies on a lesion, against chance of equal area; the same
of networks with random weights (Adebayo et al. 2018, NeurIPS), for a map that survives them says nothing; and the
probability after lesions are filled with white matter and after as much normal tissue is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import ndimage
from torch.nn import functional

from chiomics.core.learning.gradcam import gradcam, map_and_gradient
from chiomics.core.learning.stack import BLOCK, Images
from chiomics.flair.study.networks.architectures import KERNEL, STRIDE, Classifier
from chiomics.flair.study.networks.training import predict

#: Lesions are grown by so many mm before a map is compared with them.
GROWTH = 3.0
#: Share of lesion from which on a pixel counts as lesion.
MIN_SHARE = 0.25
#: What scores are averaged within.
KINDS = ("arm", "input", "weights", "layer", "class")


def attention_maps(
    model: Classifier, images: torch.Tensor, target: int, *, layer: str | None = None, batch: int = 8
) -> dict[str, np.ndarray]:
    """Return Grad-CAM of one class.

    A point of a two-view network's later maps stands for different places in its two views, so such a network is
    explained at its compression blocks, each view apart; `layer` is then without meaning.

    Parameters
    ----------
    model : Classifier
        Network.
    images : torch.Tensor, shape (n, channels, *space)
        Inputs.
    target : int
        Class whose logit is explained.
    layer : str, optional
        Name of a stage, by default the last.
    batch : int
        Samples at once.

    Returns
    -------
    dict of str to ndarray, shape (n, *space)
        By ``last`` or the name of the stage; of a two-view network by `name_view`, with the space of the picture that
        the view sees. Not normalised, 0 and above.
    """
    device = next(model.parameters()).device
    model.eval()
    parts: dict[str, list[torch.Tensor]] = {}
    for part in images.split(batch):
        shown = part.to(device).float()
        if model.views is not None:
            found = _view_maps(model, shown, target)
        else:
            stage = model.last_stage if layer is None else getattr(model, layer)
            found = {layer or "last": gradcam(model, stage, shown, lambda scores: scores[:, target])}
        for name, cams in found.items():
            parts.setdefault(name, []).append(cams.cpu())
    return {name: torch.cat(cams).double().numpy() for name, cams in parts.items()}


def name_view(axis: int) -> str:
    """Name the view that compresses an axis of a volume in right-anterior-superior order."""
    return f"{('sagittal', 'coronal', 'axial')[axis]} view"


def axis_of_view(name: str) -> int | None:
    """Return the axis that a view compresses, None for the name of a stage."""
    return next((axis for axis in range(3) if name_view(axis) == name), None)


def _view_maps(model: Classifier, images: torch.Tensor, target: int) -> dict[str, torch.Tensor]:
    """Weight each point of the compressed views by its own gradient (HiResCAM, Draelos and Carin 2020).

    So early in a network the mean gradient that Grad-CAM takes mixes places that speak for a class with such as speak
    against it; before the mean over space that precedes the last layer both are the same.
    """
    compression = model.views
    assert compression is not None
    maps, gradient = map_and_gradient(compression, images, lambda x: model(x)[:, target])
    edge = images.shape[-1]
    found = {}
    for axis, own in zip(compression.views, (gradient * maps).chunk(len(compression.views), dim=1), strict=True):
        cam = torch.relu(own.sum(dim=1, keepdim=True))
        fine = functional.interpolate(cam, scale_factor=STRIDE, mode="bilinear", align_corners=False)[:, 0]
        # a point is the middle of KERNEL voxels, the first of which is STRIDE times its number
        before = (KERNEL - STRIDE) // 2
        after = edge - before - fine.shape[-1]
        found[name_view(axis)] = functional.pad(fine, (before, after, before, after))
    return found


def as_seen(name: str, volume: np.ndarray) -> np.ndarray:
    """Turn a volume, shape (1, *space), so that a view's compressed axis comes first; other images stay as they are."""
    axis = axis_of_view(name)
    return volume if axis is None else np.moveaxis(volume[0], axis, 0)


def score_map(cam: np.ndarray, lesions: np.ndarray, brain: np.ndarray, *, pixel: float) -> dict[str, float]:
    """Compare a map with the lesions.

    Parameters
    ----------
    cam : ndarray, shape (*space)
        Map of all channels together.
    lesions : ndarray, shape (channels, *space)
        Share of lesion.
    brain : ndarray of bool, shape (channels, *space)
        Where a map may lie.
    pixel : float
        Edge in mm.

    Returns
    -------
    dict of str to float
        ``mass_share``, ``area_share``, ``ratio``, ``hit`` and ``hit_by_chance``; NaN for a map that is 0 or a session
        without lesions in its slices.
    """
    lesion, inside = (lesions > MIN_SHARE).any(axis=0), brain.any(axis=0)
    near = (ndimage.distance_transform_edt(~lesion) * pixel <= GROWTH) & inside if lesion.any() else lesion
    mass = np.where(inside, cam, 0)
    names = ("mass_share", "area_share", "ratio", "hit", "hit_by_chance")
    if not near.any() or mass.sum() <= 0:
        return dict.fromkeys(names, np.nan)
    share, area = mass[near].sum() / mass.sum(), near.sum() / inside.sum()
    hit = float(near[np.unravel_index(mass.argmax(), mass.shape)])
    return {"mass_share": share, "area_share": area, "ratio": share / area, "hit": hit, "hit_by_chance": area}


def erase(image: np.ndarray, region: np.ndarray, *, fill: float = 0.0) -> np.ndarray:
    """Fill a region with normal-appearing white matter, 0 on the common scale.

    Parameters
    ----------
    image : ndarray, shape (channels, *space)
        Input of a network.
    region : ndarray, shape (channels, *space)
        Share of each pixel to fill.
    fill : float
        The value.

    Returns
    -------
    ndarray, shape (channels, *space)
        Copy.
    """
    return image * (1 - region) + fill * region


def equal_region(lesions: np.ndarray, brain: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Move the lesions to normal tissue: mirrored from left to right, shifted at random until they meet few lesions.

    Parameters
    ----------
    lesions : ndarray, shape (channels, *space)
        Share of lesion.
    brain : ndarray of bool, shape (channels, *space)
        Where tissue is.
    rng : numpy.random.Generator
        Of the shifts.

    Returns
    -------
    ndarray
        A region of equal size and shape; of 20 random places the one that lies best in normal tissue.
    """
    best, least = lesions, np.inf
    normal = brain & (lesions <= 0)
    reach = max(lesions.shape[-1] // 8, 1)
    for _ in range(20):
        moved = lesions[..., ::-1] if lesions.ndim == 3 else lesions[:, ::-1]
        steps = rng.integers(-reach, reach + 1, lesions.ndim - 1)
        moved = np.roll(moved, tuple(steps), axis=tuple(range(1, lesions.ndim)))
        outside = float(moved[~normal].sum())
        if outside < least:
            best, least = moved, outside
    return best


def score_attention(
    model: Classifier,
    images: Images,
    lesions: Images,
    brain: Images,
    about: pd.DataFrame,
    *,
    classes: tuple[str, str],
    pixel: float,
    seed: int,
    make_random: Callable[[int], Classifier],
    layers: tuple[str | None, ...] = (None,),
    randomisations: int = 5,
    keep: Callable[[str, np.ndarray], None] | None = None,
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Score the maps of test sessions, some after the others.

    Parameters
    ----------
    model : Classifier
        That none of the sessions has trained.
    images, lesions, brain : ndarray or Stack, shape (n, channels, *space)
        Inputs, share of lesion, tissue.
    about : pandas.DataFrame
        Columns participant, session, y of the sessions.
    classes : tuple of str
        Names of class 0 and 1.
    pixel : float
        Edge in mm.
    seed : int
        Of the random weights and the erased places.
    make_random : callable
        Takes a number, gives a network with random weights.
    layers : tuple of str or None
        Stages that are explained; None is the last. A two-view network has its views in their place.
    randomisations : int
        Networks with random weights.
    keep : callable, optional
        Takes the class and the map of a session, of the trained network's last layer or first view; nothing of them
        is returned then.

    Returns
    -------
    scores : pandas.DataFrame
        A row per session, class, layer and kind of weights (``trained``, ``random``); rows of the last layer, or the
        first view, hold ``p``, ``p_without_lesions`` and ``p_without_tissue`` of the trained network.
    maps : dict of str to ndarray, shape (n, *space)
        Of the trained network's last layer or first view, by the class's name.
    """
    rng = np.random.default_rng([seed, 6])
    networks = [("trained", 0, model)] + [("random", number, make_random(number)) for number in range(randomisations)]
    maps: dict[str, list[np.ndarray]] = {}
    rows: dict[tuple, list[dict[str, Any]]] = {}  # by network, layer and class, in their order
    for start in range(0, len(images), BLOCK):
        part = slice(start, start + BLOCK)
        shown, lesion, tissue = (np.asarray(array[part]) for array in (images, lesions, brain))
        variants = _erase_and_predict(model, shown, lesion, tissue, rng)
        for kind, number, network in networks:
            for stage in layers if network.views is None else (None,):
                for target, group in enumerate(classes):
                    found = attention_maps(network, torch.from_numpy(shown), target, layer=stage)
                    if kind == "trained" and stage is None:
                        for cam in next(iter(found.values())):
                            (keep or (lambda group, cam: maps.setdefault(group, []).append(cam)))(group, cam)
                    for place, (name, cams) in enumerate(found.items()):
                        of_network = rows.setdefault((kind, number, stage, target, place), [])
                        for index, cam in enumerate(cams):
                            row: dict[str, Any] = about.iloc[start + index].to_dict()
                            row |= {"weights": kind, "network": number, "layer": name, "class": group}
                            seen = (as_seen(name, array[index]) for array in (lesion, tissue))
                            row |= score_map(cam, *seen, pixel=pixel)
                            if kind == "trained" and stage is None and place == 0:
                                row |= {variant: values[index] for variant, values in variants.items()}
                            of_network.append(row)
    table = pd.DataFrame([row for of_network in rows.values() for row in of_network])
    return table, {group: np.stack(cams) for group, cams in maps.items()}


def _erase_and_predict(
    model: Classifier, images: np.ndarray, lesions: np.ndarray, brain: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return probabilities as the images are, without lesions, and without as much normal tissue."""
    other = np.stack([equal_region(own, where, rng) for own, where in zip(lesions, brain, strict=True)])
    variants = {"p": predict(model, images)}
    for name, region in (("p_without_lesions", lesions), ("p_without_tissue", other)):
        erased = np.stack([erase(image, where) for image, where in zip(images, region, strict=True)])
        variants[name] = predict(model, erased.astype(np.float32))
    return variants


def summarise_attention(scores: pd.DataFrame) -> pd.DataFrame:
    """Average over sessions, by network, input, kind of weights, layer and class; the ratio as a ratio of means."""
    rows: list[dict[str, Any]] = []
    if scores.empty:
        return pd.DataFrame(columns=[*KINDS, "ratio"])
    for key, part in scores.groupby(list(KINDS), sort=False):
        seen = part.dropna(subset=["ratio"])
        mean = seen[["mass_share", "area_share", "hit", "hit_by_chance"]].mean()
        row = dict(zip(KINDS, key, strict=True)) | mean.to_dict()
        row |= {"ratio": mean["mass_share"] / mean["area_share"], "sessions": len(seen), "maps": len(part)}
        if "p" in part:
            row |= {
                "change_without_lesions": (part["p_without_lesions"] - part["p"]).abs().mean(),
                "change_without_tissue": (part["p_without_tissue"] - part["p"]).abs().mean(),
            }
        rows.append(row)
    return pd.DataFrame(rows)
