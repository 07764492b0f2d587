"""A trained classifier applied to new sessions: probabilities, what cannot be scored and why, where it looked."""
