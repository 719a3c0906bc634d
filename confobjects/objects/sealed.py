"""Sealed secrets in values: how they are written, and what they are bound to.

A secret of an object is stored as ``&{sealed:KEYID:BASE64:NAMES}``. It is bound to the kind and the names of the object, to the
attribute, and to the stored texts of the properties in NAMES: those with which the secret travels (``re-entry``). NAMES is
left out if there are none. Of pairs, those count with which it travels. A secret within a value, such as that of a pair, is bound to its name too, and to the other
values of the property, which then is among NAMES.

Laws of this module:

1. A sealed secret has a value only in its own place: nothing else in the configuration can show it, or send it elsewhere.
2. NAMES are bound too. So a secret stays readable when a newer definition names other properties, and nobody can shorten the list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from confobjects.expressions.openers import SEALED, has_opener
from confobjects.records import Record
from confobjects.texts.contexts import make_context
from confobjects.texts.names import normal_name

if TYPE_CHECKING:
    from confobjects.definitions import PropertyDefinition
    from confobjects.definitions.model import Travel
    from confobjects.objects.model import ManagedObject

_USE: Final = "confobjects value"
_FORM: Final = re.compile(r"&\{sealed:([0-9a-z]+:[A-Za-z0-9_-]+)(?::([a-z0-9-]+(?:,[a-z0-9-]+)*))?\}")
_MENTION: Final = re.compile(r"(?:&\{|\$<|\$\{)sealed:")


class SealedSecret(Record):
    """A sealed secret: what the sealer made, and the names of the properties that it is bound to."""

    token: str
    bound: tuple[str, ...]

    def __str__(self) -> str:
        names = f":{','.join(self.bound)}" if self.bound else ""
        return f"&{{sealed:{self.token}{names}}}"

    @property
    def key_id(self) -> str:
        """The identifier of the key."""
        return self.token.partition(":")[0]


def mentions_sealed(text: str) -> bool:
    """Tell whether a text has a sealed secret in it, or something that is written like one."""
    if SEALED not in text or _MENTION.search(text) is None:
        return False
    from confobjects.expressions import ExpressionSyntaxError, parse

    try:
        return any(expression.function == "sealed" for expression in parse(text).expressions())
    except ExpressionSyntaxError:
        return True


def parse_sealed(prop: PropertyDefinition, text: str) -> SealedSecret | None:
    """Return the sealed secret that a value is, or that it holds as a part; None for any other value."""
    span = prop.find_secret(text)
    return None if span is None else parse_whole(text[slice(*span)])


def parse_whole(text: str) -> SealedSecret | None:
    """Return the sealed secret that a text is; None if it is anything else."""
    found = _FORM.fullmatch(text)
    return None if found is None else SealedSecret(found[1], tuple(found[2].split(",")) if found[2] else ())


# -- what a secret is bound to ---------------------------------------------------------------------------------------


def bound_names(prop: PropertyDefinition) -> tuple[str, ...]:
    """Return the properties that a secret of a property is bound to when it is sealed now."""
    names = {travel.property for travel in (prop.re_entry.travels if prop.re_entry is not None else ())}
    return tuple(sorted(names if prop.sensitive else names | {prop.name}))


def contexts_of(obj: ManagedObject, prop: PropertyDefinition, text: str, bound: Sequence[str]) -> tuple[bytes, ...]:
    """Return the contexts that a secret of an object may be sealed with: the present one, then those of former attributes."""
    former = [name for name, other in obj.definition.former_attributes.items() if other is prop]
    start, end = prop.find_secret(text) or (0, len(text))
    place = [f"{relation} {normal_name(name or '')}" for relation, name in obj.path.elements]
    travels = {} if prop.re_entry is None else {travel.property: travel for travel in prop.re_entry.travels}
    texts = [part for name in bound for part in (name, *sorted(_bound_texts(obj, name, travels.get(name))))]
    return tuple(
        make_context(_USE, str(len(place)), *place, attribute, (text[:start] + text[end:]).strip(), *texts)
        for attribute in (prop.attribute.lower(), *former)
    )


def _bound_texts(obj: ManagedObject, name: str, travel: Travel | None) -> Iterator[str]:
    """Yield the texts of a property that count, without the secrets in them: of pairs, those that a secret travels with."""
    prop = obj.definition.properties.get(name)
    for text in obj.values.get(name, ()):
        if prop is not None and travel is not None and travel.names:
            key = prop.syntax.key(text)
            if isinstance(key, str) and not has_opener(key) and not travel.includes(key):
                continue
        span = None if prop is None else prop.find_secret(text)
        yield f"={text}" if span is None else f"={text[: span[0]]}{text[span[1] :]}"
