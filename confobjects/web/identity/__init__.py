"""Who somebody is: sign-in, sessions, API tokens and local accounts.

Laws of this wing:

1. Nobody is recognised by what has ended: an expired or revoked token, a session that is over, an account that was removed. Files
   are looked at again when they have changed, so a change by the command line counts at once.
2. A password, a token and the identifier of a session are secrets. None of them is logged or stored as it is; only digests are stored.
3. A failed sign-in tells nothing: an unknown name takes as long and is answered the same as a wrong password.
4. What an attacker can fill is bounded: sessions, counts of attempts, and hashes that are computed at the same time.
"""

from __future__ import annotations
