"""Where there is a brain, and where its field can be trusted."""
