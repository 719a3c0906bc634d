"""``smtp-property`` settings: judged one by one and together, and read into what the planner asks for."""

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
    """Return what is wrong with one ``smtp-property``, errors and warnings; empty when it is right and honoured.

    Nothing is known here of the object's other properties: see :func:`check_combination`.
    """
    row = row_of(name)
    if row is None:
        return [_unknown_name_problem(name)]
    shown_value = mask_secret_value(name, value)
    if row.state == REFUSED:
        return [_problem(f"{name} cannot be used: {row.meaning}", shown_value, "Remove it.")]
    if "\r" in value or "\n" in value or "\0" in value:
        return [_problem(f"the value of {name} holds a line break or NUL", MASK, "Remove the character.")]
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
    # Searched under the prefix that was typed, so that mail.smtps.prot is answered with mail.smtps.port.
    for prefix in (*reversed(PREFIXES), OURS):
        if name.lower().startswith(prefix):
            near = find_nearest(name[len(prefix) :], OWN if prefix == OURS else TRANSPORT)
            if near is not None:
                return prefix + near
    return find_nearest(name, names())


class Setting(Record):
    """One honoured setting: the typed value, the text it was given as, and the full name it was given under."""

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
        """Return the setting of the first of some keys that was given."""
        for key in keys:
            if key in self._settings:
                return self._settings[key]
        return None

    def value_of(self, key: str, default: Any = None) -> Any:
        """Return a typed value, or a default where the setting was not given."""
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
                    f"{other.name} and {name} mean the same and differ",
                    mask_secret_value(name, value),
                    f"Remove one of {other.name} and {name}.",
                    code="constraint-violated",
                )
            )
    result = SmtpSettings(settings)
    problems.extend(check_combination(result))
    return result, problems


ALLOW_INSECURE: Final = "allow-insecure"
"""The rule that what is insecure has to be allowed by name, and is warned about when it is."""

_OPENS: Final = (
    ("ssl.trust", None, "any-certificate"),
    ("ssl.checkserveridentity", False, "any-name"),
    ("starttls.required", False, "opportunistic-starttls"),
    ("socketFactory.fallback", True, "socket-fallback"),
)
"""Settings that open a hole: key, the value that does (None: any), and the weakness that has to be allowed."""


def check_combination(settings: SmtpSettings) -> Iterator[Diagnostic]:
    """Yield what is wrong with settings that are right one by one: holes that nobody allowed."""
    for key, value, weakness in _OPENS:
        setting = settings.get(key)
        if setting is None or (value is not None and setting.value != value) or settings.allows(weakness):
            continue
        yield refuse_weakness(f"{setting.name}={setting.text}", weakness, setting.text)
    for weakness in settings.value_of("confobjects.allow-insecure", ()):
        yield _problem(
            f"confobjects.allow-insecure names {weakness}: {WEAKNESSES[weakness]}",
            weakness,
            "Use it for tests only, or where nobody else can reach the network.",
            code="constraint-violated",
            warning=True,
        ).replace(constraint=ALLOW_INSECURE)


def refuse_weakness(cause: str, weakness: str, value: str) -> Diagnostic:
    """Return the refusal of something insecure that nobody allowed."""
    return _problem(
        f"{cause} is refused: with it {WEAKNESSES[weakness]}",
        value,
        f"Remove it; or, for tests only, add smtp-property:confobjects.allow-insecure={weakness}",
        code="constraint-violated",
    ).replace(constraint=ALLOW_INSECURE)
