"""Where an environment says the files are that no expression reads: the keys of sealed secrets, and accounts.

The rooms of sealing and of the web read them; others name them in messages.
"""

from __future__ import annotations

from typing import Final

KEY_FILE_VARIABLE: Final = "CONFOBJECTS_SEAL_KEY_FILE"
"""The environment variable that names the file of the keys."""
CREDENTIALS_VARIABLE: Final = "CREDENTIALS_DIRECTORY"
"""The environment variable in which systemd names the directory of a service's credentials (systemd.exec(5))."""
KEY_CREDENTIAL: Final = "confobjects.seal-keys"
"""The credential that holds the keys for a systemd service."""
PEOPLE_FILE_VARIABLE: Final = "CONFOBJECTS_PEOPLE_FILE"
"""The environment variable that names the file of accounts and tokens."""
