"""Laws of what is in effect, over any interleaving of changes, restarts and observations, of both families.

1. What is in effect satisfies every constraint and reference, and every value is derived from what is in effect.
2. What differs from the storage waits, for an action; everything else is in effect.
3. What is told leads from the first state in effect to the last; a second look tells nothing.
4. Whoever looks at every commit and whoever looks at some of them have the same in effect, and the same waits.
5. A new process has everything in effect that is stored.
6. A stored state that does not hold changes nothing, and when it is mended, nothing has been lost.
7. A value that follows others, as a default with cases does, is the one that it was before, or the one that is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confobjects.effect import Event, list_waiting
from confobjects.effect.tracing import find_differing
from confobjects.errors import ConfobjectsError
from confobjects.expressions import Found, NotFound
from confobjects.management import ManagementContext
from confobjects.management.judging import judge_all
from confobjects.management.site import Site
from confobjects.objects.evaluating import make_evaluator
from tests.definitions.documents import builtin, depot
from tests.effect.services import MAIL_SERVER, Picture, Service, describe, in_effect, judge_everything, manage, replay
from tests.effort import times

Call = tuple[str, str, Any, dict[str, Any]]
"""A request: verb, kind, name, values (for a rename the new name)."""
Step = tuple[str, Any]

EVALUATE = make_evaluator(
    lambda need: Found(("known.example.com:25",), "file f") if str(need) == "mx.known" else NotFound()
)
"""An expression may be valid where it is written, and have no value in the service."""


class Request:
    """A kind of request; some of the values are chosen at random, for a rename the new name."""

    def __init__(
        self, verb: str, kind: str, names: Sequence[Any], /, new: Sequence[str] = (), **values: Sequence[Any]
    ) -> None:
        self.verb = verb
        self.kind = kind
        self.names = names
        self.new = new
        self.values = {name.replace("_", "-"): choices for name, choices in values.items()}

    def choose(self, chance: Random) -> Call:
        values: Any = chance.choice(self.new) if self.new else {}
        if self.values:
            names = chance.sample(sorted(self.values), min(len(self.values), chance.choice((1, 1, 2, 3))))
            values = {name: chance.choice(self.values[name]) for name in names}
        return self.verb, self.kind, chance.choice(self.names), values


SWITCH = (True, False)
MAIL_VALUES: dict[str, Sequence[Any]] = {
    "enabled": SWITCH,
    "use_ssl": (True, False, None),
    "use_start_tls": (True, False, None),
    "smtp_server": ("a.example.com", "b.example.com:465", "c.example.com", "&{mx.known}", "&{mx.lost}"),
    "trust_manager_provider": ("p", "q", None),
    "auth_username": ("me", None),
    "auth_password": ("secret-1", "secret-2", None),
}
MAIL = (
    Request("set", "mail-server", ["one", "one", "two"], **MAIL_VALUES),
    Request("set", "mail-server", ["one", "two"], **MAIL_VALUES),
    Request("set", "mail-server", ["one"], enabled=SWITCH),
    Request("set", "mail-server", ["one", "two"], use_ssl=SWITCH, use_start_tls=SWITCH),
    Request("set", "mail-server", ["one"], use_ssl=SWITCH),
    Request("set", "mail-server", ["one"], use_start_tls=SWITCH),
    Request("toggle", "mail-server", ["one", "two"]),
    Request("set", "mail-server", ["one"], trust_manager_provider=("p", "q", None)),
    Request("set", "trust-manager-provider", ["p", "q"], enabled=SWITCH),
    Request("create", "trust-manager-provider", ["p", "q"]),
    Request("delete", "trust-manager-provider", ["p", "q"]),
    Request("delete", "mail-server", ["one", "two"]),
    Request("create", "mail-server", ["one", "two"], **MAIL_VALUES),
    Request("rename", "trust-manager-provider", ["p", "q"], ["p", "q", "r"]),
)
CUSTOM_VALUES: dict[str, Sequence[Any]] = {
    "smtp_server": ("a.example.com", "a.example.com:587", "b.example.com:25", "c.example.com:465", "&{mx.known}"),
    "auth_password": ("secret-1", "secret-2"),
}
CUSTOM = (
    Request("set", "mail-server", ["one"], **CUSTOM_VALUES),
    Request("set", "mail-server", ["one", "two"], **CUSTOM_VALUES),
    Request("set", "mail-server", ["one"], auth_username=("me", "you"), **CUSTOM_VALUES),
    Request("set", "mail-server", ["one"], trust_manager_provider=("p", "q", None), **CUSTOM_VALUES),
    Request("set", "mail-server", ["one", "two"], enabled=SWITCH),
    Request("set", "trust-manager-provider", ["p", "q"], enabled=SWITCH),
    Request("toggle", "mail-server", ["one", "two"]),
    Request("delete", "mail-server", ["two"]),
)
COURIERS = (
    Request("set", "courier", ["mule", "ox"], road=("open", "covered", "tunnel", None), guide=("Ann", None)),
    Request("set", "courier", ["mule"], road=("open", "covered", "tunnel", None)),
    Request("set", "courier", ["mule"], gate=(3, 9, None), lamps=("rear", ["front", "rear"], None)),
    Request("set", "courier", ["mule", "ox"], batch_size=(7, 50, None)),
    Request("set", "courier", ["mule"], batch_size=(7, 50, None)),
    Request("set", "courier", ["mule"], batch_size=(7, None), road=("open", "tunnel")),
    Request("set", "courier", ["mule"], chest=("oak", None), chest_key=("k-1", "k-2", None)),
    Request("set", "depot-settings", [()], batch_size=(7, 50), site_name=("a", "b", "c")),
    Request("set", "depot-settings", [()], batch_size=(7, 50), site_name=("a", "b", "c")),
    Request("set", "messenger", ["fox"], greeting=("none", "watchword", "seal", None), veiled=(*SWITCH, None)),
    Request("set", "messenger", ["fox"], greeting=("none", "seal"), escort=("Bob", None), seal=("s-1", None)),
    Request("set", "messenger", ["fox"], bearer=("Ann", None), watchword=("w", None), guide=("mule", "ox", None)),
    Request("create", "courier", ["mule", "ox"], road=("open", "tunnel"), guide=("Ann", None)),
    Request("delete", "courier", ["mule", "ox"]),
    Request("rename", "courier", ["mule", "ox"], ["mule", "ox"]),
)
QUEUE_VALUES: dict[str, Sequence[Any]] = {
    "enabled": SWITCH,
    "priority": (10, 3, None),
    "time_to_live": ("unlimited", "1 h", None),
    "batch_size": (7, 9, None),
    "store": ("s", "t", None),
    "spill_store": ("s", "t", None),
    "watch": (["x"], ["y"], ["x", "y"], None),
}
DEPOT = (
    Request("set", "queue", ["x", "y", "z"], **QUEUE_VALUES),
    Request("set", "queue", ["x", "y", "z"], **QUEUE_VALUES),
    Request("set", "queue", ["x", "y", "z"], enabled=SWITCH),
    Request(
        "set",
        "queue",
        ["x"],
        segment=("8 kib", "16 kib", None),
        store=("s", "t"),
        priority=(10, 1),
        time_to_live=("unlimited",),
    ),
    Request(
        "set", "queue", ["z"], sync_interval=("1 s", "3 s"), store=("s", "t"), checksum=(["none"], ["crc32"], None)
    ),
    Request("toggle", "queue", ["x", "z"]),
    Request("set", "store", ["s", "t"], enabled=SWITCH, location=("/a", "/b"), standby=("s", "t", None)),
    Request("create", "store", ["s", "t"], enabled=SWITCH),
    Request("delete", "store", ["s", "t"]),
    Request("delete", "queue", ["x", "y", "z"]),
    Request("create", "queue", ["x", "y"], **QUEUE_VALUES),
    Request("rename", "store", ["s", "t"], ["s", "t", "u"]),
    Request("rename", "queue", ["x", "y"], ["x", "y", "w"]),
    Request("set", "gateway", ["door"], listen_port=(1001, 1002), connections=(5, None), token=("t-1", "t-2", None)),
    Request("set", "depot-settings", [()], site_name=("a", "b"), batch_size=(7, 70, None), ticket_key=("k-1", None)),
    Request("create", "consumer", [("x", "mail"), ("y", "cn")], prefetch=(5, None), batch_size=(6, None)),
    Request("set", "consumer", [("x", "mail")], prefetch=(5, 6, None), batch_size=(6, 8, None)),
    Request("delete", "consumer", [("x", "mail"), ("y", "cn")]),
    Request("set", "watchman", [()], enabled=SWITCH, patience=("5 s", "7 s")),
)


def start_mail() -> ManagementContext:
    ctx = manage(builtin())
    with ctx.change() as tx:
        tx.create("trust-manager-provider", "p", {"enabled": True}, type="blind")
        tx.create("trust-manager-provider", "q", {"enabled": False}, type="blind")
        tx.create(
            "mail-server",
            "one",
            {**MAIL_SERVER, "use-ssl": True, "use-start-tls": False, "trust-manager-provider": "p"},
        )
        tx.create("mail-server", "two", {"enabled": True, "smtp-server": "b.example.com"})
    return ctx


def start_custom() -> ManagementContext:
    ctx = manage(builtin())
    login = {"auth-username": "me", "auth-password": "secret-1"}
    with ctx.change() as tx:
        tx.create("trust-manager-provider", "p", {"enabled": True}, type="blind")
        tx.create("trust-manager-provider", "q", {"enabled": False}, type="blind")
        one = {**MAIL_SERVER, **login, "trust-manager-provider": "p"}
        tx.create("mail-server", "one", one, type="custom-server")
        tx.create(
            "mail-server", "two", {**MAIL_SERVER, **login, "smtp-server": "b.example.com:25"}, type="custom-server"
        )
    return ctx


def start_couriers() -> ManagementContext:
    ctx = manage(depot())
    with ctx.change() as tx:
        tx.create("courier", "mule", {"road": "open"})
        tx.create("courier", "ox", {"guide": "Ann"})
        tx.create("messenger", "fox", {"destination": "far:1", "guide": "mule"})
    return ctx


def start_depot() -> ManagementContext:
    ctx = manage(depot())
    with ctx.change() as tx:
        tx.create("store", "s", {"enabled": True, "location": "/s"})
        tx.create("store", "t", {"enabled": True, "location": "/t"})
        tx.create("queue", "x", {"enabled": True, "store": "s"}, type="custom-memory")
        tx.create("queue", "y", {"enabled": True, "store": "t", "spill-store": "s"}, type="disk")
        tx.create("queue", "z", {"enabled": True, "store": "s", "mirror": "/m", "watch": ["x"]}, type="mirrored-disk")
        tx.create("gateway", "door", {})
    return ctx


Start = Callable[[], ManagementContext]
FAMILIES: dict[str, tuple[Start, Sequence[Request], list[str]]] = {
    "mail": (start_mail, MAIL, ["/mail-server/one", "/mail-server/two"]),
    "custom": (start_custom, CUSTOM, ["/mail-server/one", "/mail-server/two"]),
    "couriers": (start_couriers, COURIERS, ["/courier/mule", "/messenger/fox"]),
    "depot": (start_depot, DEPOT, ["/queue/x", "/queue/z", "/gateway/door"]),
}
TYPES = {"trust-manager-provider": "blind", "queue": "custom-memory", "watchman": "strict"}
NEEDED: dict[str, dict[str, Any]] = {
    "queue": {"enabled": True},
    "mail-server": MAIL_SERVER,
    "store": {"enabled": True, "location": "/new"},
    "trust-manager-provider": {"enabled": True},
}


def make_commit(ctx: ManagementContext, several: Sequence[Call]) -> None:
    """Make one change of several requests, without those that are refused after the ones before them."""
    kept: list[Call] = []
    for call in several:
        if ask_all(ctx, [*kept, call], dry_run=True):
            kept.append(call)
    if kept:
        assert ask_all(ctx, kept, dry_run=False)


def ask_all(ctx: ManagementContext, several: Sequence[Call], *, dry_run: bool) -> bool:
    try:
        with ctx.change(dry_run=dry_run) as tx:
            for call in several:
                ask(tx, *call)
    except ConfobjectsError:
        return False
    return True


def ask(tx: Any, verb: str, kind: str, name: Any, values: Any) -> None:
    if verb == "set":
        tx.set(kind, name, {key: () if value is None else value for key, value in values.items()})
    elif verb == "create":
        given = {key: value for key, value in values.items() if value is not None}
        tx.create(kind, name, {**NEEDED.get(kind, {}), **given}, type=TYPES.get(kind))
    elif verb == "delete":
        tx.delete(kind, name)
    elif verb == "toggle":
        tx.set(kind, name, {"enabled": False})
        tx.set(kind, name, {"enabled": True})
    else:
        tx.rename(kind, name, values)


seeds = st.integers(0, 2**32)
lengths = st.sampled_from(range(41))


def make_plan(family: str, seed: int, length: int) -> Iterator[Step]:
    """Yield the first steps of a plan. A number stands for it, so that a plan that fails is made shorter, not another one."""
    _, requests, components = FAMILIES[family]
    chance = Random(seed)
    for _ in range(length):
        what = chance.choice(("commit", "commit", "commit", "commit", "look", "look", "restart", "process"))
        count = chance.choice((1, 1, 2, 3))
        several = [chance.choice(requests).choose(chance) for _ in range(count)]
        yield what, several if what == "commit" else chance.choice(components)


def check_in_effect(service: Service) -> None:
    state = service.state
    assert judge_everything(state) == []
    waiting = list_waiting(state)
    for path in {*state.effect.objects, *state.stored.objects}:
        names = find_differing(state.effect.objects.get(path), state.stored.objects.get(path))
        mine = [one for one in state.pending if one.path == path]
        assert names is not None or any(one.whole for one in mine)
        assert any(one.whole for one in mine) or (names or frozenset()) == frozenset().union(
            *(o.properties for o in mine)
        )
    assert len(waiting) == len(state.pending)
    assert all(one.actions for one in waiting)


def check_told(service: Service, before: Any, events: Sequence[Event]) -> None:
    assert replay(before, events) == in_effect(service.state)
    for one in events:
        old, new = (None if side is None else describe(side) for side in (one.before, one.after))
        assert (old != new) or one.restarted or (one.waiting and one.properties == ())
    assert len({(one.path, one.number, one.kind) for one in events}) == len(events)


def check_followed(service: Service, before: Picture) -> None:
    """Hold what follows other values to law 7, after one change."""
    if stored_pictures(service.ctx) is None:
        return
    stored = in_effect(Service(service.ctx, EVALUATE).state)
    for path, judged in service.state.judged.items():
        kind, values = describe(judged)
        known = [picture[path][1] for picture in (before, stored) if path in picture and picture[path][0] == kind]
        if path not in stored or stored[path][0] != kind:
            continue
        for name, prop in judged.object.definition.properties.items():
            if prop.default.kind in {"cases", "inherited-absolute", "inherited-relative"}:
                own = name in service.state.effect.objects[path].object.values
                assert own or values.get(name) in [one.get(name) for one in known]


def look(service: Service, *restarted: str) -> None:
    before = in_effect(service.state)
    events = service.look(*restarted)
    check_told(service, before, events)
    check_in_effect(service)
    state = service.state
    assert service.look() == ()
    assert service.state.pending == state.pending


def stored_pictures(ctx: ManagementContext) -> Any:
    """What is stored, as the startup judges it: None if it does not hold."""
    site = Site(ctx.site.registry, ctx.site.storage, ctx.site.mapper, EVALUATE)
    configuration, problems = judge_all(site, "/")
    return (
        None
        if problems
        else {one.path: {name: one.texts(name) for name in one if one.texts(name)} for one in configuration}
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_whatever_happens_what_is_in_effect_holds(family: str) -> None:
    start, _, _ = FAMILIES[family]

    @settings(max_examples=times(25), deadline=None)
    @given(seeds, lengths)
    def check(seed: int, length: int) -> None:
        service = Service(start(), EVALUATE)
        for what, detail in make_plan(family, seed, length):
            if what == "commit":
                make_commit(service.ctx, detail)
            elif what == "look":
                look(service)
            elif what == "restart":
                look(service, detail)
            elif stored_pictures(service.ctx) is None:
                with pytest.raises(ConfobjectsError):
                    Service(service.ctx, EVALUATE)
            else:
                service = Service(service.ctx, EVALUATE)
                check_in_effect(service)
                assert service.waiting() == []
        look(service)
        assert (service.state.problems == ()) == (stored_pictures(service.ctx) is not None)

    check()


@pytest.mark.parametrize("family", FAMILIES)
def test_every_commit_or_only_some_of_them_lead_to_the_same(family: str) -> None:
    start, _, _ = FAMILIES[family]

    @settings(max_examples=times(25), deadline=None)
    @given(seeds, lengths)
    def check(seed: int, length: int) -> None:
        ctx = start()
        each, some_ = Service(ctx, EVALUATE), Service(ctx, EVALUATE)
        first = in_effect(each.state)
        for what, detail in make_plan(family, seed, length):
            if what == "commit":
                make_commit(ctx, detail)
                before = in_effect(each.state)
                each.look()
                check_followed(each, before)
            elif what != "process":
                some_.look()
                if what == "restart":
                    assert describe_events(each.restart_component(detail)) == describe_events(
                        some_.restart_component(detail)
                    )
                assert in_effect(each.state) == in_effect(some_.state)
                assert each.waiting() == some_.waiting()
        some_.look()
        assert in_effect(each.state) == in_effect(some_.state)
        assert each.waiting() == some_.waiting()
        assert each.state.number == some_.state.number
        assert replay(first, each.told) == replay(first, some_.told) == in_effect(each.state)
        assert describe_events(each.told) == describe_events(some_.told)

    check()


def describe_events(events: Sequence[Event]) -> list[Any]:
    return [(one.kind, str(one.path), one.properties, one.number) for one in events]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_new_process_has_everything_in_effect_that_is_stored(family: str) -> None:
    start, _, _ = FAMILIES[family]

    @settings(max_examples=times(25), deadline=None)
    @given(seeds, lengths)
    def check(seed: int, length: int) -> None:
        ctx = start()
        old = Service(ctx, EVALUATE)
        for what, detail in make_plan(family, seed, length):
            if what == "commit":
                make_commit(ctx, detail)
        expected = stored_pictures(ctx)
        old.look()
        if expected is None:
            assert old.state.problems != ()
            return
        service = Service(ctx, EVALUATE)
        judge = service.state.judged
        assert {
            str(path): {
                name: tuple(
                    one.object.definition.properties[name].syntax.format(value) for value in reading.typed or ()
                )
                for name, reading in one.readings.items()
                if reading.typed
            }
            for path, one in judge.items()
        } == expected
        assert service.waiting() == []

    check()
