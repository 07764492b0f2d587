"""Figures of the models, apart from the paper."""
