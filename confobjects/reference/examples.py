"""Examples of the values of a property, from its definition and its syntax."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition, Registry
from confobjects.expressions.openers import has_opener
from confobjects.syntaxes import REGISTRY, ValueSyntaxError

if TYPE_CHECKING:
    from confobjects.definitions.conditions import Values

_HANDY = 40
_HUGE = 10**9


def example_values(prop: PropertyDefinition, registry: Registry, most: int = 3) -> list[str]:
    """Return some valid texts for a property, the most likely first.

    For a secret they are expressions, because a configuration should not contain the secret itself.
    """
    if prop.sensitive:
        return [f"&{{{prop.name.replace('-', '.')}}}", f"&{{file:secrets/{prop.name}}}"][:most]
    if prop.is_fixed:
        return list(prop.default.possible_texts()[:most])
    found: list[str] = []
    short: list[str] = []
    keys = set()
    for text in _candidates(prop, registry):
        if len(short) >= most:
            break
        try:
            key = prop.syntax.normal_form(prop.syntax.format(text))
        except ValueSyntaxError:
            continue
        if key not in keys and text == text.strip() and text.isprintable() and text:
            keys.add(key)
            found.append(text)
            if len(text) <= _HANDY:
                short.append(text)
    return (short or found)[:most]


def _candidates(prop: PropertyDefinition, registry: Registry) -> Iterator[str]:
    if prop.reference is not None:
        yield f"My {registry.relation(prop.reference.relation).friendly}"
        return
    if fitting := [text for text in prop.examples if _fits(prop, text)]:
        yield from fitting
        return  # whoever wrote the definition knows better than the syntax
    yield from prop.default.possible_texts()
    if choices := prop.syntax.choices():
        yield from (value for value, _ in choices)
        return  # there are no others
    schema = prop.syntax.json_schema()
    yield from (str(schema[bound]) for bound in ("minimum", "maximum") if abs(schema.get(bound, _HUGE)) < _HUGE)
    samples = REGISTRY[prop.syntax.name].samples_good
    yield from (sample[1] for sample in samples if len(sample) == 2)
    yield from (sample[1] for sample in samples)


def _fits(prop: PropertyDefinition, text: str) -> bool:
    """Tell whether an example of a property is one of a subtype too, which may have narrowed the syntax."""
    try:
        prop.syntax.parse(text)
    except ValueSyntaxError:
        return False
    return True


def example_object(definition: ManagedObjectDefinition, registry: Registry) -> dict[str, list[str]]:
    """Return example values to create an object with: the properties without a default that need a value.

    A property without a known example is left out.
    """
    found: dict[str, list[str]] = {}
    waiting = [p for p in definition.properties.values() if not p.default.always_gives_value() and not p.is_fixed]
    while needed := next((prop for prop in waiting if _is_needed(prop, definition, found)), None):
        waiting.remove(needed)
        if examples := _pick_example(needed, registry):
            found[needed.name] = examples
    return found


def _is_needed(prop: PropertyDefinition, definition: ManagedObjectDefinition, given: Mapping[str, list[str]]) -> bool:
    """Tell whether a property needs a value in an object with the given values."""

    def read_normals(name: str) -> Values:
        other = definition.properties[name]
        texts = given.get(name) or other.default.values
        return (
            None
            if other.default.cases or any(map(has_opener, texts))
            else frozenset(map(other.syntax.normal_form, texts))
        )

    return prop.mandatory or (prop.required_when is not None and prop.required_when.judge(read_normals) is True)


def _pick_example(prop: PropertyDefinition, registry: Registry) -> list[str]:
    """Return one example. For a switch, it is the value that switches it on."""
    examples = example_values(prop, registry)
    return ["true"] if "true" in examples else examples[:1]
