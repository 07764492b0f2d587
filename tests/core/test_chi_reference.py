"""Another reference region is read from its sidecar, or refused where it holds no value."""

from __future__ import annotations

import logging

import pytest

from chiomics.core.chi_reference import read_reference
from chiomics.core.errors import InputError
from chiomics.core.files import write_sidecar


def test_the_value_is_read_and_distrust_is_said(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("chiomics"), "propagate", True)
    path = tmp_path / "reference.json"
    write_sidecar(path, {"ReferenceValue": 0.0125, "ReferenceTrusted": True})
    assert read_reference(path) == 0.0125
    assert not caplog.records
    write_sidecar(path, {"ReferenceValue": 0.0125, "ReferenceTrusted": False, "ReferenceReason": "too small"})
    assert read_reference(path) == 0.0125
    assert "too small" in caplog.text


def test_an_empty_region_is_no_zero(tmp_path):
    path = tmp_path / "reference.json"
    write_sidecar(path, {"ReferenceValue": float("nan"), "ReferenceReason": "no voxel"})
    with pytest.raises(InputError, match="no voxel") as refused:
        read_reference(path)
    assert refused.value.file == str(path)
