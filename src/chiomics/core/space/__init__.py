"""Volumes in the world: grids, orientation, transforms and resampling."""
