"""Simulated lesions: kinds, places, shapes, patches and raters."""
