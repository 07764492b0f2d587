"""How well rim detectors do: per lesion, per subject, calibrated, by chance; no module here needs PyTorch."""
