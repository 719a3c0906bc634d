"""The requests of a transaction, each made on a draft of the objects as they will be."""
