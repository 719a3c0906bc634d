"""Opening a live configuration: where it is, with which definitions and sources of values, and what it tells of itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from time import time
from typing import TYPE_CHECKING, Any, cast

from confobjects.following.configuration import Live
from confobjects.following.sources import LiveSources
from confobjects.management.site import Site
from confobjects.startup import (
    FOLLOWER_VARIABLE,
    STATE_URL_VARIABLE,
    SealingKeys,
    choose_definitions,
    find_place,
    make_startup_sources,
    read_configuration,
)

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.following.configuration import Telling
    from confobjects.mapping.protocol import Storage, Timing
    from confobjects.objects.typed import TypedLive


def live(  # noqa: PLR0913 - each is a source or a place, all by keyword
    url: str | None = None,
    *,
    definitions: Sequence[str] | Registry = (),
    family: str | None = None,
    define: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    expression_directories: Sequence[str] | None = None,
    instance: str | None = None,
    missing_ok: bool = False,
    wait: float = 0.0,
    follower: str | None = None,
    state_url: str | None = None,
    timing: Timing | None = None,
    clock: Callable[[], float] = time,
    **options: Any,
) -> TypedLive:
    """Return the effective configuration, kept true from when it is entered until it is closed.

    The arguments are those of :func:`confobjects.load`. A configuration that cannot be reached or read when it is entered
    is tried again for ``wait`` seconds. With a name as ``follower`` (or in ``CONFOBJECTS_FOLLOWER``) the service tells
    which change it has in effect, what waits and what is wrong: in a place beside the configuration, or beside
    ``state_url`` (or ``CONFOBJECTS_STATE_URL``). ``timing`` and ``clock``, which returns the time of day in seconds since
    1970, are for tests.
    """
    variables = os.environ if environment is None else environment

    def open_site() -> tuple[Site, LiveSources, str]:
        where = find_place(url, instance, variables)
        sources = LiveSources(
            lambda: make_startup_sources(
                where.instance_directory,
                define=define,
                environment=variables,
                expression_directories=expression_directories,
                url=where.url,
                own_files=(options.get("key_store"),),
            ),
            where.instance_directory,
            SealingKeys(variables),
        )
        chosen = choose_definitions(definitions, family, variables)
        opened = read_configuration(where.url, chosen, missing_ok=missing_ok, **options)
        return Site.of(opened.registry, opened.storage, sources), sources, where.instance_directory

    def find_telling() -> Telling | None:
        name = variables.get(FOLLOWER_VARIABLE) or None if follower is None else follower
        if name is None:
            return None
        from confobjects.following.telling import prepare_telling

        return prepare_telling(name, find_place(url, instance, variables).url, find_state(), options)

    def find_state() -> str:
        return state_url or variables.get(STATE_URL_VARIABLE, "")

    def open_reports() -> Storage:
        from confobjects.following.telling import open_state

        return open_state(find_place(url, instance, variables).url, find_state(), options)

    return cast("TypedLive", Live(open_site, timing, find_telling, clock, wait, open_reports=open_reports))
