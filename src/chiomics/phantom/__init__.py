"""Simulated subjects whose every answer is known, from susceptibility to a BIDS folder."""
