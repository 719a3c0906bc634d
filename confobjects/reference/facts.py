"""The nine facts of a property, in the order of the servers' configuration reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition, Reference, Registry

if TYPE_CHECKING:
    from confobjects.definitions.model import DefaultCase

HEADINGS = (
    "Synopsis",
    "Description",
    "Default value",
    "Allowed values",
    "Multi-valued",
    "Required",
    "Admin action required",
    "Advanced",
    "Read-only",
)


def facts(prop: PropertyDefinition, registry: Registry) -> Iterator[tuple[str, str]]:
    """Yield the facts of a property as (heading, text); a missing fact is left out."""
    yield "Synopsis", prop.synopsis
    if prop.description:
        yield "Description", prop.description
    yield "Default value", describe_default(prop)
    yield "Allowed values", describe_allowed(prop, registry)
    yield "Multi-valued", _yes_or_no(prop.multi_valued)
    yield "Required", _describe_required(prop)
    yield "Admin action required", prop.admin_action.as_sentence()
    yield "Advanced", _yes_or_no(prop.advanced)
    yield "Read-only", "Yes, it always has its default." if prop.is_fixed else _yes_or_no(prop.read_only)


def _describe_required(prop: PropertyDefinition) -> str:
    if prop.required_when is None or prop.mandatory:
        return _yes_or_no(prop.mandatory)
    return f"When {prop.required_when.as_words()}"


def _yes_or_no(value: bool) -> str:
    return "Yes" if value else "No"


def describe_default(prop: PropertyDefinition) -> str:
    """Return the default of a property in words."""
    behaviour = prop.default
    if behaviour.kind == "defined":
        return ", ".join(behaviour.values)
    if behaviour.kind == "cases":
        cases = (f"{', '.join(case.values)} {_describe_when(case)}" for case in behaviour.cases)
        return "; ".join(cases)
    if behaviour.kind == "alias":
        return behaviour.sentence
    if behaviour.kind == "inherited-absolute":
        return f"The value of {behaviour.property} of {behaviour.path}."
    if behaviour.kind == "inherited-relative":
        steps = "the object above" if behaviour.offset == 1 else f"the object {behaviour.offset} levels above"
        return f"The value of {behaviour.property} of {steps}."
    return "None"


def _describe_when(case: DefaultCase) -> str:
    return case.as_words() if case.when is None else f"if {case.as_words()}"


def describe_re_entry(prop: PropertyDefinition) -> str:
    """Return in words with which properties a secret has to be given again; empty if with none."""
    rule = prop.re_entry
    if rule is None:
        return ""
    each = [f"{one.property} ({', '.join(one.names)})" if one.names else one.property for one in rule.travels]
    names = " or ".join(filter(None, (", ".join(each[:-1]), each[-1])))
    ending = "is refused" if rule.severity == "error" else "causes a warning"
    return f"A change of {names} without giving it again {ending}, unless it is an expression."


def describe_administrators(prop: PropertyDefinition) -> str:
    """Return in words what only administrators may change, where people have roles; empty if nothing."""
    if prop.administrator_only:
        return "Where people have roles, only administrators may change it."
    if not prop.administrator_names:
        return ""
    return f"Where people have roles, only administrators may change {', '.join(sorted(prop.administrator_names))}."


def describe_verification(definition: ManagedObjectDefinition) -> str:
    """Return in words which check shows whether an object works; empty without one."""
    check = definition.verification
    return "" if check is None else f"Verified by the check {check.check}: {check.synopsis}"


def describe_allowed(prop: PropertyDefinition, registry: Registry) -> str:
    """Return the allowed values of a property in words."""
    if prop.reference is not None:
        return _describe_reference(prop.reference, registry)
    choices = "; ".join(f"{value}: {meaning.rstrip('.')}" for value, meaning in prop.syntax.choices() if meaning)
    pairs = (_describe_reference(reference, registry) for reference in prop.pair_references)
    return " ".join((f"{choices}." if choices else prop.syntax.describe(), *pairs))


def _describe_reference(reference: Reference, registry: Registry) -> str:
    friendly = registry.relation(reference.relation).friendly
    subject = f"The value of {reference.name} is the" if reference.name else "The"
    words = f"{subject} name of an existing {friendly}."
    if reference.synopsis:
        return f"{words} {reference.synopsis}"
    if reference.target_enabled is None:
        return words
    needed = reference.needed_when
    while_ = "" if needed is None else f" while this holds for the object that names it: {needed.as_words()}"
    return f"{words} It must be enabled{while_}."
