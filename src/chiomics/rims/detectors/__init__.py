"""Detectors of rim lesions: which there are, the cohort's lesions, their training. PyTorch is imported when needed."""
