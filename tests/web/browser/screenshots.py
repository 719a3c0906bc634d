"""Take the pictures of the guide from a running console, with a real Postfix behind it: ``python -m tests.web.browser.screenshots``.

Laws of this module:

1. A picture shows what the console shows. Only what differs from run to run is written over: times, durations, ports, directories.
2. Nothing has changed, so no picture changes, on the same machine with the same browser.
3. The names of the pictures are those of :data:`PICTURES`; a test compares them with the pictures in the pages.
"""

from __future__ import annotations

import base64
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, sync_playwright

from confobjects.web.identity.credentials import Account, Credentials
from confobjects.web.identity.passwords import hash_password
from confobjects.web.identity.people_file import PeopleFile
from tests.docs_check import ROOT
from tests.opening import open_any
from tests.servers.certificates import Authority
from tests.servers.packages import require
from tests.servers.postfix import PASSWORD, REALM, USER, Postfix
from tests.servers.processes import open_directory
from tests.service.processes import UNSEALED
from tests.web.browser.person import Visitor
from tests.web.people import PASSWORD as WORD
from tests.web.people import TIME
from tests.web.serving import ServeProcess

IMAGES: Final = ROOT / "docs" / "images"
MOST: Final = 100_000
"""Bytes of a picture."""
_WIDTH: Final = 1000
_PHONE: Final = 360
_QUALITY: Final = 80
_PERSON: Final = "admin"
_LOGIN: Final = f"{USER}@{REALM}"

_WRITE_OVER = """
changes => {
  const patterns = changes.map(([pattern, text]) => [new RegExp(pattern, "g"), text]);
  const change = text => patterns.reduce((found, [pattern, to]) => found.replace(pattern, to), text);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) walker.currentNode.data = change(walker.currentNode.data);
  for (const input of document.querySelectorAll("input:not([type=hidden])")) input.value = change(input.value);
  document.activeElement.blur();
}
"""


class Studio:
    """A running console with a real Postfix behind it, and where the pictures go."""

    def __init__(self, browser: Browser, console: ServeProcess, relay: Postfix, place: Path, out: Path) -> None:
        self._browser = browser
        self._base = f"http://127.0.0.1:{console.port}"
        self._place = place
        self._out = out
        self.relay = relay

    def visit(self, width: int = _WIDTH) -> Visitor:
        """Return somebody who opens the console."""
        return Visitor(self._browser, self._base, width)

    def sign_in(self, visitor: Visitor) -> None:
        """Sign in as whoever is seen on the pictures."""
        visitor.sign_in(_PERSON)

    def take(self, visitor: Visitor, name: str, height: int) -> None:
        """Take the picture of the top of a page, so high, as WebP."""
        page = visitor.page
        page.set_viewport_size({"width": visitor.width, "height": height})
        page.evaluate(_WRITE_OVER, self._list_changes())
        assert time.strftime("%Y-%m-%d", time.gmtime()) not in page.locator("body").inner_text(), (
            "a time is not written over"
        )
        page.evaluate("window.scrollTo(0, 0)")
        browser = page.context.new_cdp_session(page)
        taken = browser.send("Page.captureScreenshot", {"format": "webp", "quality": _QUALITY})
        (self._out / name).write_bytes(base64.b64decode(taken["data"]))

    def _list_changes(self) -> list[tuple[str, str]]:
        """Return what is written over: patterns of JavaScript, each with a text for all that match."""
        ports = zip(self.relay.ports.values(), ("25", "587", "465"), strict=True)
        return [
            (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z| UTC)", "2026-01-05 09:30:00 UTC"),
            (r"\d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d", "2026-01-01 to 2026-12-31"),
            (r"\b[0-9a-f]{64}\b", "0123456789abcdef" * 4),
            (r"\b\d+(\.\d+)? ms\b", "1.0 ms"),
            (str(self._place), "/var/lib/confobjects"),
            *((rf"\b{port}\b", usual) for port, usual in ports),
        ]


def take_sign_in(studio: Studio) -> None:
    """The page on which one signs in."""
    with studio.visit() as visitor:
        visitor.go_to("/sign-in")
        studio.take(visitor, "sign-in.webp", 420)


def take_sender(studio: Studio) -> None:
    """The form of a new sender, a test mail that fails, and what may mend it."""
    with studio.visit() as visitor:
        studio.sign_in(visitor)
        visitor.go_to("/new-sender?provider=custom-server")
        for label, text in (
            ("Name", "acme"),
            ("Username", "news@example.com"),
            ("Server Name", "smtp.example.com"),
            ("From Name", "Example News"),
            ("From Address", "news@example.com"),
        ):
            visitor.type_in(label, text)
        studio.take(visitor, "sender.webp", 740)
        visitor.type_in("Username", _LOGIN)
        visitor.type_in("Password", PASSWORD)
        visitor.type_in("Server Name", "localhost")
        visitor.type_in("Port", str(studio.relay.ports["smtps"]))
        visitor.press("Save")
        visitor.sees("Configuration saved.")
        visitor.open("Send Test Email")
        visitor.type_in("Send to", "operator@example.com")
        visitor.press("Send")
        visitor.sees("What may mend it")
        studio.take(visitor, "test-email.webp", 800)


