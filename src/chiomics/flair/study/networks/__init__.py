"""The networks of both papers: their layers, trainings, files, and where they look."""
