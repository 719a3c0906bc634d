"""What is read again after a change is what has changed, and leads to what reading everything leads to.

Law: any changes, by commits, by other tools or by hand, heard of in any groups, lead to the same look as a reader that
begins then: the same objects, warnings and number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import confobjects
from confobjects.dn import DN
from confobjects.errors import ConfobjectsError
from confobjects.following.reading import Look, StoredReader
from confobjects.following.sources import LiveSources
from confobjects.management import ManagementContext, Site
from confobjects.mapping.entry import AddEntry, Change, DeleteEntry, Entry, Modification, ModifyEntry, RenameEntry
from confobjects.mapping.ldif import parse
from confobjects.mapping.objects import Mapper
from confobjects.mapping.protocol import Notice, Storage, Watch
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.objects.model import ManagedObject
from confobjects.resolvers import Resolvers
from confobjects.storage.ldif_file import LdifFileStorage
from confobjects.storage.memory import MemoryStorage
from tests.definitions.documents import depot
from tests.effect.test_laws import DEPOT, ask_all
from tests.effort import times
from tests.servers import ds389
from tests.servers.fixtures import GUARDED
from tests.storage.mirror import PATIENCE

BASE = DN.parse("cn=config")
NUMBERS = count()


def site_of(storage: Storage) -> tuple[Site, LiveSources]:
    sources = LiveSources(Resolvers, ".")
    return Site.of(depot(), storage, sources), sources


class Follower:
    """Reads what a watch tells of, and compares it with what a new reader finds."""

    def __init__(self, storage: Storage, watch: Watch) -> None:
        self.storage = storage
        self.watch = watch
        self.site, sources = site_of(storage)
        self.reader = StoredReader(self.site, sources)
        self.since: int | None = None
        self.objects: dict[Any, Any] = {}
        self.looks = 0

    def hear(self) -> None:
        """Take what can be heard now."""
        while (notice := self.watch.wait(0)) is not None:
            self.reader.note(notice)

    def look(self) -> bool:
        """Look, and tell whether that found what there is."""
        fresh = StoredReader(*site_of(self.storage))
        try:
            look = self.reader.read(self.since)
        except ConfobjectsError:
            assert self.storage.read(self.storage.base) is None or self.storage.read(BASE) is None
            return True  # the base is gone: to a new reader the configuration is empty, to this one it is lost
        wanted = fresh.read(self.since)
        self.check_changed(look)
        self.since = look.stored.number
        self.looks += 1
        return picture(look) == picture(wanted)

    def check_changed(self, look: Look) -> None:
        """What is said to be the same is the same object."""
        now = dict(look.stored.objects)
        assert look.stored.changed is not None
        differing = {path for path in {*now, *self.objects} if now.get(path) is not self.objects.get(path)}
        assert differing <= look.stored.changed
        self.objects = now


def picture(look: Look) -> tuple[Any, ...]:
    objects = {
        path: (describe(one.object), {name: (read.texts, read.values) for name, read in one.readings.items()})
        for path, one in look.stored.objects.items()
    }
    return objects, look.warnings, look.stored.number, look.stored.epoch, look.stored.digest, look.history


def describe(obj: ManagedObject) -> tuple[Any, ...]:
    return obj.path.elements, obj.definition, dict(obj.values), obj.problems, obj.unknown, obj.revision


# -- whatever happens ------------------------------------------------------------------------------------------------

NAMES = ("x", "y", "one", "\uff38", "é", "straße", "strasse")
CLASSES = ("ds-cfg-queue", "ds-cfg-disk-queue", "ds-cfg-consumer", "ds-cfg-branch", "ds-cfg-gateway", "nothing")
ATTRIBUTES = ("ds-cfg-note", "ds-cfg-enabled", "ds-cfg-batch-size", "description")


def fill(storage: Storage) -> ManagementContext:
    ctx = ManagementContext(Site.of(depot(), storage, evaluate_defaults))
    with ctx.change() as tx:
        tx.create("store", "s", {"enabled": True, "location": "/s"})
        tx.create("store", "t", {"enabled": True, "location": "/t"})
        tx.create("queue", "x", {"enabled": True, "store": "s"}, type="custom-memory")
        tx.create("queue", "y", {"enabled": True, "store": "t", "spill-store": "s"}, type="disk")
        tx.create("queue", "z", {"enabled": True, "store": "s", "mirror": "/m", "watch": ["x"]}, type="mirrored-disk")
        tx.create("gateway", "door", {})
    return ctx


class Chance:
    """Does something to a configuration, by a number that stands for all of it."""

    def __init__(self, seed: int, ctx: ManagementContext) -> None:
        self.random = Random(seed)
        self.ctx = ctx
        self.storage = ctx.storage

    def act(self) -> None:
        way = self.random.choice((self.commit, self.commit, self.change_entry, self.change_entry, self.edit_text))
        way()

    def commit(self) -> None:
        requests = [self.random.choice(DEPOT) for _ in range(self.random.choice((1, 1, 3)))]
        ask_all(self.ctx, [request.choose(self.random) for request in requests], dry_run=False)

    def change_entry(self) -> None:
        """What another tool does: it knows entries only."""
        entries = list(self.storage.search(self.storage.base, "sub"))
        if not entries:
            changes: list[Change] = [
                AddEntry(Entry(BASE, {"cn": ("config",), "objectClass": ("top", "ds-cfg-branch")}))
            ]
        else:
            changes = [self.choose_change(entries)]
        try:
            with self.storage.writing():
                self.storage.commit(changes)
        except ConfobjectsError:
            return

    def choose_change(self, entries: Sequence[Entry]) -> Change:
        entry = self.random.choice(entries)
        name = self.random.choice(NAMES)
        way = self.random.choice(("add", "add", "value", "value", "class", "delete", "delete", "rename"))
        if way == "add":
            dn = entry.dn.child(self.random.choice(("cn", "cn", "ou")), name)
            return AddEntry(
                Entry(dn, {dn.naming_attribute: (name,), "objectClass": ("top", self.random.choice(CLASSES))})
            )
        if way == "delete":
            return DeleteEntry(entry.dn)
        if way == "rename":
            return RenameEntry(entry.dn, self.random.choice(entries).dn.child("cn", name))
        attribute = "objectClass" if way == "class" else self.random.choice(ATTRIBUTES)
        values = self.random.sample((*CLASSES, "true"), self.random.choice((1, 2)))
        return ModifyEntry(entry.dn, [Modification(self.random.choice(("add", "replace")), attribute, values)])

    def edit_text(self) -> None:
        """What people do to a file: leave entries out, also those with others below them, and put them back."""
        if not isinstance(self.storage, LdifFileStorage):
            return
        path = Path(self.storage.path)
        blocks = path.read_text(encoding="utf-8").split("\n\n")
        at = self.random.randrange(len(blocks))
        cut = Path(f"{path}.cut")
        if cut.exists() and self.random.random() < 0.5:
            blocks.insert(at or 1, cut.read_text(encoding="utf-8"))
            cut.unlink()
        elif at:
            cut.write_text(blocks.pop(at).strip("\n"), encoding="utf-8")
        text = "\n\n".join(blocks)
        with suppress(ConfobjectsError):  # what was put back may be there again
            parse(text)
            path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("kind", ["memory", "ldif"])
def test_whatever_happens_a_look_finds_what_a_new_reader_finds(tmp_path: Path, kind: str) -> None:
    folders = count()

    def make() -> Storage:
        if kind == "memory":
            return MemoryStorage(base=BASE)
        folder = tmp_path / str(next(folders))
        folder.mkdir()
        return LdifFileStorage(str(folder / "config.ldif"), base=BASE, archives=1)

    @settings(max_examples=times(25), deadline=None)
    @given(st.integers(0, 2**32), st.sampled_from(range(25)))
    def check(seed: int, length: int) -> None:
        with closing(make()) as storage, storage.watch() as watch:
            chance = Chance(seed, fill(storage))
            follower = Follower(storage, watch)
            assert follower.look()
            for _ in range(length):
                chance.act()
                if chance.random.random() < 0.7:
                    follower.hear()
                if chance.random.random() < 0.6:
                    follower.hear()
                    assert follower.look()
            follower.hear()
            assert follower.look()

    check()


def test_another_spelling_of_a_name_is_found_for_the_object_and_those_below_it() -> None:
    storage = MemoryStorage(base=BASE)
    with storage.watch() as watch:
        ctx, follower = fill(storage), Follower(storage, watch)
        with ctx.change() as tx:
            tx.create("consumer", ("x", "mail"), {"channel": "mail"})
        follower.hear()
        assert follower.look()
        name = ctx.site.mapper.dn_of(ctx.registry.path_of("queue", ("x",)))
        for spelling in ("X", "\uff38", "x"):
            entry = storage.read(name)
            assert entry is not None
            with storage.writing():
                storage.commit([RenameEntry(entry.dn, entry.dn.parent.child("cn", spelling))])
            follower.hear()
            assert follower.look()


# -- what it takes ---------------------------------------------------------------------------------------------------


class Decoded:
    """Counts the objects that are made from entries."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []
        decode = Mapper.decode

        def count(mapper: Mapper, entry: Entry, *arguments: Any) -> ManagedObject:
            self.names.append(str(entry.dn).partition(",")[0])
            return decode(mapper, entry, *arguments)

        patch.setattr(Mapper, "decode", count)

    def take(self) -> list[str]:
        names, self.names = self.names, []
        return names


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Decoded:
    return Decoded(monkeypatch)


