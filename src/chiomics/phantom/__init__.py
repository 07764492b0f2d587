"""Simulated subjects whose every answer is known, from susceptibility to a BIDS folder."""

from chiomics.phantom.recipe import Session, list_sessions, load_recipe

__all__ = ["Session", "list_sessions", "load_recipe"]
