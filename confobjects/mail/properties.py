"""``smtp-property`` settings: checked one by one and together, and read for the planner."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from confobjects.actions import Remedy, RemedyAction
from confobjects.diagnostics import MASK, Diagnostic, find_misspelt
from confobjects.mail.property_table import (
    KEYS,
    MISTAKEN,
    NO_EFFECT,
    OURS,
    OWN,
    PREFIXES,
    PROPERTY,
    REFUSED,
    TRANSPORT,
    WEAKNESSES,
    key_of,
    mask_secret_value,
    names,
    row_of,
)
from confobjects.mail.property_values import UnexpectedValueError, parse_value
from confobjects.records import Record, field


class Setting(Record):
    """One honoured setting: its typed value, the text and the full name with which it was given."""

    value: Any = field(repr=False)
    text: str = field(repr=False)
    name: str


def read_setting(name: str, value: str) -> tuple[Setting | None, list[Diagnostic]]:
    """Return one ``smtp-property`` as a setting, None if it has no effect; and the errors and warnings about it.

    This is the only place where a row is parsed and judged by itself. :func:`check_combination` judges rows together,
    and :mod:`~confobjects.mail.choices` judges them beside the other properties.
    """
    row = row_of(name)
    if row is None:
        return None, [_unknown_name_problem(name)]
    shown = mask_secret_value(name, value)
    if row.state == REFUSED:
        return None, [make_problem(f"{name} cannot be used: {row.meaning}", shown, "Remove it.")]
    if "\r" in value or "\n" in value or "\0" in value:
        return None, [make_problem(f"the value of {name} contains a line break or NUL", MASK, "Remove the character.")]
    try:
        typed = parse_value(row, value)
    except ValueError as error:
        plain = isinstance(error, UnexpectedValueError) and shown != MASK
        summary = f'{name} is "{shown}", {error}' if plain else f"{name}: {error}"
        return None, [make_problem(summary, shown, _blanks_remedy(name, value, shown))]
    if row.state == NO_EFFECT:
        text = f"{name} is accepted and has no effect: {row.meaning}"
        return None, [make_problem(text, shown, "Remove it; nothing changes.", warning=True)]
    found = [_blanks_warning(name)] if isinstance(typed, str) and typed != typed.strip() else []
    return Setting(typed, value.strip() if shown != MASK else value, name), found


def _blanks_remedy(name: str, value: str, shown: str) -> str:
    bare = value.strip()
    return f"Write {name}={bare} without blanks around the value." if bare and bare != value and shown != MASK else ""


def _blanks_warning(name: str) -> Diagnostic:
    summary = f"the value of {name} begins or ends with a blank, which is used as a part of it"
    return make_problem(summary, MASK, "Remove the blank unless it belongs to the secret.", warning=True)


def make_problem(
    summary: str, value: str, remedy: Remedy, *, code: str = "invalid-value", warning: bool = False
) -> Diagnostic:
    """Return an error or a warning about ``smtp-property``."""
    return Diagnostic(
        code,
        summary,
        property=PROPERTY,
        value=value,
        remedy=remedy,
        severity="warning" if warning else "error",
    )


_OTHER_PROTOCOLS: Final = ("mail.imap.", "mail.imaps.", "mail.pop3.", "mail.pop3s.", "mail.gimap.", "mail.nntp.")


def _unknown_name_problem(name: str) -> Diagnostic:
    summary = f"there is no SMTP property {name}"
    if name.lower().startswith(_OTHER_PROTOCOLS):
        other = f"{name} has no effect: it is about reading mailboxes, and this program only sends mail"
        return make_problem(other, name, "Remove it; nothing changes.", warning=True)
    for prefix in PREFIXES:
        if remedy := MISTAKEN.get(name[len(prefix) :].lower() if name.lower().startswith(prefix) else ""):
            return make_problem(summary, name, remedy[0].upper() + remedy[1:] + ".")
    near = _nearest_name(name)
    remedy = f'did you mean "{near}"?' if near else "The names are those of JavaMail's SMTP provider (mail.smtp.…)."
    return make_problem(summary, name, remedy)


def _nearest_name(name: str) -> str | None:
    """Return the name that was misspelt, or given without its beginning."""
    for begun in ("mail.", PREFIXES[0], OURS):
        if key_of(begun + name) is not None:
            return begun + name
    # Search under the prefix that was typed: the answer to mail.smtps.prot is mail.smtps.port.
    for prefix in (*reversed(PREFIXES), OURS):
        if name.lower().startswith(prefix):
            near = find_misspelt(name[len(prefix) :], OWN if prefix == OURS else TRANSPORT)
            return None if near is None else prefix + near
    return find_misspelt(name, names())


class SmtpSettings:
    """The honoured settings of one mail server, by key: ``settings.value("port")``."""

    __slots__ = ("_settings", "never")

    def __init__(self, settings: dict[str, Setting], never: frozenset[str] = frozenset()) -> None:
        self._settings = settings
        self.never = never

    def __contains__(self, key: object) -> bool:
        return key in self._settings

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings)

    def get(self, *keys: str) -> Setting | None:
        """Return the setting of the first key that was given, None if none was."""
        for key in keys:
            if key in self._settings:
                return self._settings[key]
        return None

    def value_of(self, key: str, default: Any = None) -> Any:
        """Return a typed value, or a default if the setting was not given."""
        setting = self._settings.get(key)
        return default if setting is None else setting.value

    def allows(self, weakness: str) -> bool:
        """Tell whether ``confobjects.allow-insecure`` names a weakness, and the type of mail server does not forbid it."""
        return weakness not in self.never and weakness in self.value_of("confobjects.allow-insecure", ())


def read_settings(
    entries: Iterable[tuple[str, str]], never: frozenset[str] = frozenset()
) -> tuple[SmtpSettings, list[Diagnostic]]:
    """Return the honoured settings among ``smtp-property`` entries, and every problem with them.

    ``never`` are the weaknesses that the type of mail server never allows.
    """
    settings: dict[str, Setting] = {}
    problems: list[Diagnostic] = []
    for name, value in entries:
        setting, found = read_setting(name, value)
        problems.extend(found)
        key = key_of(name)
        if setting is None or key is None:
            continue
        other = settings.setdefault(key, setting)
        if other.value != setting.value:
            problems.append(
                make_problem(
                    f"{other.name} and {name} are two names of one setting, but their values differ",
                    mask_secret_value(name, value),
                    f"Remove one of {other.name} and {name}.",
                    code="constraint-violated",
                )
            )
    result = SmtpSettings(settings, never)
    problems.extend(check_combination(result))
    return result, problems


ALLOW_INSECURE: Final = "allow-insecure"
"""The rule: an insecure setting must be allowed by name, and gives a warning if it is."""

SOCKET_FALLBACK: Final = "socket-fallback"

_OPENS: Final = (
    ("ssl.trust", None, "any-certificate"),
    ("ssl.checkserveridentity", False, "any-name"),
    ("starttls.required", False, "opportunistic-starttls"),
    ("socketFactory.fallback", True, SOCKET_FALLBACK),
)
"""Insecure settings: key, the insecure value (None: any), and the weakness that must be allowed for it."""


_NEEDS: Final = (
    ("socketFactory.port", "socketFactory.class"),
    ("ssl.socketFactory.port", "ssl.socketFactory.class"),
    ("proxy.port", "proxy.host"),
    ("proxy.user", "proxy.host"),
    ("proxy.password", "proxy.user"),
    ("socks.port", "socks.host"),
)
"""Settings that have no effect without another one."""


def check_combination(settings: SmtpSettings) -> Iterator[Diagnostic]:
    """Yield an error for each insecure setting that is not allowed, and a warning for each weakness that is allowed.

    A setting that has no effect beside the others gives a warning too; a mechanism that cannot work is an error.
    """
    for key, value, weakness in _OPENS:
        setting = settings.get(key)
        if setting is None or (value is not None and setting.value != value) or settings.allows(weakness):
            continue
        yield refuse_weakness(settings, f"{setting.name}={setting.text}", weakness, setting.text)
    if (setting := _find_clear_proxy_login(settings)) is not None:
        shown = mask_secret_value(setting.name, setting.text)
        yield refuse_weakness(settings, f"{setting.name}={shown}", PROXY_IN_CLEAR, shown)
    for key, needed in _NEEDS:
        setting = settings.get(key)
        if setting is not None and needed not in settings:
            yield _idle_problem(setting, f"without {PREFIXES[0]}{needed}")
    if "proxy.host" in settings and (setting := settings.get("socks.host")) is not None:
        yield _idle_problem(setting, f"beside {PREFIXES[0]}proxy.host")
    yield from _find_unusable_mechanisms(settings)
    for weakness in settings.value_of("confobjects.allow-insecure", ()):
        if weakness in settings.never:
            yield make_problem(
                f"confobjects.allow-insecure names {weakness}, which this type of mail server never allows: with it "
                f"{WEAKNESSES[weakness]}",
                weakness,
                "Remove it.",
                code="constraint-violated",
            ).replace(constraint=ALLOW_INSECURE)
            continue
        yield make_problem(
            f"confobjects.allow-insecure names {weakness}: {WEAKNESSES[weakness]}",
            weakness,
            "Use it for tests only, or on a network that nobody else can reach.",
            code="constraint-violated",
            warning=True,
        ).replace(constraint=ALLOW_INSECURE)


PROXY_IN_CLEAR: Final = "proxy-login-in-clear"


def _find_clear_proxy_login(settings: SmtpSettings) -> Setting | None:
    """Return the setting that sends credentials to an HTTP proxy of another machine, if that is not allowed."""
    where = settings.value_of("proxy.host")
    if where is None or "proxy.user" not in settings:  # without a user name none of it is sent
        return None
    from confobjects.syntaxes.hosts import is_this_machine

    if settings.allows(PROXY_IN_CLEAR) or is_this_machine(where[0]):
        return None
    return settings.get("proxy.password", "proxy.user")


def _find_unusable_mechanisms(settings: SmtpSettings) -> Iterator[Diagnostic]:
    for key in ("auth.mechanisms", "sasl.mechanisms"):
        setting = settings.get(key)
        if setting is not None and "EXTERNAL" in setting.value and KEYS not in settings:
            yield make_problem(
                f"{setting.name} names EXTERNAL, which logs in by a certificate of the client, and no key manager provider "
                "is named",
                setting.text,
                (
                    "Name one with ",
                    RemedyAction("add", PROPERTY, f"{KEYS}=…"),
                    "; or remove EXTERNAL, and name a mechanism that uses auth-username and auth-password, such as PLAIN.",
                ),
                code="constraint-violated",
            )


def _idle_problem(setting: Setting, why: str) -> Diagnostic:
    shown = mask_secret_value(setting.name, setting.text)
    return make_problem(
        f"{setting.name} has no effect {why}", shown, "Remove it, or set the other as well.", warning=True
    )


def refuse_weakness(
    settings: SmtpSettings,
    cause: str,
    weakness: str,
    value: str,
    remedy: tuple[str | RemedyAction, ...] = ("Remove it",),
) -> Diagnostic:
    """Return the error about an insecure setting that is not allowed. ``cause`` is its text for the message."""
    otherwise = () if weakness in settings.never else ("; or, for tests only, add ", allow_weakness(weakness))
    return make_problem(
        f"{cause} is refused: with it {WEAKNESSES[weakness]}",
        value,
        (*remedy, *(otherwise or (".",))),
        code="constraint-violated",
    ).replace(constraint=ALLOW_INSECURE)


def allow_weakness(weakness: str) -> RemedyAction:
    """Return the setting that allows something insecure, to be added."""
    return RemedyAction("add", PROPERTY, f"confobjects.allow-insecure={weakness}")
