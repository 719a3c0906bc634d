"""The rule on a kind made for what no real one has: objects that need each other, and lists of actions."""

from __future__ import annotations

from functools import cache
from typing import Any

from confobjects.definitions import DefinitionDocument, Registry
from confobjects.expressions import NotFound
from confobjects.objects.evaluating import make_evaluator
from tests.effect.services import Service, commit, judge_everything, manage, setting

ENABLED = {"contains": ["enabled", "true"]}
A, B, C = "/twin/a", "/twin/b", "/twin/c"
SERVER = (B, "mode", "server-restart")


@cache
def twins() -> Registry:
    twin = {
        "name": "twin",
        "version": 1,
        "synopsis": "One of two.",
        "relation": {"parent": "root", "kind": "instantiable"},
        "enabled-when": ENABLED,
        "properties": {
            "enabled": {"synopsis": "Whether it is there.", "syntax": "boolean", "mandatory": True},
            "partner": {
                "synopsis": "The other one.",
                "syntax": {
                    "type": "aggregation",
                    "relation": "twin",
                    "target-enabled": ENABLED,
                    "needed-when": ENABLED,
                },
            },
            "favourite": {
                "synopsis": "A toy of a.",
                "syntax": {"type": "aggregation", "relation": "toy", "parent": "/twin/a"},
            },
            "mode": {"synopsis": "Its mode.", "syntax": "string", "admin-action": {"kind": "server-restart"}},
            "gear": {"synopsis": "Its gear.", "syntax": "string", "admin-action": {"kind": "component-restart"}},
            "colour": {"synopsis": "Its colour.", "syntax": "string"},
        },
        "constraints": [
            {
                "name": "no-soft-blue",
                "synopsis": "what is blue has a mode",
                "condition": {
                    "implies": [{"and": [ENABLED, {"contains": ["colour", "blue"]}]}, {"is-present": "mode"}]
                },
            }
        ],
    }
    toy = {
        "name": "toy",
        "version": 1,
        "synopsis": "What a twin has.",
        "relation": {"parent": "twin", "kind": "instantiable"},
        "properties": {"colour": {"synopsis": "Its colour.", "syntax": "string"}},
    }
    return Registry([DefinitionDocument(f"{one['name']}.json", one) for one in (twin, toy)])


def serve(**several: dict[str, Any]) -> Service:
    """A service on twins that are enabled; change 1 creates them."""
    ctx = manage(twins())
    with ctx.change() as tx:
        for name, values in several.items():
            tx.create("twin", name, {"enabled": True, **values})
    return Service(ctx)


def twin(name: str, **values: Any) -> Any:
    return setting("twin", name, **values)


def test_objects_that_need_each_other_count_together() -> None:
    service = serve(a={"enabled": False, "partner": "b"}, b={"enabled": False, "partner": "a"})
    commit(service.ctx, twin("a", enabled=True), twin("b", enabled=True))
    assert [(str(one.path), one.number) for one in service.look()] == [(A, 2), (B, 2)]


def test_objects_that_need_each_other_count_although_another_change_of_one_of_them_does_not() -> None:
    service = serve(a={"enabled": False, "partner": "b"}, b={"enabled": False, "partner": "a"}, c={})
    service.evaluate = make_evaluator(lambda _: NotFound())
    service.state = service.state.replace(evaluate=service.evaluate)
    commit(service.ctx, twin("a", mode="loud"))
    # The state in between does not hold, so that both changes are looked at together.
    commit(service.ctx, twin("a", enabled=True), twin("b", enabled=True), twin("c", colour="&{lost}"))
    commit(service.ctx, twin("a", colour="blue"), twin("c", colour=None))
    service.look()
    assert service.value(A, "enabled") == ("true",)
    assert service.value(B, "enabled") == ("true",)
    assert service.value(A, "colour") == ()
    assert service.waiting() == [
        (A, "changed", ("mode",), ((A, "mode", "server-restart"),), 2),
        (A, "changed", ("colour",), ((A, "mode", "server-restart"),), 4),
    ]


def test_a_change_waits_for_what_it_collides_with_and_for_nothing_else() -> None:
    service = serve(a={})
    commit(service.ctx, twin("a", gear="second"))
    commit(service.ctx, twin("a", mode="loud"))
    commit(service.ctx, twin("a", colour="blue"))
    service.look()
    assert service.waiting() == [
        (A, "changed", ("gear",), ((A, "gear", "component-restart"),), 2),
        (A, "changed", ("mode",), ((A, "mode", "server-restart"),), 3),
        (A, "changed", ("colour",), ((A, "mode", "server-restart"),), 4),
    ]


