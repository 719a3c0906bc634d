"""What is in force of an object: each property with its current values and their origin, and its last test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from confobjects.cli.output.json import properties_as_json
from confobjects.cli.output.shown import Units, choose_properties, show
from confobjects.web.api.words import say

if TYPE_CHECKING:
    from confobjects.management import StorageWorld
    from confobjects.management.context import ManagementContext
    from confobjects.objects.model import ManagedObject

_UNITS: Final = Units()


def describe_current(context: ManagementContext, obj: ManagedObject, world: StorageWorld) -> dict[str, Any]:
    """Return the current values of every property, secrets masked, how the object stands with its last test, and its problems."""
    reader = context.site.make_reader(world)
    wanted = choose_properties(obj.definition, (), context.registry, advanced=True)
    shown = [show(obj, prop, reader, _UNITS, effective=False) for prop in wanted]
    found: dict[str, Any] = {"current": properties_as_json(shown)}
    if obj.definition.verification is not None:
        from confobjects.management.verifying import judge_verifications

        standings, _ = judge_verifications(context.site, [obj.path], world)
        found["verification"] = standings[obj.path].as_json()
    if obj.problems:
        found["problems"] = [problem.as_json(say) for problem in obj.problems]
    return found
