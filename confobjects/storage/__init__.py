"""The storage room: where entries are kept, one module for each kind of storage.

For: reading and changing entries in memory, in an LDIF file, in a directory. May import: errors,
diagnostics, dn and the mapping room. Must never know: what the entries mean. It knows no definition, no property
and no managed object; it prints nothing. Every storage passes the one contract test in ``tests/storage``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Final

from confobjects.diagnostics import Diagnostic, find_nearest, suggest_name
from confobjects.errors import UsageError

if TYPE_CHECKING:
    from confobjects.mapping.protocol import Storage

__all__ = ["SCHEMES", "is_directory", "open_storage"]

SCHEMES: Final[dict[str, str]] = {
    "ldap": "confobjects.storage.ldap:open_url",
    "ldapi": "confobjects.storage.ldap:open_url",
    "ldaps": "confobjects.storage.ldap:open_url",
    "ldif": "confobjects.storage.ldif_file:open_url",
    "memory": "confobjects.storage.memory:open_url",
}
"""URL scheme -> ``module:function`` that opens such URLs; the module is imported when a URL asks for it."""


def is_directory(url: str) -> bool:
    """Tell whether a URL names an LDAP directory."""
    return url.partition(":")[0].lower() in {"ldap", "ldaps", "ldapi"}


def open_storage(url: str, *, missing_ok: bool = True, **options: Any) -> Storage:
    """Return the storage a URL names: ``ldif:PATH``, ``ldap://…``, ``ldaps://…``, ``ldapi://…`` or ``memory:``.

    Nothing is read until the first request. ``missing_ok=False`` makes a missing storage an error; otherwise it is
    empty, with a warning. The other options depend on the kind of storage. Raises
    :class:`~confobjects.errors.UsageError` for an invalid URL or an unknown scheme.
    """
    scheme, colon, _ = url.partition(":")
    target = SCHEMES.get(scheme.lower()) if colon else None
    if target is None:
        raise UsageError(_scheme_problem(url, scheme if colon else ""))
    from importlib import import_module

    module, _, function = target.partition(":")
    open_url = getattr(import_module(module), function)
    if options:
        _check_options(open_url, options, scheme.lower())
    storage: Storage = open_url(url, missing_ok=missing_ok, **options)
    return storage


def _check_options(open_url: Callable[..., Storage], options: Collection[str], scheme: str) -> None:
    """Raise UsageError for options that a kind of storage does not have."""
    from inspect import signature

    known = [name for name, one in signature(open_url).parameters.items() if one.kind is one.KEYWORD_ONLY]
    problems = [
        Diagnostic(
            "usage",
            f'a storage of the kind "{scheme}:" has no option "{name}"',
            argument=name,
            remedy=suggest_name(name, known) or f"known: {', '.join(sorted(known))}",
        )
        for name in options
        if name not in known
    ]
    if problems:
        raise UsageError(problems)


def _scheme_problem(url: str, scheme: str) -> Diagnostic:
    known = ", ".join(f"{name}:" for name in SCHEMES)
    near = find_nearest(scheme, SCHEMES) if scheme else None
    remedy = f"known kinds: {known}"
    if near is not None:
        remedy = f'did you mean "{near}:{url.partition(":")[2]}"? {remedy}'
    elif "/" in scheme or (not scheme and ("/" in url or url.endswith(".ldif"))):
        remedy = f'did you mean "ldif:{url}"? {remedy}'
    if scheme and "/" not in scheme:
        return Diagnostic("usage", f'URLs that start with "{scheme}:" are not supported', remedy=remedy)
    return Diagnostic("usage", "the storage must be a URL that starts with its kind and a colon", remedy=remedy)
