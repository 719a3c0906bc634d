"""A real Dovecot for the tests, of which Postfix asks whether an access token is good: XOAUTH2 and OAUTHBEARER.

It believes nothing by itself: it asks the OAuth 2.0 server about each token (RFC 7662), and takes the user from its answer.
"""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers import processes
from tests.servers.oauth import CHECKER, OAuthServer
from tests.servers.packages import require

_CONFIGURATION = """\
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/dovecot.log
instance_name = confobjects-{name}
protocols =
ssl = no
auth_mechanisms = xoauth2 oauthbearer
auth_failure_delay = 0
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {root}/oauth2.conf
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home=/nonexistent
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  unix_listener {root}/sasl {{
    mode = 0666
  }}
}}
"""

_OAUTH = """\
introspection_mode = post
introspection_url = {scheme}://{user}:{secret}@{host}/introspect
username_attribute = username
active_attribute = active
active_value = true
scope = mail.send
tls_ca_cert_file = {root}/authority.pem
tls_allow_invalid_cert = no
timeout_msecs = 20000
"""


class Dovecot:
    """One running Dovecot below a directory; a context manager. Postfix is given ``socket``."""

    def __init__(self, root: Path, oauth: OAuthServer) -> None:
        self.root = root
        self.socket = root / "sasl"
        self._oauth = oauth

    def __enter__(self) -> Self:
        program = require("dovecot")["dovecot"]
        self.root.mkdir(parents=True, exist_ok=True)
        for above in (self.root, *self.root.parents):  # its daemons, and those of Postfix, have to pass through
            if above.stat().st_mode & 0o001 == 0:
                above.chmod(above.stat().st_mode | 0o011)
        (self.root / "authority.pem").write_bytes(self._oauth.authority.pem)
        scheme, _, host = self._oauth.base.partition("://")
        user, secret = CHECKER
        facts = {
            "root": self.root,
            "name": self.root.name,
            "scheme": scheme,
            "user": user,
            "secret": secret,
            "host": host,
        }
        (self.root / "oauth2.conf").write_text(_OAUTH.format(**facts), encoding="utf-8")
        file = self.root / "dovecot.conf"
        file.write_text(_CONFIGURATION.format(**facts), encoding="utf-8")
        said = self.root / "said.log"
        self._process: subprocess.Popen[bytes] = processes.start([program, "-F", "-c", str(file)], said)
        processes.wait_until(self._is_up, self._process, said)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        processes.stop(self._process)

    def _is_up(self) -> bool:
        return self.socket.exists() and stat.S_ISSOCK(self.socket.stat().st_mode)

    @property
    def log(self) -> str:
        """Everything it has logged."""
        return (self.root / "dovecot.log").read_text(errors="replace")
