"""Objects as a starting service would see them, and tests of what is saved: with the environment of this process."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from confobjects import startup
from confobjects.errors import error_for
from confobjects.management.judging import judge_one

if TYPE_CHECKING:
    from confobjects.management import ManagementContext, Site
    from confobjects.objects.effective import EffectiveObject
    from confobjects.objects.model import ManagedObject
    from confobjects.objects.protocols import Evaluator, World
    from confobjects.savetests import Choice, SaveTests
    from confobjects.web.endpoints import Call


def make_evaluator(context: ManagementContext) -> Evaluator:
    """Return what evaluates expressions as a start does."""
    from confobjects.objects.evaluating import make_evaluator as make

    place = startup.find_place(context.storage.url, None, os.environ)
    sources = startup.make_startup_sources(place.instance_directory, url=place.url)
    return make(sources, startup.SealingKeys(os.environ).unseal)


def find_instance(context: ManagementContext) -> str:
    """Return the directory that relative paths in the configuration begin at."""
    return startup.find_place(context.storage.url, None, os.environ).instance_directory


def start_site(context: ManagementContext) -> Site:
    """Return the site of a context with the evaluator of a start."""
    return context.site.replace(evaluate=make_evaluator(context))


def evaluate(context: ManagementContext, obj: ManagedObject, world: World | None = None) -> EffectiveObject:
    """Return an object as a starting service would see it. Raises one error with every problem."""
    found, problems = judge_one(start_site(context), obj, find_instance(context), world)
    if problems:
        raise error_for(problems)
    return found


def make_save_tests(context: ManagementContext, choice: Choice, call: Call) -> SaveTests:
    """Return what tests the objects that are saved for a call, over networks that reach what may be reached."""
    from confobjects.savetests import SaveTests
    from confobjects.service.tokens import find_tokens

    networks = call.networks
    tokens = partial(find_tokens, network=networks.tokens)
    evaluator = partial(make_evaluator, context)
    return SaveTests(choice, evaluator, find_instance(context), tokens, network=networks.mail, permit=call.begin_test)
