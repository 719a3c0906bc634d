"""Input: how a command line is split, what its options mean, and where options come from otherwise."""
