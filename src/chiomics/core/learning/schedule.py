"""The learning rate over epochs, as a factor of the initial one."""

from __future__ import annotations

import math
from collections.abc import Callable

Schedule = Callable[[int, int], float]


def constant(epoch: int, epochs: int) -> float:
    """Keep the rate."""
    return 1.0


def multistep(milestones: tuple[float, ...] = (0.5, 0.7, 0.9), gamma: float = 0.1) -> Schedule:
    """Multiply by `gamma` at each milestone, given as a share of the epochs."""

    def factor(epoch: int, epochs: int) -> float:
        return gamma ** sum(epoch >= round(share * epochs) for share in milestones)

    return factor


def cosine(last: float = 0.0) -> Schedule:
    """Fall along half a cosine to `last` of the initial rate (Loshchilov and Hutter 2017, SGDR, eq. 5, no restart)."""

    def factor(epoch: int, epochs: int) -> float:
        return last + (1 - last) * 0.5 * (1 + math.cos(math.pi * epoch / max(epochs, 1)))

    return factor
