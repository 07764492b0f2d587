"""Compiled code is kept where it can be, and never where another user could have put it."""

from __future__ import annotations

import os
from pathlib import Path

import numba
import pytest

from chiomics.core import compiled as module


def refuse_once(monkeypatch):
    """Let numba find no folder for its cache, as on a read-only installation with a full home, until one is named."""
    njit, folders = numba.njit, []

    def without_folder(*args, **options):
        if options.get("cache") and not numba.config.CACHE_DIR:
            raise RuntimeError("cannot cache function: no locator available")
        folders.append((options.get("cache", False), numba.config.CACHE_DIR))
        return njit(**{**options, "cache": False})

    monkeypatch.setattr(numba, "njit", without_folder)
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    return folders


def test_a_private_folder_serves_where_no_other_can_be_written(monkeypatch, tmp_path):
    monkeypatch.setattr(module.tempfile, "gettempdir", lambda: str(tmp_path))
    folders = refuse_once(monkeypatch)
    assert module.compiled(lambda x: x + 1)(2) == 3
    cached, folder = folders[0]  # numba compiles helpers of its own after it
    assert cached and folder.startswith(str(tmp_path))
    assert Path(folder).stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs POSIX permissions")
def test_a_folder_that_others_can_write_is_not_trusted(monkeypatch, tmp_path):
    monkeypatch.setattr(module.tempfile, "gettempdir", lambda: str(tmp_path))
    folder = tmp_path / f"chiomics-numba-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    folders = refuse_once(monkeypatch)
    assert module.compiled(lambda x: x + 1)(2) == 3
    assert folders[0] == (False, "")
