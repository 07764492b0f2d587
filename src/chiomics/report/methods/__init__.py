"""Methods of a run: text and bibliography of what was really used."""
