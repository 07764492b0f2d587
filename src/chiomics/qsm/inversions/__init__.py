"""From the local field to χ: one file per method, and the call that chooses among them."""
