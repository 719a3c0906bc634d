"""The configuration in effect as programs see it: one consistent state, which later changes leave alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from confobjects.effect.world import HeldJudge
from confobjects.objects.effective import EffectiveConfiguration

if TYPE_CHECKING:
    from confobjects.diagnostics import Diagnostic
    from confobjects.effect.model import LiveState


def make_configuration(  # noqa: PLR0913 - a record, made in one place
    state: LiveState,
    instance_directory: str,
    *,
    warnings: tuple[Diagnostic, ...] = (),
    entries: Callable[[str], Iterable[Any]] | None = None,
    is_remote: bool = False,
    url: str = "",
) -> EffectiveConfiguration:
    """Return what is in effect. References lead to objects in effect, also to those that are stored no longer.

    The other arguments are those of :class:`~confobjects.objects.effective.EffectiveConfiguration`.
    """
    judge = HeldJudge(state.effect, state.evaluate)
    return EffectiveConfiguration(
        state.registry,
        state.judged,
        judge.find_targets,
        warnings,
        instance_directory,
        entries,
        is_remote=is_remote,
        url=url,
    )
