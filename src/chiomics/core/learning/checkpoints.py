"""Names of checkpoints: a training goes on only from what the same training left. Free of PyTorch, as forests are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chiomics.core.learning.stack import Stack


def name_checkpoint(folder: str | Path, settings: Mapping[str, Any], *arrays: np.ndarray | Stack) -> Path:
    """Name a checkpoint after everything that its training depends on: settings that JSON holds, and arrays.

    Images that stay in their file give the name that an array of them gives.
    """
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for array in arrays:
        digest.update(str((array.dtype, array.shape)).encode())
        for part in array if isinstance(array, Stack) else (array,):
            digest.update(np.ascontiguousarray(part).data)
    return Path(folder, f"{digest.hexdigest()[:24]}.pt")
