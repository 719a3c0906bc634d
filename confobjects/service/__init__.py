"""The mail service: mail that is accepted is kept in a ledger, and delivered by runners.

Laws of this room:

1. What is decided stands in :mod:`confobjects.service.rules`, which is pure: states and who may change them, quotas,
   suppression, retries, pace. The rest does the IO, and decides nothing.
2. Accepted means kept: whoever gets an id from the ledger gets it after the mail is on disk, and an error otherwise. A
   ledger that is locked, full, damaged or gone takes nothing.
3. What names a person is sealed, if there is a key; without one a ledger is opened only by whoever says so.
4. A mail server gets the end of a mail only after the ledger has it on disk that the mail is being sent. So whoever is
   killed loses nothing, and what it may have sent is *unknown*: it is told, and not sent again by itself.
5. The ledger stands on SQLite for one machine, or on PostgreSQL for several, and behaves the same on both
   (``tests/service/test_ledger.py``). Only this room knows SQLAlchemy (extra ``service``; ``postgresql`` adds the driver).
"""
