"""Registration, brain extraction and bias correction."""
