"""Phase: its scale and sign, offsets, echoes, unwrapping and noise."""
