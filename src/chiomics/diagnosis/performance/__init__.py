"""How well the models do, how surely, and what else could explain it."""
