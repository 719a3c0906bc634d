"""Words that come in: how a command line is split, what its options mean, and what else stands for options."""
