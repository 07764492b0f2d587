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

from chiomics.core.errors import SettingError
from chiomics.core.learning.gradcam import gradcam
from chiomics.flair.study.networks.architectures import Classifier
from chiomics.flair.study.networks.training import predict

#: Lesions are grown by so many mm before a map is compared with them.
GROWTH = 3.0
#: Share of lesion from which on a pixel counts as lesion.
LEAST_SHARE = 0.25


def attention_maps(
    model: Classifier, images: torch.Tensor, target: int, *, layer: str | None = None, batch: int = 8
) -> np.ndarray:
    """Return Grad-CAM of one class.

    Parameters
    ----------
    model : Classifier
        One without compression to views, whose maps have no place in the head.
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
    ndarray, shape (n, *space)
        Not normalised, 0 and above.
    """
    stage = model.last_stage if layer is None else getattr(model, layer)
    device = next(model.parameters()).device
    model.eval()
    if model.views is not None:
        raise SettingError(
            "maps of a two-view network have no place in the head: a pixel stands for different points in its views"
        )
    parts = [
        gradcam(model, stage, part.to(device).float(), lambda scores: scores[:, target]).cpu()
        for part in images.split(batch)
    ]
    return torch.cat(parts).double().numpy()


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
    lesion, inside = (lesions > LEAST_SHARE).any(axis=0), brain.any(axis=0)
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
    images: np.ndarray,
    lesions: np.ndarray,
    brain: np.ndarray,
    about: pd.DataFrame,
    *,
    classes: tuple[str, str],
    pixel: float,
    seed: int,
    make_random: Callable[[int], Classifier],
    layers: tuple[str | None, ...] = (None,),
    randomisations: int = 5,
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Score the maps of test sessions.

    Parameters
    ----------
    model : Classifier
        That none of the sessions has trained.
    images, lesions, brain : ndarray, shape (n, channels, *space)
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
        Stages that are explained; None is the last.
    randomisations : int
        Networks with random weights.

    Returns
    -------
    scores : pandas.DataFrame
        A row per session, class, layer and kind of weights (``trained``, ``random``); rows of the last layer hold
        ``p``, ``p_without_lesions`` and ``p_without_tissue`` of the trained network.
    maps : dict of str to ndarray, shape (n, *space)
        Of the trained network's last layer, by the class's name.
    """
    tensor = torch.from_numpy(images)
    rng = np.random.default_rng([seed, 6])
    other = np.stack([equal_region(own, where, rng) for own, where in zip(lesions, brain, strict=True)])
    as_shown = predict(model, tensor)
    variants = {"p": as_shown}
    for name, region in (("p_without_lesions", lesions), ("p_without_tissue", other)):
        erased = np.stack([erase(image, where) for image, where in zip(images, region, strict=True)])
        variants[name] = predict(model, torch.from_numpy(erased.astype(np.float32)))
    rows, maps = [], {}
    networks = [("trained", 0, model)] + [("random", number, make_random(number)) for number in range(randomisations)]
    for kind, number, network in networks:
        for layer in layers:
            for target, name in enumerate(classes):
                cams = attention_maps(network, tensor, target, layer=layer)
                if kind == "trained" and layer is None:
                    maps[name] = cams
                for index, cam in enumerate(cams):
                    row: dict[str, Any] = about.iloc[index].to_dict()
                    row |= {"weights": kind, "network": number, "layer": layer or "last", "class": name}
                    row |= score_map(cam, lesions[index], brain[index], pixel=pixel)
                    if kind == "trained" and layer is None:
                        row |= {variant: values[index] for variant, values in variants.items()}
                    rows.append(row)
    return pd.DataFrame(rows), maps


def summarise_attention(scores: pd.DataFrame) -> pd.DataFrame:
    """Average over sessions, by input, kind of weights, layer and class; the ratio as a ratio of means."""
    rows: list[dict[str, Any]] = []
    if scores.empty:
        return pd.DataFrame(columns=["input", "weights", "layer", "class", "ratio"])
    for key, part in scores.groupby(["input", "weights", "layer", "class"], sort=False):
        seen = part.dropna(subset=["ratio"])
        mean = seen[["mass_share", "area_share", "hit", "hit_by_chance"]].mean()
        row = dict(zip(("input", "weights", "layer", "class"), key, strict=True)) | mean.to_dict()
        row |= {"ratio": mean["mass_share"] / mean["area_share"], "sessions": len(seen), "maps": len(part)}
        if "p" in part:
            row |= {
                "change_without_lesions": (part["p_without_lesions"] - part["p"]).abs().mean(),
                "change_without_tissue": (part["p_without_tissue"] - part["p"]).abs().mean(),
            }
        rows.append(row)
    return pd.DataFrame(rows)
