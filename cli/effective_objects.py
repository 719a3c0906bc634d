"""The object that a command tests or uses, as a starting service would see it, optionally with values that are not saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from confobjects.errors import error_for
from confobjects.management.judging import judge_one, judge_some

if TYPE_CHECKING:
    from confobjects.diagnostics import Diagnostic
    from confobjects.management import ManagementContext
    from confobjects.objects.changes import PropertyChanges
    from confobjects.objects.effective import EffectiveConfiguration, EffectiveObject
    from confobjects.objects.model import ManagedObject
    from confobjects.objects.protocols import World

    from .invocation import Invocation


def load_object(
    invocation: Invocation, kind: str, name: str, unsaved: PropertyChanges | None = None
) -> EffectiveObject:
    """Return an object, evaluated, optionally with changes that are not saved.

    Raises the problems of it and of the objects that it refers to; other objects are ignored.
    """
    relation = invocation.registry.relation(kind)
    with invocation.open() as context:
        world: World = context.world()
        obj = context.get(relation.name, name)
        if unsaved is not None:
            from confobjects.management.changing.trying import try_changes

            world = try_changes(context.site, relation.name, name, unsaved)
            obj = world.find(obj.path) or obj
        found, problems = evaluate_object(invocation, context, obj, world)
    if problems:
        raise error_for(problems)
    return found


def evaluate_object(
    invocation: Invocation, context: ManagementContext, obj: ManagedObject, world: World | None = None
) -> tuple[EffectiveObject, tuple[Diagnostic, ...]]:
    """Return a stored object, or one of a world, evaluated as a start would, and what is wrong with it."""
    site = context.site.replace(evaluate=invocation.make_evaluator())
    return judge_one(site, obj, invocation.place.instance_directory, world)


def load_some(invocation: Invocation, *keys: tuple[str, str | tuple[str, ...]]) -> EffectiveConfiguration:
    """Return the configuration of some objects, by kind and names, and of those that they refer to, evaluated.

    Raises the problems of these; other objects are ignored.
    """
    with invocation.open() as context:
        objects = [context.get(kind, names) for kind, names in keys]
        site = context.site.replace(evaluate=invocation.make_evaluator())
        found, problems = judge_some(site, objects, invocation.place.instance_directory, context.world())
    if problems:
        raise error_for(problems)
    return found


def unsaved_options() -> list[click.Parameter]:
    """Return the options of values to test with."""
    rows = (
        ("--set", "PROPERTY:VALUE", "Test with this value; nothing is saved."),
        ("--set-file", "PROPERTY:PATH", "Test with the text of a file."),
        ("--set-env", "PROPERTY:VARIABLE", "Test with the value of an environment variable."),
        ("--set-prompt", "PROPERTY", "Ask for the value to test with, without showing it."),
        ("--add", "PROPERTY:VALUE", "Test with a further value of a property."),
        ("--remove", "PROPERTY:VALUE", "Test without a value of a property."),
        ("--reset", "PROPERTY", "Test with a property's default."),
    )
    return [click.Option([spelling], metavar=metavar, multiple=True, help=text) for spelling, metavar, text in rows]


def find_unsaved(invocation: Invocation, kind: str, changing: Mapping[str, Sequence[str]]) -> PropertyChanges | None:
    """Return the changes that those options ask for, None if none of them was given."""
    if not any(changing.values()):
        return None
    from .words.assignments import given_changes

    return given_changes(invocation, invocation.registry.relation(kind), **changing)
