"""The field of sources outside the brain, removed."""
