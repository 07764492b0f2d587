"""The workflow, drawn."""
