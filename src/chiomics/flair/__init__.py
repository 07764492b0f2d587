"""Multiple sclerosis against neuromyelitis optica spectrum disorder from FLAIR, by networks and what they must beat."""
