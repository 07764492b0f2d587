"""Quantitative susceptibility mapping: from echoes to local fields, and from local fields to χ."""
