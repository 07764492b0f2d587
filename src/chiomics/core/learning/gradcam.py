"""Where a network looks: Grad-CAM (Selvaraju et al. 2017, ICCV, eq. 1 and 2) and occlusion (Zeiler and Fergus 2014)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import torch
from torch import nn
from torch.nn import functional


def gradcam(
    model: nn.Module,
    layer: nn.Module,
    inputs: torch.Tensor,
    target: Callable[[torch.Tensor], torch.Tensor],
    *,
    forward: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> torch.Tensor:
    """Weight a layer's maps by the mean gradient of a score and keep what is positive.

    Parameters
    ----------
    model : torch.nn.Module
        In evaluation mode.
    layer : torch.nn.Module
        Whose output, shape (samples, channels, *space), is explained.
    inputs : torch.Tensor, shape (samples, channels, *space)
        Images.
    target : callable
        Takes the outputs, gives the score of every sample, shape (samples,).
    forward : callable, optional
        Takes the inputs in place of the model, where that needs more than images.

    Returns
    -------
    torch.Tensor, shape (samples, *space of the inputs)
        ReLU(Σ α A), interpolated linearly to the inputs; not normalised.
    """
    kept: list[torch.Tensor] = []
    handle = layer.register_forward_hook(lambda module, given, output: kept.append(output))
    try:
        with torch.enable_grad():
            score = target((forward or model)(inputs)).sum()
            (gradient,) = torch.autograd.grad(score, kept[0])
    finally:
        handle.remove()
    alpha = gradient.flatten(2).mean(dim=2).reshape(*gradient.shape[:2], *[1] * (gradient.ndim - 2))
    cam = torch.relu((alpha * kept[0]).sum(dim=1, keepdim=True)).detach()
    mode = "bilinear" if inputs.ndim == 4 else "trilinear"
    return functional.interpolate(cam, size=inputs.shape[2:], mode=mode, align_corners=False)[:, 0]


@torch.no_grad()
def occlusion(
    score: Callable[[torch.Tensor], torch.Tensor], image: torch.Tensor, *, size: tuple[int, ...], step: tuple[int, ...]
) -> torch.Tensor:
    """Measure how much a score falls when a box of the image is set to zero.

    Parameters
    ----------
    score : callable
        Takes images, shape (samples, channels, *space), gives a score of each.
    image : torch.Tensor, shape (channels, *space)
        One sample.
    size, step : tuple of int
        Of the box, along each axis of space, in voxels.

    Returns
    -------
    torch.Tensor, shape (*space)
        Fall of the score, averaged over the boxes that cover a voxel; positive where the image speaks for the score.
    """
    space = image.shape[1:]
    fall, covered = torch.zeros(space), torch.zeros(space)
    starts = [
        range(0, max(length - width, 0) + 1, stride) for length, width, stride in zip(space, size, step, strict=True)
    ]
    boxes = [tuple(slice(a, a + w) for a, w in zip(corner, size, strict=True)) for corner in product(*starts)]
    boxes = [box for box in boxes if image[(slice(None), *box)].any()]
    whole = float(score(image[None])[0])
    for box in boxes:
        hidden = image.clone()
        hidden[(slice(None), *box)] = 0
        fall[box] += whole - float(score(hidden[None])[0])
        covered[box] += 1
    return fall / covered.clamp(min=1)
