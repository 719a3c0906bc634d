"""What a remedy asks for, in the words of the command line: options and commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .quoting import quote_word

if TYPE_CHECKING:
    from collections.abc import Iterable

    from confobjects.actions import RemedyAction, Verb
    from confobjects.diagnostics import Diagnostic

WORDS: Final[dict[Verb, str]] = {
    "set": "--set {}:{}",
    "assign": "{}:{}",
    "add": "{}:{}",
    "setting": "{}:{}=…",
    "create": 'create it first (create-{0} --{1} "{2}" …)',
    "change": "change it with set-{}-prop",
    "reset": "reset it: set-{0}-prop --{1} {2} --reset {3}",
    "reset-single": "reset it: set-{}-prop --reset {}",
    "switch": "set-{0}-prop --{1} {2} --set {3}:{4}",
    "switch-single": "set-{}-prop --set {}:{}",
    "list": "list-{0}",
    "check": "run check, which names all",
    "choose-type": "--type with one of: {}",
    "replace": "let the copy replace it (--force)",
    "recreate": "create the object anew (--recreate)",
    "seal-all": "confobjects seal init",
    "abandon-sealed": "confobjects seal init --abandon-sealed",
    "accept-losses": "install it with --force",
    "authorize": 'run authorize-oauth2-provider --provider-name "{}"',
    "see-waiting": "mail-queue list --state queued",
    "lift-suppression": "mail-quota lift {}",
    "reset-quota": "mail-quota reset {}",
    "resume-sender": "mail-service resume {}",
    "test-mail": 'test-mail-server --{1} "{2}"',
    "save-untested": "--no-test saves it without a test",
    "give-values": "--define TOKEN=VALUE or --env-file FILE",
    "undo": "undo {}",
    "undo-to": "undo --to {}",
    "show-change": "history show {}",
    "export-ldif": "export --format ldif prints",
    "initialise": "`confobjects init`",
    "finish-interrupted": "confobjects watch --repair",
    "load-schema": "load the schema that `confobjects ldap-schema` prints; --upgrade shows what an older one lacks",
    "load-newest-schema": "load the newest schema (ldap-schema, or with --upgrade what an older one lacks), then run init",
    "load-schema-of-definitions": "load what it lacks first: confobjects ldap-schema --definitions DIR --upgrade SCHEMA",
    "load-access-rules": "load the access rules that `confobjects ldap-schema --acl` prints",
    "log-in": "log in (-D DN and -j FILE)",
    "use-ldaps": "ldaps:// (-Z)",
    "use-starttls": "StartTLS (-q)",
    "allow-clear-password": "--allowClearPassword",
    "give-base": "--baseDN DN",
    "give-bind-dn": "-D",
    "give-bind-password": "-j FILE",
    "give-connect-timeout": "--connectTimeout",
    "give-definitions": "--definitions",
    "add-family": "confobjects family add {} PATH, with the directory of an installed server of that version",
    "remove-family": "confobjects family remove {}",
    "give-family": "--family {}",
    "give-product-version": "--product-version VERSION",
    "give-instance": "--instancePath",
    "give-trust-store": "--trustStorePath FILE",
    "give-sender": "--from",
    "give-recipients": "--to",
    "allow-unsealed": "--unsealed-ledger",
    "give-dkim-selector": "--dkim-selector",
    "give-spf-include": "--spf-include",
}
"""The words of each action; the arguments are those of :data:`confobjects.actions.PLAIN`."""


_COPIED: Final = frozenset({"reset", "switch", "lift-suppression", "reset-quota", "resume-sender"})
"""Actions with an argument from outside, such as an address, which people copy into a shell: it is quoted."""


def word(action: RemedyAction) -> str:
    """Return an action in the words of the command line."""
    quote = quote_word if action.verb in _COPIED else str
    return WORDS[action.verb].format(*map(quote, action.arguments))


def asks_for(problems: Iterable[Diagnostic], verb: Verb) -> bool:
    """Tell whether the remedy of a problem asks for an action."""
    return any(action.verb == verb for problem in problems for action in problem.list_actions())


def render(problem: Diagnostic) -> str:
    """Return a problem for the user of the command line."""
    return problem.render(word)


def as_json(problem: Diagnostic) -> dict[str, Any]:
    """Return a problem for a program that runs the command line."""
    return problem.as_json(word)
