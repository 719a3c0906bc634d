"""Names on the command line: of the commands of an object, and of the options that name one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from confobjects.definitions.model import HOLDER_KIND

from ..needed import NeededOption

if TYPE_CHECKING:
    import click

    from confobjects.definitions import Registry, Relation

    from ..invocation import Invocation
    from ..needed import Choices


def verbs_of(relation: Relation) -> dict[str, str]:
    """Return the names of an object's commands by verb; definitions have a command of their own."""
    if relation.name == HOLDER_KIND:
        return {}
    names = {"get": f"get-{relation.name}-prop", "set": f"set-{relation.name}-prop"}
    if relation.kind == "singleton":
        return names
    listed = {"list": f"list-{relation.plural}"} if relation.named else {"list": f"list-{relation.name}"}
    return {"create": f"create-{relation.name}", **listed, **names, "delete": f"delete-{relation.name}"}


def name_options(
    relation: Relation, registry: Registry, *, parents_only: bool = False, new: bool = False
) -> list[click.Parameter]:
    """Return the name options of an object of a relation: one for each parent, and its own.

    ``new`` says that the object does not exist yet, so that its name is not one of those there are.
    """
    lineage = [step for step in registry.lineage(relation) if step.named]
    if parents_only and relation.named:
        lineage = lineage[:-1]
    return [
        NeededOption(
            [option_of(step), _parameter_name(step)],
            metavar="NAME",
            help=_name_help(step, registry),
            choices=_choices_of(lineage[:place], step, registry, new=new and step is relation),
        )
        for place, step in enumerate(lineage)
    ]


def _choices_of(above: Sequence[Relation], step: Relation, registry: Registry, *, new: bool) -> Choices | None:
    """Return what finds the names that an option may be: those of the objects there are, or the types of a set."""
    if step.kind == "set":
        return lambda _invocation, _values: list(registry.types_of(step))
    if new:
        return None

    def find(invocation: Invocation, values: Mapping[str, Any]) -> Sequence[str]:
        parents = tuple(values[_parameter_name(one)] for one in above)
        with invocation.open(tells=False) as context:
            return [obj.name or "" for obj in context.list(step.name, parents)]

    return find


def option_of(relation: Relation) -> str:
    """Return the option that names an object of a relation; objects of a set are named by their type."""
    if relation.kind == "set":
        return f"--{relation.name_option.removesuffix('-name')}-type"
    return f"--{relation.name_option}"


def _name_help(relation: Relation, registry: Registry) -> str:
    if relation.kind == "set":
        return f"The type, which names the {relation.friendly}: {', '.join(registry.types_of(relation))}."
    return f"The name of the {relation.friendly}."


def _parameter_name(relation: Relation) -> str:
    return f"name_of_{relation.name.replace('-', '_')}"


def take_names(relation: Relation, registry: Registry, values: dict[str, Any]) -> tuple[str, ...]:
    """Take the names out of the given values, outermost first."""
    lineage = [step for step in registry.lineage(relation) if _parameter_name(step) in values]
    return tuple(values.pop(_parameter_name(step)) for step in lineage)
