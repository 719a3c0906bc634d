"""History: the changes that a storage keeps a record of, and taking them back."""
