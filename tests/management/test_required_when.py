"""A value that a condition requires is missed wherever a change or a configuration is judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from confobjects.errors import MissingMandatoryError
from confobjects.expressions import Found, Need
from confobjects.management import ManagementContext
from confobjects.management.documents.comparing import take_snapshot
from confobjects.management.judging import judge_all
from confobjects.mapping.documents import ObjectState
from confobjects.objects.changes import PropertyChanges
from confobjects.objects.evaluating import make_evaluator
from tests.definitions.documents import depot
from tests.management.things import manage, refused, summaries

FAR = {"destination": "far:1"}
MISSED = [("missing-mandatory", "watchword is required when bearer is set")]


def messengers(**values: Any) -> ManagementContext:
    ctx = manage(depot())
    ctx.create("messenger", "fox", {**FAR, **values})
    return ctx


def set_(ctx: ManagementContext) -> None:
    ctx.modify("messenger", "fox", PropertyChanges(set={"bearer": ["Ann"]}))


def reset(ctx: ManagementContext) -> None:
    ctx.modify("messenger", "fox", PropertyChanges(reset=["watchword"]))


def remove(ctx: ManagementContext) -> None:
    ctx.modify("messenger", "fox", PropertyChanges(remove={"watchword": ["w"]}))


def create(ctx: ManagementContext) -> None:
    ctx.create("messenger", "cub", {**FAR, "bearer": "Ann"})


def apply(ctx: ManagementContext) -> None:
    path = depot().path_of("messenger", "cub")
    wanted = ObjectState(path, depot().definition("messenger"), {"destination": ("far:1",), "bearer": ("Ann",)})
    ctx.apply({path: wanted})


@pytest.mark.parametrize(
    ("change", "values"),
    [
        (set_, {}),
        (reset, {"bearer": "Ann", "watchword": "w"}),
        (remove, {"bearer": "Ann", "watchword": "w"}),
        (create, {}),
        (apply, {}),
    ],
)
def test_a_change_that_leaves_it_out_is_refused(
    change: Callable[[ManagementContext], None], values: dict[str, str]
) -> None:
    ctx = messengers(**values)
    assert summaries(refused(ctx, lambda: change(ctx))) == MISSED


def test_both_may_change_at_once() -> None:
    ctx = messengers()
    ctx.modify("messenger", "fox", PropertyChanges(set={"bearer": ["Ann"], "watchword": ["w"]}))
    ctx.modify("messenger", "fox", PropertyChanges(reset=["bearer", "watchword"]))
    assert ctx.get("messenger", "fox").values == {"destination": ("far:1",)}


def test_a_secret_that_a_document_leaves_out_stays() -> None:
    ctx = messengers(bearer="Ann", watchword="w")
    [state] = take_snapshot(ctx.site).objects.values()
    given = {"destination": ("far:1",), "bearer": ("Ann",), "load": ("salt",)}
    silent = state.replace(values=given, silent=frozenset({"watchword"}))
    assert ctx.apply({state.path: silent}).changed
    assert ctx.get("messenger", "fox").values["watchword"] == ("w",)


def test_startup_judges_what_was_left_open() -> None:
    ctx = messengers(greeting="&{g.x}", escort="Bea")
    found = {"none": [], "seal": ["seal is required when greeting is seal and (not (watchword is set))"]}
    for word, said in found.items():

        def provide(need: Need, word: str = word) -> Found:
            return Found((word,), f"the source of {need}")

        site = ctx.site.replace(evaluate=make_evaluator(provide))
        _, errors = judge_all(site, ".")
        assert [problem.summary for problem in errors] == said
        assert all(problem.code == MissingMandatoryError.code for problem in errors)
