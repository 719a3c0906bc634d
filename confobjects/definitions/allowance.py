"""Which code definitions and configurations may have loaded.

Neither loads code by itself: a definition names functions of this package, or of modules that the process allows. The
types of objects that load what their values name work from a directory server only as far as the process allows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any, Final

from confobjects.diagnostics import Diagnostic
from confobjects.errors import DefinitionError, UsageError
from confobjects.records import Record

ALLOW_CODE_VARIABLE: Final = "CONFOBJECTS_ALLOW_CODE"
"""The environment variable that allows code: ``type:NAME`` and ``module:NAME``, separated by commas."""

REGISTERED: Final = frozenset(
    {
        "confobjects.mail.constraints:password_needs_username",
        "confobjects.mail.constraints:smtp_properties",
        "confobjects.mail.constraints:socket_fallback",
        "confobjects.mail.constraints:token_host_allowed",
        "confobjects.mail.constraints:username_without_password",
        "confobjects.mail.handler_constraints:alert_templates",
        "confobjects.mail.handler_constraints:alert_types",
        "confobjects.mail.handler_constraints:notification_templates",
        "confobjects.mail.planning:transport_settings",
        "confobjects.oauth.protocol.constraints:provider_values",
    }
)
"""The functions of this package that a definition may name."""


class AllowedCode(Record):
    """The types of objects whose values may name code, and the modules (or paths of libraries) that may be loaded."""

    types: frozenset[str] = frozenset()
    modules: frozenset[str] = frozenset()

    def has_module(self, name: str) -> bool:
        """Tell whether a module, or a package that it belongs to, is allowed; a path must be listed itself."""
        parts = [] if "/" in name else name.split(".")
        return name in self.modules or any(".".join(parts[:end]) in self.modules for end in range(1, len(parts)))

    def has_function(self, name: str) -> bool:
        """Tell whether a definition may name a function (``module:name``)."""
        return name in REGISTERED or self.has_module(name.partition(":")[0])


def parse_allowed(text: str) -> AllowedCode:
    """Return what the text of the variable allows. Raises :class:`~confobjects.errors.UsageError`."""
    found: dict[str, set[str]] = {"type": set(), "module": set()}
    for part in filter(None, map(str.strip, text.split(","))):
        form, _, name = part.partition(":")
        if form not in found or not name:
            remedy = "write type:NAME or module:NAME, separated by commas"
            summary = f'{ALLOW_CODE_VARIABLE} holds "{part}", which allows nothing'
            raise UsageError(Diagnostic("usage", summary, remedy=remedy))
        found[form].add(name)
    return AllowedCode(frozenset(found["type"]), frozenset(found["module"]))


def refuse_function(name: str, purpose: str) -> Diagnostic:
    """Return the problem of a function that is not allowed. ``purpose`` says what it is for: "a constraint"."""
    module = name.partition(":")[0]
    remedy = f"if the module is meant for this, allow it to the process: {ALLOW_CODE_VARIABLE}=module:{module}"
    return Diagnostic("broken-definition", f"the function {name} of {purpose} is not allowed", remedy=remedy)


def load_function(name: str, purpose: str, allowed: AllowedCode) -> Any:
    """Return a function that a definition names. Raises :class:`~confobjects.errors.DefinitionError`."""
    if not allowed.has_function(name):
        raise DefinitionError(refuse_function(name, purpose))
    module, _, attribute = name.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        summary = f"the function {name} of {purpose} cannot be imported: {error}"
        remedy = "install the package that has it, or correct the definition"
        raise DefinitionError(Diagnostic("broken-definition", summary, remedy=remedy)) from None


def check_functions(origin: str, data: Mapping[str, Any], allowed: AllowedCode) -> Iterator[Diagnostic]:
    """Yield the functions in a definition that are not allowed."""
    for key, purpose in (("constraints", "a constraint"), ("views", "a view")):
        items: Iterable[Mapping[str, Any]] = data.get(key, ())
        for index, item in enumerate(items):
            name = item.get("function", "")
            if name and not allowed.has_function(name):
                yield refuse_function(name, purpose).replace(origin=origin, pointer=f"/{key}/{index}/function")
