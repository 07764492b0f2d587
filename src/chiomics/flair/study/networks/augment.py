"""Batches with what each paper does to training images, and with nothing done to the others.

Wang et al. 2020: shifts, and flips from left to right alone (their extent is not told). Seok et al. 2023: random
horizontal flips and normal noise (its standard deviation is not told).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from chiomics.core.learning.sampling import random_batches
from chiomics.core.learning.stack import Images as Stacked
from chiomics.core.learning.stack import Stack


@dataclass
class Images:
    """Training images.

    Parameters
    ----------
    images : torch.Tensor or Stack, shape (samples, channels, *space)
        Held, or read from their file batch by batch.
        Volumes in right-anterior-superior order, or slices whose last axis runs from left to right.
    labels : torch.Tensor of int64, shape (samples,)
        1 for the positive class.
    batch : int
        Samples per batch.
    shift : int
        Largest shift along each axis, voxels.
    flip : bool
        Whether half of the samples are mirrored from left to right.
    noise : float
        Standard deviation of what is added, in the images' unit.
    noise_everywhere : bool
        Whether pixels of 0 get it too.
    """

    images: torch.Tensor | Stack
    labels: torch.Tensor
    batch: int
    shift: int = 0
    flip: bool = True
    noise: float = 0.0
    noise_everywhere: bool = True

    def epoch(self, generator: torch.Generator) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Return the batches of one epoch."""
        for rows in random_batches(len(self.labels), self.batch, generator, min_size=2):
            yield self.augment(read_batch(self.images, rows).float(), generator), self.labels[rows]

    def augment(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Shift, mirror and add noise, each sample in its own way; what a shift uncovers is 0."""
        left_right = 2 if x.ndim == 5 else x.ndim - 1
        if self.flip:
            mirrored = torch.rand(len(x), generator=generator) < 0.5
            x[mirrored.to(x.device)] = x[mirrored.to(x.device)].flip(left_right)
        if self.shift:
            steps = torch.randint(-self.shift, self.shift + 1, (len(x), x.ndim - 2), generator=generator)
            x = torch.stack([_shift(image, step.tolist()) for image, step in zip(x, steps, strict=True)])
        if self.noise:
            noise = self.noise * torch.randn(x.shape, generator=generator).to(x.device)
            x = x + noise * (1.0 if self.noise_everywhere else x != 0)
        return x


def read_batch(images: Stacked | torch.Tensor, rows: slice | torch.Tensor) -> torch.Tensor:
    """Return some images as a tensor, from wherever they are."""
    if isinstance(images, torch.Tensor):
        return images[rows.to(images.device) if isinstance(rows, torch.Tensor) else rows]
    return torch.from_numpy(np.asarray(images[rows.numpy() if isinstance(rows, torch.Tensor) else rows]))


def on_device(images: Stacked, device: torch.device | str) -> torch.Tensor | Stack:
    """Bring images that are held to a device; others are brought batch by batch by the loss."""
    return images if isinstance(images, Stack) else torch.from_numpy(images).to(device)


def _shift(image: torch.Tensor, steps: list[int]) -> torch.Tensor:
    out = torch.zeros_like(image)
    source, target = [slice(None)], [slice(None)]
    for step, size in zip(steps, image.shape[1:], strict=True):
        source.append(slice(max(-step, 0), size - max(step, 0)))
        target.append(slice(max(step, 0), size - max(-step, 0)))
    out[tuple(target)] = image[tuple(source)]
    return out
