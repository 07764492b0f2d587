"""Where a network is trained, and how its randomness is fixed.

On a CPU a training is the same bit for bit for the same seed. On CUDA it is not: the backward pass of 3-D max-pooling
adds in any order.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chiomics.core.errors import SettingError

if TYPE_CHECKING:
    import torch

CHOICES = ("auto", "cpu", "cuda", "mps")


def torch_missing() -> str:
    """Say that PyTorch is not installed, an empty string where it is; nothing is imported."""
    return "" if importlib.util.find_spec("torch") else "PyTorch is not installed (make install, or pip install torch)"


def choose_device(choice: str = "auto") -> torch.device:
    """Return the device of a setting; `auto` is CUDA where there is a card, else the CPU.

    Raises
    ------
    SettingError
        For another word, or a device that this machine does not have.
    """
    import torch

    if choice not in CHOICES:
        raise SettingError("the device is unknown", found=choice, expected=", ".join(CHOICES))
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if choice == "auto":
        choice = "cuda" if present["cuda"] else "cpu"
    if not present[choice]:
        raise SettingError("this machine lacks the device", found=choice, expected="one of auto, cpu")
    return torch.device(choice)


def derive_seed(seed: int, purpose: str, number: int = 0) -> int:
    """Return an independent seed for a purpose (`initialisation`, `order` ...) and a count, such as the epoch."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{number}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def make_generator(seed: int, purpose: str, number: int = 0) -> torch.Generator:
    """Return a generator on the CPU with a seed of `derive_seed`."""
    import torch

    return torch.Generator().manual_seed(derive_seed(seed, purpose, number))


@contextmanager
def seeded(seed: int, purpose: str, number: int = 0) -> Iterator[None]:
    """Seed what draws from PyTorch's global generator (initialisation, dropout), which is as before afterwards."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(derive_seed(seed, purpose, number))
        yield


@contextmanager
def deterministic(*, threads: int = 1) -> Iterator[None]:
    """Compute on `threads` CPU threads by algorithms that repeat their sums, where PyTorch has such."""
    import torch

    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1], warn_only=True)
