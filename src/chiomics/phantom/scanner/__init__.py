"""What a scanner makes of a simulated head."""
