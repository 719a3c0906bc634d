"""A machine that shares a ledger: ``python -m tests.oauth.machine LEDGER CLOCK ENDPOINT CLIENT SECRET REFRESH TRUSTED``.

``token`` on standard input asks for an access token, which is printed. After ``hold`` the next request prints ``asking`` and waits
for one more line before it is sent. CLOCK is a file that holds the time of the ledger.
"""

from __future__ import annotations

import sys

from confobjects.mail.diagnosis import Trouble
from confobjects.mail.plan import TrustSource
from confobjects.oauth.http import make_post
from confobjects.oauth.protocol.answers import HttpAnswer
from confobjects.oauth.protocol.requests import FormRequest
from confobjects.oauth.protocol.settings import ProviderSettings, parse_endpoint
from confobjects.oauth.sources import ProviderTokens
from confobjects.service.ledger import open_ledger
from confobjects.service.token_store import LedgerTokenStore
from tests.service.killed import open_clock


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Waiting:
    """Sends requests, the next one after a line if that is wanted."""

    def __init__(self) -> None:
        self.holds = False
        self._post = make_post()

    def __call__(self, settings: ProviderSettings, request: FormRequest) -> HttpAnswer:
        if self.holds:
            self.holds = False
            tell("asking")
            sys.stdin.readline()
        return self._post(settings, request)


def main(url: str, clock: str, endpoint: str, client: str, secret: str, refresh: str, trusted: str) -> None:  # noqa: PLR0913, PLR0917 - a command line
    """Serve until the end of standard input."""
    values = {"enabled": True, "trust-store-file": trusted}
    trust = TrustSource("file-based-trust-manager-provider", "/trust-manager-provider/test", values)
    settings = ProviderSettings(
        "/oauth2-provider/test",
        "test",
        "refresh-token",
        parse_endpoint(endpoint),
        client,
        "basic",
        secret=secret,
        refresh_token=refresh,
        scope=("mail.send",),
        trust=trust,
    )
    read_clock, _ = open_clock(clock)
    store = LedgerTokenStore(url, lambda: open_ledger(url, unsealed=True, clock=read_clock))
    waiting = Waiting()
    for line in sys.stdin:
        if line.strip() == "hold":
            waiting.holds = True
            continue
        try:
            tell(ProviderTokens(settings, store, post=waiting).token())
        except Trouble as trouble:
            tell(f"{trouble.kind} {trouble.facts.get('message', '')}")


if __name__ == "__main__":
    main(*sys.argv[1:])
