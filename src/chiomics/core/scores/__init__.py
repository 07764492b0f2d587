"""How well a classifier does: folds, concordance, intervals and thresholds."""
