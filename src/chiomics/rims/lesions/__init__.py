"""Lesions as rim detectors see them: their table, ratings, places and patches."""
