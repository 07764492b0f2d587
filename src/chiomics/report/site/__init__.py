"""The static site of a run: pages that open from a folder, with a viewer of volumes, and without any request."""
