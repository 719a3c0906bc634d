"""The mail server that a command tests or sends through, as a starting service would see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confobjects.errors import error_for
from confobjects.management.judging import judge_one

if TYPE_CHECKING:
    from confobjects.objects.changes import PropertyChanges
    from confobjects.objects.effective import EffectiveObject
    from confobjects.objects.protocols import World

    from .invocation import Invocation


def load_mail_server(invocation: Invocation, name: str, unsaved: PropertyChanges | None = None) -> EffectiveObject:
    """Return a mail server, evaluated, optionally with changes that are not saved.

    Raises the problems of it and of the objects that it refers to; other objects are ignored.
    """
    relation = invocation.registry.relation("mail-server")
    with invocation.open() as context:
        world: World = context.world()
        obj = context.get(relation.name, name)
        if unsaved is not None:
            from confobjects.management.changing.trying import try_changes

            world = try_changes(context.site, relation.name, name, unsaved)
            obj = world.find(obj.path) or obj
        site = context.site.replace(evaluate=invocation.make_evaluator())
        server, problems = judge_one(site, obj, invocation.place.instance_directory, world)
    if problems:
        raise error_for(problems)
    return server