def take_review(studio: Studio) -> None:
    """A change that is refused with the corrected one as a button, and the review of that."""
    with studio.visit() as visitor:
        studio.sign_in(visitor)
        visitor.go_to("/objects/mail-servers/relay")
        visitor.page.get_by_label("use-ssl").first.select_option("true")
        visitor.press("Review")
        visitor.sees("Set use-start-tls to false")
        studio.take(visitor, "refused.webp", 500)
        visitor.press("Set use-start-tls to false")
        visitor.sees("Review: what a save does")
        studio.take(visitor, "review.webp", 620)


def take_mail_service(studio: Studio) -> None:
    """Who mail comes from, and the limits."""
    with studio.visit() as visitor:
        studio.sign_in(visitor)
        visitor.go_to("/mail-service")
        visitor.choose("The Mail Sender that all mail comes from.", "acme")
        studio.take(visitor, "mail-service.webp", 760)


def take_overview(studio: Studio) -> None:
    """What needs attention."""
    with studio.visit() as visitor:
        studio.sign_in(visitor)
        studio.take(visitor, "overview.webp", 640)


def take_phone(studio: Studio) -> None:
    """A mail server on a phone, in the dark."""
    with studio.visit(_PHONE) as visitor:
        visitor.page.emulate_media(color_scheme="dark")
        studio.sign_in(visitor)
        visitor.go_to("/objects/mail-servers/relay")
        studio.take(visitor, "phone.webp", 720)


PICTURES: Final[dict[Callable[[Studio], None], tuple[str, ...]]] = {
    take_sign_in: ("sign-in.webp",),
    take_sender: ("sender.webp", "test-email.webp"),
    take_review: ("refused.webp", "review.webp"),
    take_mail_service: ("mail-service.webp",),
    take_overview: ("overview.webp",),
    take_phone: ("phone.webp",),
}
"""What takes which pictures, in the order in which they are taken: each finds what those before it have saved."""


def configure(place: Path, relay: Postfix, authority: Authority) -> str:
    """Make the configuration that is seen, and return its URL."""
    (place / "ca.pem").write_bytes(authority.pem)
    url = f"ldif:{place / 'config.ldif'}"
    with open_any(url) as context, context.change() as tx:
        trust = {"enabled": True, "trust-store-file": str(place / "ca.pem")}
        tx.create("trust-manager-provider", "Our CA", trust, type="file-based")
        server = {"enabled": True, "smtp-server": "smtp.example.com:587", "trust-manager-provider": "Our CA"}
        tx.create("mail-server", "relay", server)
        built_in = {
            "enabled": True,
            "smtp-server": f"localhost:{relay.ports['smtps']}",
            "auth-username": _LOGIN,
            "auth-password": PASSWORD,
            "trust-manager-provider": "Our CA",
        }
        tx.create("mail-server", "built-in", built_in, type="custom-server")
        sender = {"enabled": True, "from-address": "noreply@example.com", "mail-server": "built-in"}
        tx.create("mail-sender", "built-in", sender)
        tx.set("mail-service", (), {"enabled": "true", "default-sender": "built-in"})
    person = Account(_PERSON, "administrator", hash_password(_PERSON, WORD), TIME)
    PeopleFile(str(place / "config.ldif.people")).change(lambda _: Credentials().with_account(person))
    return url


@contextmanager
def open_studio(browser: Browser, relay: Postfix, authority: Authority, out: Path) -> Iterator[Studio]:
    """Start the console of such a configuration, which trusts nobody but who is named."""
    with tempfile.TemporaryDirectory(prefix="confobjects-") as directory:
        place = Path(directory)
        url = configure(place, relay, authority)
        (place / "none.pem").write_bytes(Authority("Nobody").pem)
        env = {"SSL_CERT_FILE": str(place / "none.pem"), "SSL_CERT_DIR": str(place / "none")}
        with ServeProcess(url, "--mail-service", UNSEALED, env=env) as console:
            console.wait_for_start()
            yield Studio(browser, console, relay, place, out)
            console.end()


def take_all(browser: Browser, relay: Postfix, authority: Authority, out: Path) -> None:
    """Take all pictures into a directory."""
    out.mkdir(parents=True, exist_ok=True)
    with open_studio(browser, relay, authority, out) as studio:
        for take in PICTURES:
            take(studio)


def main(arguments: list[str]) -> None:
    """Take all pictures, into ``docs/images`` or the directory that is given."""
    out = Path(arguments[0]) if arguments else IMAGES
    authority = Authority("Relay Authority")
    with (
        sync_playwright() as playwright,
        open_directory("postfix") as directory,
        Postfix(directory / "root", authority.issue("localhost")) as relay,
    ):
        program = require("chromium")["chromium"]
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        take_all(browser, relay, authority, out)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