@pytest.fixture(params=["memory", "ldif", "slapd", "389-ds"])
def ctx(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ManagementContext]:
    """A configuration of every kind of storage, with some objects."""
    url = "memory:"
    if request.param == "ldif":
        url = f"ldif:{tmp_path / 'config.ldif'}"
    elif request.param == "slapd":
        url = str(request.getfixturevalue("slapd").socket_url) + quote(f"cn=looked at {next(NUMBERS)},{GUARDED}")
    elif request.param == "389-ds":
        server = request.getfixturevalue("ds389_server")
        url = str(server.socket_url) + quote(f"cn=looked at {next(NUMBERS)},{ds389.SUFFIX}")
    with confobjects.open(url, definitions=depot()) as context:
        site = context.site
        fill_more(ManagementContext(Site.of(depot(), site.storage, evaluate_defaults)))
        yield context


def fill_more(ctx: ManagementContext) -> None:
    fill(ctx.storage)
    with ctx.change() as tx:
        for number in range(30):
            tx.create("gateway", f"g{number}", {})


def follow(follower: Follower) -> None:
    """Look until all is found that there is."""
    follower.hear()
    while not follower.look():
        notice = follower.watch.wait(PATIENCE)
        assert notice is not None, "not heard"
        follower.reader.note(notice)


