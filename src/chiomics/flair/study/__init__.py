"""Arms, folds, trainings, baselines and scores that both papers' studies share."""
