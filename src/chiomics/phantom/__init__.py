"""Simulated subjects whose every answer is known, from susceptibility to a BIDS folder.

What follows from a recipe alone (`load_recipe`, `list_sessions`) is quick to import; `simulate_subject` and
`write_dataset_files` load the numerics when they are first used.
"""

from __future__ import annotations

from importlib import import_module

from chiomics.phantom.recipe import Session, list_sessions, load_recipe

_LATE = {"simulate_subject": "bids_output", "write_dataset_files": "dataset"}

__all__ = ["Session", "list_sessions", "load_recipe", "simulate_subject", "write_dataset_files"]


def __getattr__(name: str) -> object:
    if name in _LATE:
        return getattr(import_module(f"chiomics.phantom.{_LATE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
