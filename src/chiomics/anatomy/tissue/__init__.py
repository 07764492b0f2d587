"""Tissue, ventricles and lesions of a head."""
