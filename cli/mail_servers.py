"""The mail server that a command tests or sends through, as a start would see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confobjects import startup
from confobjects.errors import error_for

if TYPE_CHECKING:
    from confobjects.objects.changes import PropertyChanges
    from confobjects.objects.effective import EffectiveObject

    from .invocation import Invocation


def mail_server(invocation: Invocation, name: str, unsaved: PropertyChanges | None = None) -> EffectiveObject:
    """Return a mail server, evaluated, optionally with changes that are not saved.

    What is wrong with other objects does not matter here; what is wrong with this one, or with one that it refers to,
    is raised.
    """
    relation = invocation.registry.relation("mail-server")
    with invocation.open() as context:
        path = context.get(relation.name, name).path
        world = None
        if unsaved is not None:
            from confobjects.management.trying import tried  # noqa: PLC0415 - unsaved values only

            world = tried(context, relation.name, name, unsaved)
        context.evaluate = invocation.evaluator()
        configuration, problems = startup.judge_all(context, invocation.place.instance_directory, world)
    server = configuration.at(path)
    related = {str(path), *(obj.path for obj in server.referenced())}
    hindering = [problem for problem in problems if problem.path in related]
    if hindering:
        raise error_for(hindering)
    return server