def setting(name: str, **values: Any) -> Callable[[Any], Any]:
    return lambda tx: tx.set("gateway", name, {key.replace("_", "-"): value for key, value in values.items()})


STEPS: dict[str, Callable[[Any], Any]] = {
    "a change": setting("g3", connections=5),
    "another one": setting("g4", listen_port=1003),
    "an object comes": lambda tx: tx.create("gateway", "new", {}),
    "an object goes": lambda tx: tx.delete("gateway", "g7"),
    "a parent comes": lambda tx: tx.create("queue", "w", {"enabled": True, "store": "s"}, type="custom-memory"),
    "a child comes": lambda tx: tx.create("consumer", ("w", "mail"), {}),
    "a child changes": lambda tx: tx.set("consumer", ("w", "mail"), {"prefetch": 7}),
    "a parent goes": lambda tx: tx.delete("queue", "w", force=True),
    "a single one comes": lambda tx: tx.create("watchman", (), {"enabled": True}, type="strict"),
    "a single one changes": lambda tx: tx.set("watchman", (), {"enabled": False}),
    "a renaming": lambda tx: tx.rename("gateway", "g9", "nine"),
    "the renamed one": setting("nine", connections=9),
}


def test_every_kind_of_change_is_found_in_every_storage(ctx: ManagementContext) -> None:
    with ctx.storage.watch() as watch:
        follower = Follower(ctx.storage, watch)
        follow(follower)
        for step in STEPS.values():
            with ctx.change() as tx:
                step(tx)
            follow(follower)
        with ctx.storage.writing():
            stray = ctx.storage.base.child("cn", "stray")
            ctx.storage.commit([AddEntry(Entry(stray, {"cn": ("stray",), "objectClass": ("top", "ds-cfg-branch")}))])
        follow(follower)
        with ctx.change() as tx:
            setting("g3", connections=6)(tx)
        follow(follower)
        with ctx.storage.writing():
            ctx.storage.commit([DeleteEntry(stray)])
        follow(follower)


