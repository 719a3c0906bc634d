"""What one set of definitions gives up that another one had: what protected values and objects, or was built in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from confobjects.diagnostics import Diagnostic

if TYPE_CHECKING:
    from confobjects.definitions.model import Constraint, ManagedObjectDefinition, PropertyDefinition
    from confobjects.definitions.registry import Registry


def find_affected(old: Registry, new: Registry) -> list[str]:
    """Return the names of the definitions that both have, and that differ in themselves or in what they inherit."""
    common = sorted(old.documents.keys() & new.documents.keys())
    return [name for name in common if _describe_levels(old, name) != _describe_levels(new, name)]


def _describe_levels(registry: Registry, name: str) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Return the JSON of a definition and of those it extends, each with that of its properties."""
    return [
        (registry.documents[one].data, dict(registry.collect_specs(one))) for one in (*registry.parents(name), name)
    ]


def find_losses(old: Registry, new: Registry, affected: list[str]) -> Iterator[Diagnostic]:
    """Yield what is lost: a secret that is none any more, what is for administrators only, a mandatory property, a
    constraint, a built-in definition.
    """
    for name in new.documents.keys() & old.documents.keys():
        if old.documents[name].source == "built-in" and new.documents[name].source == "installed":
            yield _describe_loss(new, name, f'it replaces the built-in definition "{name}"')
    for name in new.packages.keys() & old.packages.keys():
        if old.packages[name].source == "built-in" and new.packages[name].source == "installed":
            origin = new.packages[name].origin
            yield Diagnostic("constraint-violated", f'it replaces the built-in package "{name}"', origin=origin)
    for name in affected:
        before, after = old.definition(name), new.definition(name)
        if before.administrator_only and not after.administrator_only:
            yield _describe_loss(new, name, "its objects are no longer for administrators only")
        for prop in before.properties.values():
            yield from _find_lost_facts(new, name, prop, find_successor(prop, after))
        rules = {rule.name: rule for rule in after.constraints}
        for rule in before.constraints:
            if words := _describe_lost_rule(rule, rules.get(rule.name)):
                yield _describe_loss(new, name, words)


def _find_lost_facts(
    new: Registry, name: str, before: PropertyDefinition, after: PropertyDefinition | None
) -> Iterator[Diagnostic]:
    pairs = sorted({*before.syntax.secret_names} - {*(() if after is None else after.syntax.secret_names)})
    was_secret = before.sensitive or before.syntax.sensitive
    if was_secret and after is None:
        yield _describe_loss(new, name, f"{before.name} is a secret, and the new version does not have it", before.name)
    elif was_secret and after is not None and not (after.sensitive or after.syntax.sensitive):
        yield _describe_loss(new, name, f"{before.name} is no longer a secret", before.name)
    elif after is not None and pairs:
        yield _describe_loss(
            new, name, f"these values of {before.name} are no longer secrets: {', '.join(pairs)}", before.name
        )
    if before.administrator_only and after is not None and not after.administrator_only:
        yield _describe_loss(new, name, f"{before.name} is no longer for administrators only", before.name)
    if (
        after is not None
        and not before.administrator_names <= after.administrator_names
        and not after.administrator_only
    ):
        names = ", ".join(sorted(before.administrator_names - after.administrator_names))
        summary = f"these values of {before.name} are no longer for administrators only: {names}"
        yield _describe_loss(new, name, summary, before.name)
    if before.mandatory and (after is None or not after.mandatory):
        yield _describe_loss(new, name, f"{before.name} is no longer mandatory", before.name)


def _describe_lost_rule(before: Constraint, after: Constraint | None) -> str:
    """Return what is lost of a constraint; empty if nothing is."""
    if before.severity != "error":
        return ""
    if after is None:
        return f'the constraint "{before.name}" is gone'
    if after.severity != "error":
        return f'the constraint "{before.name}" only warns'
    if (before.condition, before.function) != (after.condition, after.function):
        return f'the constraint "{before.name}" demands something else'
    return ""


def _describe_loss(new: Registry, name: str, words: str, prop: str = "") -> Diagnostic:
    return Diagnostic("constraint-violated", words, origin=new.documents[name].origin, property=prop)


# -- what becomes of a property ----------------------------------------------------------------------------------------


def find_successor(prop: PropertyDefinition, after: ManagedObjectDefinition) -> PropertyDefinition | None:
    """Return the property that has the values of another version's property, None if there is none.

    A newer version names the older one's property in ``renamed-from``; when a change is taken back, the older version
    comes after the newer one, and the names are read the other way round.
    """
    if prop.name in after.properties:
        return after.properties[prop.name]
    for other in after.properties.values():
        if prop.name in other.renamed_from or other.name in prop.renamed_from:
            return other
    return None


def find_carried(old: Registry, new: Registry, affected: list[str]) -> dict[str, dict[str, PropertyDefinition]]:
    """Return, by definition and attribute (in lower case), the property that takes the values of an attribute over."""
    found: dict[str, dict[str, PropertyDefinition]] = {}
    for name in affected:
        after = new.definition(name)
        for prop in old.definition(name).properties.values():
            key = prop.attribute.lower()
            successor = find_successor(prop, after)
            if successor is not None and key not in after.by_attribute:
                found.setdefault(name, {})[key] = successor
    return found
