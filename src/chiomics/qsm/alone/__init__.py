"""Single steps on plain NIfTI, for other pipelines: `chiomics qsm field|background|invert|run`."""
