"""Paramagnetic rim lesions: their table and ratings, detectors, evaluation and prediction."""
