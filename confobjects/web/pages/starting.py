"""Objects as a starting service would see them, and tests of what is saved: with the sources that the process serves with.

Law: what an expression has read from elsewhere is not shown, also not within what is wrong with it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from confobjects.errors import error_for
from confobjects.management.judging import judge_one
from confobjects.web.hiding import hide_evaluated

if TYPE_CHECKING:
    from confobjects.management import ManagementContext, Site
    from confobjects.objects.effective import EffectiveObject
    from confobjects.objects.model import ManagedObject
    from confobjects.objects.protocols import World
    from confobjects.savetests import Choice, SaveTests, Show
    from confobjects.web.endpoints import Call
    from confobjects.web.sources import Sources


def start_site(sources: Sources, context: ManagementContext) -> Site:
    """Return the site of a context with the evaluator of a start."""
    return context.site.replace(evaluate=sources.make_evaluator())


def evaluate(
    sources: Sources, context: ManagementContext, obj: ManagedObject, world: World | None = None
) -> EffectiveObject:
    """Return an object as a starting service would see it. Raises one error with every problem."""
    seen = context.world() if world is None else world
    found, problems = judge_one(start_site(sources, context), obj, sources.instance_directory, seen)
    if problems:
        raise error_for(hide_evaluated(problems, context.registry, seen))
    return found


def make_save_tests(call: Call, choice: Choice, show: Show | None = None) -> SaveTests:
    """Return what tests the objects that are saved for a call, over networks that reach what may be reached.

    ``show`` is told of the stages.
    """
    from confobjects.savetests import SaveTests
    from confobjects.service.tokens import find_tokens

    networks = call.networks
    tokens = partial(find_tokens, network=networks.tokens)
    return SaveTests(
        choice,
        call.web.sources.make_evaluator,
        call.web.sources.instance_directory,
        tokens,
        show,
        network=networks.mail,
        permit=call.begin_test,
    )
