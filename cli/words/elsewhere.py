"""What other products call things: the words of their forms and steps, and what explains or does the same here.

The words are those that PingOne, SAP Identity Authentication and Zuora document for their custom mail servers. Names of our
objects and properties are not among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_SERVER: Final = ("describe mail-server smtp-server",)
_LOGIN: Final = ("describe mail-server auth-username",)
_SENDERS: Final = ("describe mail-sender", "list-mail-senders")
_ACTIVE: Final = ("describe mail-service sender",)
_SAVING: Final = ("describe mail-service save-policy",)
_TRYING: Final = ("send-test-email --help",)
_COUNTS: Final = ("mail-quota show ADDRESS",)

_ELSEWHERE: Final[Mapping[str, tuple[str, ...]]] = {
    "access token endpoint": ("describe oauth2-provider token-endpoint",),
    "administration console": ("interactive", "configure-mail"),
    "click +": ("create-mail-sender --help", "configure-mail"),
    "click edit": ("set-mail-server-prop --help",),
    "click save": _SAVING,
    "configuration saved": _SAVING,
    "custom mail server": ("describe custom-server", *_ACTIVE),
    "custom smtp server": ("describe custom-server",),
    "default settings": ("set-mail-service-prop --reset sender",),
    "email settings": ("describe mail-service",),
    "external smtp server": ("describe external-smtp", "describe mail-service use-custom-sender"),
    "forgot password?": ("send-mail --category account --help",),
    "mail server configuration": _ACTIVE,
    "mailbox": _TRYING,
    "name": ("describe mail-sender", "describe oauth2-provider"),
    "oauth2.0 provider": ("describe oauth2-provider",),
    "password": ("describe mail-server auth-password",),
    "password details": _COUNTS,
    "password reset": _COUNTS,
    "port": _SERVER,
    "provider type": ("describe custom-server",),
    "reset counter": ("mail-quota reset ADDRESS",),
    "return to the default settings": ("set-mail-service-prop --reset sender",),
    "select external smtp server": ("describe mail-service use-custom-sender",),
    "send test email": _TRYING,
    "send to": _TRYING,
    "sender type": _SENDERS,
    "senders": _SENDERS,
    "server name": _SERVER,
    "settings tab": ("describe mail-service",),
    "smtp enable starttls": ("describe mail-server use-start-tls",),
    "smtp port": _SERVER,
    "smtp server name": _SERVER,
    "smtp user name": _LOGIN,
    "tenant settings": ("describe mail-service",),
    "test connection and save": ("set-mail-server-prop --test --help",),
    "user management": _COUNTS,
    "username": _LOGIN,
}


def find_elsewhere(words: str) -> tuple[str, ...]:
    """Return what to type for words of another product; of a way through menus (``A > B``), for its last part that is known."""
    parts = [_fold(part) for part in words.split(">")]
    known = {_fold(one): lines for one, lines in _ELSEWHERE.items()}
    return next((known[part] for part in reversed(parts) if part in known), ())


def _fold(words: str) -> str:
    """Return words as they are compared: capitals, blanks and hyphens do not count."""
    return "".join(words.lower().replace("-", " ").split())


__all__ = ["find_elsewhere"]
