"""Where an environment says the keys of sealed secrets are. The room of sealing reads them; others name them in messages."""

from __future__ import annotations

from typing import Final

KEY_FILE_VARIABLE: Final = "CONFOBJECTS_SEAL_KEY_FILE"
"""The environment variable that names the file of the keys."""
CREDENTIALS_VARIABLE: Final = "CREDENTIALS_DIRECTORY"
"""The environment variable in which systemd names the directory of a service's credentials (systemd.exec(5))."""
KEY_CREDENTIAL: Final = "confobjects.seal-keys"
"""The credential that holds the keys for a systemd service."""
