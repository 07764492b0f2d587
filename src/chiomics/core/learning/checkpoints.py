"""Names of checkpoints: a training goes on only from what the same training left. Free of PyTorch, as forests are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def name_checkpoint(folder: str | Path, settings: Mapping[str, Any], *arrays: np.ndarray) -> Path:
    """Name a checkpoint after everything that its training depends on: settings that JSON holds, and arrays."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for array in arrays:
        digest.update(str((array.dtype, array.shape)).encode())
        digest.update(np.ascontiguousarray(array).data)
    return Path(folder, f"{digest.hexdigest()[:24]}.pt")
