"""The mail service: mail that is accepted is kept in a ledger, and delivered by runners.

Laws of this room:

1. What is decided stands in :mod:`confobjects.service.rules`, which is pure: states and who may change them, quotas,
   suppression, retries, pace. The rest does the IO, and decides nothing.
"""
