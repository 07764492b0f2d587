"""What is checked and said of a study before any work starts."""
