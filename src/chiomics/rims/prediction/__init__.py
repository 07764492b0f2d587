"""A trained detector applied to new sessions: probabilities, burden per subject, and a page to review candidates."""