def test_only_the_objects_whose_entries_have_changed_are_read(ctx: ManagementContext, decoded: Decoded) -> None:
    site, sources = site_of(ctx.storage)
    reader = StoredReader(site, sources)
    number = reader.read(None).stored.number
    assert len(decoded.take()) > 30
    for turn, name in enumerate(("g3", "g4", "g5")):
        with ctx.change() as tx:
            setting(name, connections=turn + 3)(tx)
        decoded.take()
        reader.note(Notice((site.mapper.dn_of(site.registry.path_of("gateway", name)),)))
        look = reader.read(number)
        number = look.stored.number
        assert decoded.take() == [f"cn={name}"]
        assert look.stored.changed == frozenset([site.registry.path_of("gateway", name)])
        assert [one.number for one in look.history][1:] == [number]
    reader.note(Notice((site.mapper.base.child("cn", "History").child("cn", "1"),)))
    assert reader.read(number).stored.changed == frozenset()
    assert decoded.take() == []


def test_a_change_that_was_not_heard_of_yet_is_read_with_its_record(ctx: ManagementContext, decoded: Decoded) -> None:
    site, sources = site_of(ctx.storage)
    reader = StoredReader(site, sources)
    number = reader.read(None).stored.number
    for name in ("g3", "g4"):
        with ctx.change() as tx:
            setting(name, connections=3)(tx)
    decoded.take()
    reader.note(Notice((site.mapper.dn_of(site.registry.path_of("gateway", "g3")),)))
    look = reader.read(number)
    assert look.stored.changed == frozenset(site.registry.path_of("gateway", name) for name in ("g3", "g4"))
    assert sorted(decoded.take()) == ["cn=g3", "cn=g4"]
    assert picture(look) == picture(StoredReader(*site_of(ctx.storage)).read(number))


def test_a_file_that_was_edited_by_hand_is_compared_entry_by_entry(tmp_path: Path, decoded: Decoded) -> None:
    with closing(LdifFileStorage(str(tmp_path / "config.ldif"), base=BASE)) as storage:
        fill_more(ManagementContext(Site.of(depot(), storage, evaluate_defaults)))
        with storage.watch() as watch:
            follower = Follower(storage, watch)
            follow(follower)
            path = Path(storage.path)
            path.write_text(path.read_text(encoding="utf-8").replace("cn: g5\n", "cn: g5\nds-cfg-connections: 8\n"))
            notice = watch.wait(PATIENCE)
            assert notice == Notice(None)
            follower.reader.note(notice)
            decoded.take()
            look = follower.reader.read(follower.since)
            assert decoded.take() == ["cn=g5"]
            assert look.stored.changed == frozenset([follower.site.registry.path_of("gateway", "g5")])


def test_a_name_that_is_spelled_otherwise_by_hand_is_found(tmp_path: Path) -> None:
    with closing(LdifFileStorage(str(tmp_path / "config.ldif"), base=BASE)) as storage:
        fill_more(ManagementContext(Site.of(depot(), storage, evaluate_defaults)))
        with storage.watch() as watch:
            follower = Follower(storage, watch)
            follow(follower)
            path = Path(storage.path)
            path.write_text(path.read_text(encoding="utf-8").replace("dn: cn=g5,", "dn: cn=G5,"), encoding="utf-8")
            follow(follower)
