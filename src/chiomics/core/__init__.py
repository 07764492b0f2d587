"""What every stage shares: BIDS names, image input and output, units, errors and logging."""
