"""Atlases: their catalogue, download, preparation, and what they label in a session."""
