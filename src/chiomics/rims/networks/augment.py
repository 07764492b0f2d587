"""Augmentation of lesion patches on the device (Zhang et al. 2022, section 2.3).

A flip along one of the three axes, an affine map (scale .95 to 1.05, rotation within 5° about each axis, trilinear),
and a Gaussian blur with σ ~ U(.1, .95) voxels in plane and U(.03, .3) through it, cut off at int(4 σ + .5) voxels.
How often each is done is not published: `Augmentation` holds what we chose. The lesion's mask goes through flip and
affine map with its images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional


@dataclass(frozen=True)
class Augmentation:
    """How patches are changed.

    Parameters
    ----------
    flip, affine, blur : float
        Probability of each.
    scale, degrees : float
        Largest relative change of size, and rotation about each axis.
    sigma_in_plane, sigma_through : tuple of float
        Range of the blur, in voxels.
    """

    flip: float = 0.5
    affine: float = 1.0
    blur: float = 0.5
    scale: float = 0.05
    degrees: float = 5.0
    sigma_in_plane: tuple[float, float] = (0.1, 0.95)
    sigma_through: tuple[float, float] = (0.03, 0.3)


def augment(
    images: torch.Tensor,
    masks: torch.Tensor,
    voxel_size: tuple[float, ...],
    how: Augmentation,
    generator: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Change a batch of patches at random.

    Parameters
    ----------
    images : torch.Tensor, shape (N, channels, X, Y, Z)
        Patches.
    masks : torch.Tensor, shape (N, X, Y, Z)
        1 within the lesion.
    voxel_size : tuple of float
        In mm: rotations are those of space.
    how : Augmentation
        What is done.
    generator : torch.Generator
        On the CPU, so that a seed means the same on every device.

    Returns
    -------
    images, masks : torch.Tensor
        Changed; the mask holds fractions where the map was interpolated.
    """
    count, device = len(images), images.device
    stacked = torch.cat([images, masks[:, None].to(images.dtype)], dim=1)
    draw = torch.rand(count, 9, generator=generator)
    flipped, turned = draw[:, 0] < how.flip, draw[:, 6] < how.affine
    axis = (draw[:, 1] * 3).long().clamp(max=2)
    # A flip alone moves whole voxels. To interpolate it as well takes a fifth of a small network's step.
    for number in range(3):
        rows = torch.nonzero(flipped & ~turned & (axis == number))[:, 0].to(device)
        if len(rows):
            stacked.index_copy_(0, rows, stacked[rows].flip(2 + number))
    rows = torch.nonzero(turned)[:, 0]
    if len(rows):
        signs = torch.where(flipped[:, None] & (axis[:, None] == torch.arange(3)), -1.0, 1.0)
        matrices = _affine(draw[rows, 2:6] * 2 - 1, voxel_size, images.shape[2:], how)
        theta = torch.cat([matrices * signs[rows][:, None, :], torch.zeros(len(rows), 3, 1)], dim=2)
        # affine_grid counts axes from the last to the first.
        theta = theta[:, [2, 1, 0]][:, :, [2, 1, 0, 3]]
        there = rows.to(device)
        part = stacked[there]
        grid = functional.affine_grid(theta.to(device), list(part.shape), align_corners=False)
        part = functional.grid_sample(part, grid.to(part.dtype), align_corners=False)
        stacked.index_copy_(0, there, part)
    images, masks = stacked[:, :-1], stacked[:, -1]
    chosen = torch.nonzero(draw[:, 7] < how.blur)[:, 0]
    if len(chosen):
        sigmas = torch.rand(len(chosen), 3, generator=generator)
        for column, (low, high) in enumerate([how.sigma_in_plane, how.sigma_in_plane, how.sigma_through]):
            sigmas[:, column] = low + (high - low) * sigmas[:, column]
        images = images.index_copy(0, chosen.to(device), blur(images[chosen.to(device)], sigmas))
    return images, masks


def blur(images: torch.Tensor, sigmas: torch.Tensor) -> torch.Tensor:
    """Blur each sample by its own σ along each axis.

    Parameters
    ----------
    images : torch.Tensor, shape (N, channels, X, Y, Z)
        Patches.
    sigmas : torch.Tensor, shape (N, 3)
        In voxels; the kernel ends at int(4 σ + .5) voxels and sums to 1.

    Returns
    -------
    torch.Tensor
        Of the same shape.
    """
    count, channels = images.shape[:2]
    out = images.reshape(1, count * channels, *images.shape[2:])
    for axis in range(3):
        kernels = gaussian_kernels(sigmas[:, axis]).to(images)
        shape = [1, 1, 1]
        shape[axis] = kernels.shape[1]
        weight = kernels.repeat_interleave(channels, dim=0).reshape(count * channels, 1, *shape)
        padding = [width // 2 for width in shape]
        out = functional.conv3d(out, weight, padding=padding, groups=count * channels)
    return out.reshape(images.shape)


def gaussian_kernels(sigmas: torch.Tensor) -> torch.Tensor:
    """Return a kernel for each σ, all as wide as the widest, shape (N, 2 radius + 1)."""
    radii = torch.floor(4 * sigmas + 0.5)
    reach = int(radii.max())
    at = torch.arange(-reach, reach + 1, dtype=sigmas.dtype)
    kernels = torch.exp(-0.5 * (at / sigmas[:, None]) ** 2) * (at.abs() <= radii[:, None])
    return kernels / kernels.sum(dim=1, keepdim=True)


def _affine(unit: torch.Tensor, voxel_size: tuple[float, ...], shape: torch.Size, how: Augmentation) -> torch.Tensor:
    """Return matrices on the unit cube of the grid: rotations about three axes and one scale, drawn from −1 to 1."""
    angles = unit[:, :3] * math.radians(how.degrees)
    matrix = torch.eye(3).repeat(len(unit), 1, 1)
    for axis, (first, second) in enumerate([(1, 2), (0, 2), (0, 1)]):
        turn = torch.eye(3).repeat(len(unit), 1, 1)
        cosine, sine = torch.cos(angles[:, axis]), torch.sin(angles[:, axis])
        turn[:, first, first], turn[:, second, second] = cosine, cosine
        turn[:, first, second], turn[:, second, first] = -sine, sine
        matrix = matrix @ turn
    matrix = matrix / (1 + unit[:, 3] * how.scale)[:, None, None]
    half = torch.tensor([size * length / 2 for size, length in zip(voxel_size, shape, strict=True)])
    return matrix * half[None, None, :] / half[None, :, None]
