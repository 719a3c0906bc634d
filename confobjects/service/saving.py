"""Tests before a save, for a program: :func:`save_tests` makes the argument ``tests`` of a change."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from confobjects.savetests import SaveTests
from confobjects.service.tokens import find_tokens
from confobjects.startup import SealingKeys, find_place, make_startup_sources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from confobjects.management.changing.trials import OpenTests
    from confobjects.management.site import Site
    from confobjects.objects.protocols import Evaluator
    from confobjects.savetests import Choice


def save_tests(
    choice: Choice = "policy",
    *,
    define: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    instance: str | None = None,
) -> OpenTests:
    """Return what tests objects before they are saved, for the argument ``tests`` of a change.

    ``choice`` says when: as the mail service says (``policy``), ``always`` or ``never``. A test sees the values that a start
    would: ``define``, ``environment`` and ``instance`` are those of :func:`confobjects.load`.
    """
    variables = os.environ if environment is None else environment

    def open_tests(site: Site) -> SaveTests:
        url = site.storage.url
        directory = find_place(url, instance, variables).instance_directory

        def open_evaluator() -> Evaluator:
            from confobjects.objects.evaluating import make_evaluator

            sources = make_startup_sources(directory, define=define, environment=variables, url=url)
            return make_evaluator(sources, SealingKeys(variables).unseal)

        return SaveTests(choice, open_evaluator, directory, find_tokens)

    return open_tests


__all__ = ["save_tests"]
