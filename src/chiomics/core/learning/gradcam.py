"""Where a network looks: Grad-CAM (Selvaraju et al. 2017, ICCV, eq. 1 and 2)."""

from __future__ import annotations

from collections.abc import Callable

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
    maps, gradient = map_and_gradient(layer, inputs, lambda x: target((forward or model)(x)))
    alpha = gradient.flatten(2).mean(dim=2).reshape(*gradient.shape[:2], *[1] * (gradient.ndim - 2))
    cam = torch.relu((alpha * maps).sum(dim=1, keepdim=True))
    mode = "bilinear" if inputs.ndim == 4 else "trilinear"
    return functional.interpolate(cam, size=inputs.shape[2:], mode=mode, align_corners=False)[:, 0]


def map_and_gradient(
    layer: nn.Module, inputs: torch.Tensor, score: Callable[[torch.Tensor], torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what a layer gives for inputs, and the gradient of a score with respect to it.

    Parameters
    ----------
    layer : torch.nn.Module
        Of the network that scores; its output has the shape (samples, channels, *space).
    inputs : torch.Tensor
        Images.
    score : callable
        Takes the inputs, gives the score of every sample, shape (samples,).

    Returns
    -------
    maps, gradient : torch.Tensor, shape (samples, channels, *space)
        Detached.
    """
    kept: list[torch.Tensor] = []
    handle = layer.register_forward_hook(lambda module, given, output: kept.append(output))
    try:
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(score(inputs).sum(), kept[0])
    finally:
        handle.remove()
    return kept[0].detach(), gradient
