"""Compile with numba once per machine: a job must not pay again for what an earlier one compiled.

Numba keeps compiled code beside the source, else in the user's cache. On a cluster both may be read-only or full;
then a private folder below the temporary one is used. ``NUMBA_CACHE_DIR`` overrides all of them.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numba


def compiled(function: Callable) -> Callable:
    """Compile `function` in nopython mode with NumPy's division rules, kept on disk.

    Parameters
    ----------
    function : callable
        Of arrays and numbers.

    Returns
    -------
    callable
        The compiled function. Where no folder at all can be written it is compiled anew in each process.
    """
    options = {"error_model": "numpy", "nogil": True}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # numba found no folder that it may write to
        folder = _private_folder()
        if folder is None:
            return numba.njit(**options)(function)
        numba.config.CACHE_DIR = str(folder)
        return numba.njit(cache=True, **options)(function)


def _private_folder() -> Path | None:
    """Return a folder that this user alone can write: compiled code found in it will be run."""
    folder = Path(tempfile.gettempdir()) / f"chiomics-numba-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.stat()
    except OSError:
        return None
    return (
        folder if status.st_uid == os.getuid() and not status.st_mode & 0o022 and os.access(folder, os.W_OK) else None
    )
