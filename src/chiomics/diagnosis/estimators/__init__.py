"""Steps of a model that are fitted inside the folds."""
