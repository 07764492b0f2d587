"""The cohort: its anatomy compared, and the mean susceptibility of its controls."""
