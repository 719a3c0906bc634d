"""``smtp-property`` settings: checked one by one and together, and read for the planner."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from confobjects.diagnostics import MASK, Diagnostic, find_nearest
from confobjects.mail.property_table import (
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
from confobjects.records import Record


def check_smtp_property(name: str, value: str) -> list[Diagnostic]:
    """Return the errors and warnings about one ``smtp-property``; empty if it is correct and honoured.

    The other settings are not known here: :func:`check_combination` checks them together.
    """
    row = row_of(name)
    if row is None:
        return [_unknown_name_problem(name)]
    shown_value = mask_secret_value(name, value)
    if row.state == REFUSED:
        return [_problem(f"{name} cannot be used: {row.meaning}", shown_value, "Remove it.")]
    if "\r" in value or "\n" in value or "\0" in value:
        return [_problem(f"the value of {name} contains a line break or NUL", MASK, "Remove the character.")]
    try:
        parse_value(name, value)
    except ValueError as error:
        plain = isinstance(error, UnexpectedValueError) and shown_value != MASK
        return [_problem(f'{name} is "{shown_value}", {error}' if plain else f"{name}: {error}", shown_value, "")]
    if row.state == NO_EFFECT:
        text = f"{name} is accepted and has no effect: {row.meaning}"
        return [_problem(text, shown_value, "Remove it; nothing changes.", warning=True)]
    return []


def _problem(
    summary: str, value: str, remedy: str, *, code: str = "invalid-value", warning: bool = False
) -> Diagnostic:
    return Diagnostic(
        code,
        summary,
        property=PROPERTY,
        value=value,
        remedy=remedy,
        severity="warning" if warning else "error",
    )


def _unknown_name_problem(name: str) -> Diagnostic:
    for prefix in PREFIXES:
        if remedy := MISTAKEN.get(name.removeprefix(prefix).lower() if name.lower().startswith(prefix) else ""):
            return _problem(f"there is no SMTP property {name}", name, remedy[0].upper() + remedy[1:] + ".")
    near = _nearest_name(name)
    remedy = f'did you mean "{near}"?' if near else "The names are those of JavaMail's SMTP provider (mail.smtp.…)."
    return _problem(f"there is no SMTP property {name}", name, remedy)


def _nearest_name(name: str) -> str | None:
    # Search under the prefix that was typed: the answer to mail.smtps.prot is mail.smtps.port.
    for prefix in (*reversed(PREFIXES), OURS):
        if name.lower().startswith(prefix):
            near = find_nearest(name[len(prefix) :], OWN if prefix == OURS else TRANSPORT)
            if near is not None:
                return prefix + near
    return find_nearest(name, names())


class Setting(Record):
    """One honoured setting: its typed value, the text and the full name with which it was given."""

    value: Any
    text: str
    name: str


class SmtpSettings:
    """The honoured settings of one mail server, by key: ``settings.value("port")``."""

    __slots__ = ("_settings",)

    def __init__(self, settings: dict[str, Setting]) -> None:
        self._settings = settings

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
        """Tell whether ``confobjects.allow-insecure`` names a weakness."""
        return weakness in self.value_of("confobjects.allow-insecure", ())


def read_settings(entries: Iterable[tuple[str, str]]) -> tuple[SmtpSettings, list[Diagnostic]]:
    """Return the honoured settings among ``smtp-property`` entries, and every problem with them."""
    settings: dict[str, Setting] = {}
    problems: list[Diagnostic] = []
    for name, value in entries:
        found = check_smtp_property(name, value)
        problems.extend(found)
        key = key_of(name)
        if found or key is None:
            continue
        setting = Setting(parse_value(name, value), value, name)
        other = settings.setdefault(key, setting)
        if other.value != setting.value:
            problems.append(
                _problem(
                    f"{other.name} and {name} are two names of one setting, but their values differ",
                    mask_secret_value(name, value),
                    f"Remove one of {other.name} and {name}.",
                    code="constraint-violated",
                )
            )
    result = SmtpSettings(settings)
    problems.extend(check_combination(result))
    return result, problems


ALLOW_INSECURE: Final = "allow-insecure"
"""The rule: an insecure setting must be allowed by name, and gives a warning if it is."""

_OPENS: Final = (
    ("ssl.trust", None, "any-certificate"),
    ("ssl.checkserveridentity", False, "any-name"),
    ("starttls.required", False, "opportunistic-starttls"),
    ("socketFactory.fallback", True, "socket-fallback"),
)
"""Insecure settings: key, the insecure value (None: any), and the weakness that must be allowed for it."""


def check_combination(settings: SmtpSettings) -> Iterator[Diagnostic]:
    """Yield an error for each insecure setting that is not allowed, and a warning for each weakness that is allowed."""
    for key, value, weakness in _OPENS:
        setting = settings.get(key)
        if setting is None or (value is not None and setting.value != value) or settings.allows(weakness):
            continue
        yield refuse_weakness(f"{setting.name}={setting.text}", weakness, setting.text)
    for weakness in settings.value_of("confobjects.allow-insecure", ()):
        yield _problem(
            f"confobjects.allow-insecure names {weakness}: {WEAKNESSES[weakness]}",
            weakness,
            "Use it for tests only, or on a network that nobody else can reach.",
            code="constraint-violated",
            warning=True,
        ).replace(constraint=ALLOW_INSECURE)


def refuse_weakness(cause: str, weakness: str, value: str) -> Diagnostic:
    """Return the error about an insecure setting that is not allowed. ``cause`` is its text for the message."""
    return _problem(
        f"{cause} is refused: with it {WEAKNESSES[weakness]}",
        value,
        f"Remove it; or, for tests only, add smtp-property:confobjects.allow-insecure={weakness}",
        code="constraint-violated",
    ).replace(constraint=ALLOW_INSECURE)
