"""What a remedy asks for: actions that each face words in its own way.

The command line words ``RemedyAction("set", "use-ssl", "false")`` as an option, and a console may show a button; here
stands the wording for callers in Python, which is plain English or a call.

Law of this module: a remedy names an action, never the words of a face.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from confobjects.records import Record

Verb = Literal[
    "set",
    "assign",
    "add",
    "setting",
    "create",
    "change",
    "reset",
    "reset-single",
    "switch",
    "switch-single",
    "list",
    "check",
    "choose-type",
    "replace",
    "recreate",
    "seal-all",
    "abandon-sealed",
    "accept-losses",
    "authorize",
    "see-waiting",
    "lift-suppression",
    "reset-quota",
    "resume-sender",
    "test-mail",
    "save-untested",
    "give-values",
    "undo",
    "undo-to",
    "show-change",
    "export-ldif",
    "initialise",
    "finish-interrupted",
    "load-schema",
    "load-newest-schema",
    "load-schema-of-definitions",
    "load-access-rules",
    "log-in",
    "use-ldaps",
    "use-starttls",
    "allow-clear-password",
    "give-base",
    "give-bind-dn",
    "give-bind-password",
    "give-connect-timeout",
    "give-definitions",
    "add-family",
    "remove-family",
    "give-family",
    "give-product-version",
    "give-instance",
    "give-trust-store",
    "give-sender",
    "give-recipients",
    "allow-unsealed",
    "give-dkim-selector",
    "give-spf-include",
]
"""Every action. What comes after it is said where it is worded: property and value, kind and name, a number."""


class RemedyAction(Record):
    """An action that a remedy asks for, with its arguments in the order of its row in :data:`PLAIN`."""

    verb: Verb
    arguments: tuple[str, ...]

    def __init__(self, verb: Verb, *arguments: str) -> None:
        self._fill(verb=verb, arguments=arguments)


Remedy = str | tuple[str | RemedyAction, ...]
"""What to do about a problem: text, with actions in it where a face has words of its own for them."""

Say = Callable[[RemedyAction], str]
"""How a face words an action."""

PLAIN: Final[dict[Verb, str]] = {
    "set": "set {} to {}",
    "assign": "{} to {}",
    "add": "{1} to {0}",
    "setting": "{1} in {0}",
    "create": 'create the {0} "{2}" first',
    "change": "change it",
    "reset": "reset it",
    "reset-single": "reset it",
    "switch": "set its {3} to {4}",
    "switch-single": "set its {1} to {2}",
    "list": 'list("{1}")',
    "check": "the warnings of load() name all",
    "choose-type": "give one of these types: {}",
    "replace": "let the copy replace it (replace=True)",
    "recreate": "create the object anew (recreate=True)",
    "seal-all": "reseal()",
    "abandon-sealed": "reseal(abandon=True)",
    "accept-losses": "let the change give it up (accept_losses=True)",
    "authorize": 'let somebody consent for the provider "{}" (Consent)',
    "see-waiting": "list() of the ledger",
    "lift-suppression": 'lift_suppression("{}")',
    "reset-quota": 'reset_quota("{}")',
    "resume-sender": 'forget_refused_logins("{}")',
    "test-mail": 'check_server of the {0} "{2}"',
    "save-untested": "save it without a test (tests=None)",
    "give-values": "define or environment",
    "undo": "undo({})",
    "undo-to": "undo_to({})",
    "show-change": "the record of change {}",
    "export-ldif": "an export as LDIF shows",
    "initialise": "initialising the storage",
    "finish-interrupted": "finish_interrupted() of its storage",
    "load-schema": "load the LDAP schema of these definitions into the server, or what an older one lacks of it",
    "load-newest-schema": "load the newest LDAP schema into the server, then initialise the storage",
    "load-schema-of-definitions": "load the LDAP schema of these definitions into the server first",
    "load-access-rules": "load the access rules that belong to the LDAP schema",
    "log-in": "log in (bind_dn and bind_password)",
    "use-ldaps": "ldaps://",
    "use-starttls": "StartTLS (start_tls)",
    "allow-clear-password": "allow_clear_password",
    "give-base": "base",
    "give-bind-dn": "bind_dn",
    "give-bind-password": "bind_password",
    "give-connect-timeout": "connect_timeout",
    "give-definitions": "definitions",
    "add-family": "add the family of its definitions ({}) with confobjects.families",
    "remove-family": 'remove_family("{}")',
    "give-family": 'family="{}"',
    "give-product-version": "version",
    "give-instance": "instance",
    "give-trust-store": "trust_store",
    "give-sender": "the sender given with the message",
    "give-recipients": "to",
    "allow-unsealed": "unsealed=True",
    "give-dkim-selector": "selector",
    "give-spf-include": "include",
}
"""The words of each action for a caller in Python; an argument stands where its number does, in order without one.

``set``: property, value. ``assign`` and ``add`` are the same within a sentence, after "set" and "add". ``setting``: a property
whose values are ``KEY=VALUE``, key. ``create``: kind, what its name is called, name. ``change``: kind. ``reset``: as
``create``, then the property; ``reset-single``: a kind with one object, the property. ``switch`` and
``switch-single``: as these two, then the value. ``list``: plural, kind. ``choose-type``: the types.
``test-mail``: as ``create``. ``undo``, ``undo-to`` and ``show-change``: the number of a change.
"""


def plain(action: RemedyAction) -> str:
    """Return an action in the words for a caller in Python."""
    return PLAIN[action.verb].format(*action.arguments)


def as_parts(remedy: Remedy) -> tuple[str | RemedyAction, ...]:
    """Return a remedy as its parts: texts and actions."""
    return (remedy,) if isinstance(remedy, str) else remedy


def remedy_text(remedy: Remedy, say: Say = plain) -> str:
    """Return a remedy as text, its actions worded by a face."""
    if isinstance(remedy, str):
        return remedy
    return "".join(part if isinstance(part, str) else say(part) for part in remedy)
