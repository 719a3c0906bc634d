"""The sealing room: the keys that secrets are sealed with where they are kept, and sealing itself.

For: everything that keeps secrets: the configuration, and what services keep of their own. May import: the standard library,
cryptography (only when something is sealed or unsealed), and how files of ours are opened and replaced. Must never know:
what is sealed, or where it is kept.

Laws:

1. A key never leaves this room: no message, no repr and no exception holds one.
2. What is sealed with one context cannot be unsealed with another. Whoever seals puts into the context all that the secret
   belongs to, and what it is for (:func:`~confobjects.texts.contexts.make_context`).
3. A file of keys is used only if nobody else could have read or written it, and only if it is whole.
4. The identifier of a key is a digest of the key: two keys never share one, and a damaged key is noticed.

Floors inside: ``ring`` (keys as text), ``ring_file`` (the file that holds them), ``sealer`` (what the keys do).
"""

from __future__ import annotations

from confobjects.expressions.seals import KEY_FILE_VARIABLE
from confobjects.sealing.sealer import RingSealer, open_sealer
from confobjects.texts.contexts import make_context

__all__ = ["KEY_FILE_VARIABLE", "RingSealer", "make_context", "open_sealer"]