def test_an_object_that_is_created_again_while_its_deletion_waits_counts_with_all_its_values() -> None:
    service = serve(a={}, b={"partner": "a"})
    commit(service.ctx, twin("b", partner=None, mode="loud"))
    commit(service.ctx, twin("a", gear="second"))
    commit(service.ctx, lambda tx: tx.delete("twin", "a"))
    service.look()
    assert service.waiting() == [
        (A, "deleted", (), (SERVER,), 3),
        (B, "changed", ("partner", "mode"), (SERVER,), 2),
    ]
    commit(service.ctx, lambda tx: tx.create("twin", "a", {"enabled": True, "gear": "third"}))
    assert [(one.kind, one.number) for one in service.look()] == [("deleted", 5), ("added", 5)]
    assert service.value(A, "gear") == ("third",)
    assert service.waiting() == [(B, "changed", ("partner", "mode"), (SERVER,), 2)]


def test_a_disabling_that_waits_and_an_enabling_are_a_restart_all_the_same() -> None:
    service = serve(a={}, b={"partner": "a"})
    commit(service.ctx, twin("b", partner=None, mode="loud"))
    commit(service.ctx, twin("a", gear="second"))
    commit(service.ctx, twin("a", enabled=False))
    service.look()
    assert service.value(A, "enabled") == ("true",)
    assert service.waiting() == [
        (A, "changed", ("gear",), ((A, "gear", "component-restart"),), 3),
        (A, "changed", ("enabled",), (SERVER,), 4),
        (B, "changed", ("partner", "mode"), (SERVER,), 2),
    ]
    commit(service.ctx, twin("a", enabled=True))
    (event,) = service.look()
    assert (str(event.path), event.number, event.properties) == (A, 5, ("gear",))
    assert service.waiting() == [(B, "changed", ("partner", "mode"), (SERVER,), 2)]


def test_a_value_that_is_changed_again_after_a_restart_needs_another_one() -> None:
    service = serve(a={})
    commit(service.ctx, twin("a", gear="second", mode="loud"))
    service.look()
    service.restart_component(A)
    assert service.waiting() == [(A, "changed", ("mode", "gear"), ((A, "mode", "server-restart"),), 2)]
    commit(service.ctx, twin("a", gear="third"))
    service.look()
    actions = ((A, "mode", "server-restart"), (A, "gear", "component-restart"))
    assert service.waiting() == [(A, "changed", ("mode", "gear"), actions, 2)]


def test_an_object_waits_with_what_it_needs_and_those_below_it_wait_with_it() -> None:
    service = serve(a={}, b={"enabled": False})
    commit(service.ctx, twin("b", enabled=True, mode="loud"))
    commit(service.ctx, lambda tx: tx.create("twin", "c", {"enabled": True, "partner": "b"}))
    commit(service.ctx, lambda tx: tx.create("toy", ("c", "ball"), {}))
    events = service.look()
    assert [(one.kind, str(one.path), one.number, one.after) for one in events[1:]] == [
        ("added", C, 3, None),
        ("added", "/twin/c/toy/ball", 4, None),
    ]
    assert C not in service
    assert service.waiting() == [
        (B, "changed", ("enabled", "mode"), (SERVER,), 2),
        (C, "added", (), (SERVER,), 3),
        ("/twin/c/toy/ball", "added", (), (SERVER,), 4),
    ]
    commit(service.ctx, lambda tx: tx.set("twin", "c", {"partner": "a"}))
    service.look()
    assert C in service
    assert "/twin/c/toy/ball" in service


def test_an_object_stays_while_one_below_it_is_needed() -> None:
    service = serve(a={}, b={})
    with service.ctx.change() as tx:
        tx.create("toy", ("a", "ball"), {})
    commit(service.ctx, twin("b", favourite="ball"))
    service.look()
    commit(service.ctx, twin("b", favourite=None, mode="loud"))
    service.look()
    commit(service.ctx, lambda tx: tx.delete("twin", "a"))
    service.look()
    assert A in service
    assert judge_everything(service.state) == []
    assert service.waiting() == [
        (A, "deleted", (), (SERVER,), 5),
        ("/twin/a/toy/ball", "deleted", (), (SERVER,), 5),
        (B, "changed", ("favourite", "mode"), (SERVER,), 4),
    ]


def test_an_object_that_takes_the_name_of_a_renamed_one_is_another_one() -> None:
    service = serve(a={"gear": "first"})
    with service.ctx.change() as tx:
        tx.rename("twin", "a", "c")
        tx.create("twin", "a", {"enabled": True, "gear": "second"})
    events = service.look()
    assert [(one.kind, str(one.path)) for one in events] == [("deleted", A), ("added", A), ("added", C)]
    assert service.value(A, "gear") == ("second",)
    assert service.waiting() == []


def test_where_nothing_waits_only_one_world_is_kept() -> None:
    service = serve(a={})
    commit(service.ctx, twin("a", gear="second"))
    service.look()
    assert service.state.effect is not service.state.stored
    service.restart_component(A)
    assert service.state.effect is service.state.stored
