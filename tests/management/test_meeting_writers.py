"""Writers who meet in a storage that keeps nobody out, step by step: who is faster, who waits, who yields.

``tests/management/test_concurrency.py`` asks the same of real directories, where the steps come as they come.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from confobjects.definitions.installed import DIGEST, TEXT, digest_of
from confobjects.definitions.model import HOLDER_KIND
from confobjects.definitions_loading import load_registry
from confobjects.dn import DN
from confobjects.errors import ChangedMeanwhileError, ConfobjectsError, NoSuchObjectError, ObjectExistsError
from confobjects.management import ManagementContext, Site
from confobjects.mapping.entry import AddEntry, Change, DeleteEntry, Entry, Modification, ModifyEntry, diff
from confobjects.mapping.installed import read_installed
from confobjects.mapping.journal import Note
from confobjects.objects.changes import PropertyChanges
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.storage.memory import MemoryStorage
from tests.definitions.documents import builtin
from tests.management.things import summaries

Work = Callable[[], Any]


class Open(MemoryStorage):
    """Memory that lets every writer in at any time, as a directory does.

    ``before`` and ``after`` are what others do just before and just after the next commits, ``meanwhile`` what they do
    in the next pauses; ``pauses`` are the pauses there were.
    """

    serialises_writers = False

    def __init__(self) -> None:
        super().__init__()
        self.before: list[Work] = []
        self.after: list[Work] = []
        self.meanwhile: list[Work] = []
        self.pauses: list[int] = []

    @contextmanager
    def writing(self) -> Iterator[None]:
        owner = self._owner
        self._owner = None
        with super().writing():
            yield
        self._owner = owner

    def commit(self, changes: Sequence[Change], record: Note | None = None) -> int | None:
        _next(self.before)
        number = super().commit(changes, record)
        _next(self.after)
        return number

    def pause(self, turn: int) -> None:
        self.pauses.append(turn)
        _next(self.meanwhile)


def _next(works: list[Work]) -> None:
    if works:
        works.pop(0)()


@pytest.fixture
def storage() -> Open:
    return Open()


@pytest.fixture
def ctx(storage: Open) -> ManagementContext:
    """A server that uses nothing, and an enabled provider that nobody uses."""
    made = ManagementContext(Site.of(builtin(), storage, evaluate_defaults))
    made.create("trust-manager-provider", "trust", {"enabled": True}, type="blind")
    made.create("mail-server", "one", {"enabled": True, "smtp-server": "h", "use-start-tls": False})
    return made


def other(ctx: ManagementContext) -> ManagementContext:
    """Return another writer on the same storage."""
    return ManagementContext(Site.of(builtin(), ctx.storage, evaluate_defaults))


def setting(ctx: ManagementContext, kind: str, name: str, **values: Any) -> Work:
    changes = PropertyChanges(set={key.replace("_", "-"): value for key, value in values.items()})
    return lambda: ctx.modify(kind, name, changes)


def server(ctx: ManagementContext, **values: Any) -> Work:
    return setting(ctx, "mail-server", "one", **values)


def provider(ctx: ManagementContext, **values: Any) -> Work:
    return setting(ctx, "trust-manager-provider", "trust", **values)


def dn_of(ctx: ManagementContext, kind: str, name: str) -> DN:
    return ctx.site.mapper.dn_of(ctx.registry.path_of(kind, name))


def edit(storage: Open, dn: DN, **values: str) -> Work:
    """Return a change by a writer who has looked before this one wrote: nothing that is there now holds it up."""
    steps = [
        Modification("replace", f"ds-cfg-{name.replace('_', '-')}", [v] if v else []) for name, v in values.items()
    ]
    return lambda: storage._tree.apply([ModifyEntry(dn, steps)])


def disabling(ctx: ManagementContext, storage: Open) -> Work:
    return edit(storage, dn_of(ctx, "trust-manager-provider", "trust"), enabled="false")


def needing(ctx: ManagementContext, storage: Open) -> Work:
    """Return the change that lets the server name the provider, and need it enabled."""
    trust = str(dn_of(ctx, "trust-manager-provider", "trust"))
    return edit(storage, dn_of(ctx, "mail-server", "one"), trust_manager_provider=trust, use_start_tls="true")


def refusal(work: Work, kind: type[ConfobjectsError] = ChangedMeanwhileError) -> list[tuple[str, str]]:
    with pytest.raises(kind) as caught:
        work()
    return summaries(caught.value.diagnostics)


def stored(ctx: ManagementContext, kind: str, name: str, prop: str) -> tuple[str, ...]:
    return ctx.get(kind, name).values.get(prop, ())


TAKEN_BACK = (
    "changed-meanwhile",
    "someone else made a conflicting change at the same time; this change was taken back",
)
NOT_WHOLE = (
    "changed-meanwhile",
    "someone else made a conflicting change at the same time; this change was taken back only in part",
)
FASTER = (
    "changed-meanwhile",
    "the object, or one it depends on, was changed by someone else meanwhile",
)


# -- somebody is faster ------------------------------------------------------------------------------------------------


def test_a_change_of_another_property_meanwhile_is_no_obstacle(ctx: ManagementContext, storage: Open) -> None:
    storage.before = [server(other(ctx), auth_username="joe")]
    server(ctx, smtp_server="other")()
    assert stored(ctx, "mail-server", "one", "auth-username") == ("joe",)
    assert stored(ctx, "mail-server", "one", "smtp-server") == ("other",)
    assert storage.pauses == [0]
    assert [len(record.changes) for record in ctx.history()] == [1, 1, 1, 1]


def test_values_are_added_to_what_is_there_by_then(ctx: ManagementContext, storage: Open) -> None:
    def adding(who: ManagementContext, pair: str) -> Work:
        return lambda: who.modify("mail-server", "one", PropertyChanges(add={"smtp-property": pair}))

    storage.before = [adding(other(ctx), "mail.smtp.timeout=1")]
    adding(ctx, "mail.smtp.localhost=x")()
    assert stored(ctx, "mail-server", "one", "smtp-property") == ("mail.smtp.timeout=1", "mail.smtp.localhost=x")


def test_what_cannot_be_done_any_more_says_that_somebody_was_faster_and_why(
    ctx: ManagementContext, storage: Open
) -> None:
    storage.before = [server(other(ctx), use_ssl=True)]
    told = refusal(server(ctx, use_start_tls=True))
    assert told == [
        FASTER,
        ("constraint-violated", "use-ssl and use-start-tls exclude each other, and both are true"),
    ]
    assert stored(ctx, "mail-server", "one", "use-start-tls") == ("false",)


def test_an_object_that_somebody_has_made_meanwhile_is_there_already(ctx: ManagementContext, storage: Open) -> None:
    def make(who: ManagementContext) -> Work:
        return lambda: who.create("mail-server", "two", {"enabled": True, "smtp-server": "h"})

    storage.before = [make(other(ctx))]
    assert refusal(make(ctx), ObjectExistsError) == [
        ("object-exists", 'there is a Mail Server "two" already'),
    ]
    assert storage.pauses == [0]


def test_an_object_that_somebody_has_deleted_meanwhile_is_not_there(ctx: ManagementContext, storage: Open) -> None:
    storage.before = [lambda: other(ctx).delete("mail-server", "one")]
    ((code, summary),) = refusal(server(ctx, auth_username="joe"), NoSuchObjectError)
    assert (code, summary) == ("no-such-object", 'there is no Mail Server "one"')


def test_an_object_that_keeps_changing_is_given_up_after_a_while(ctx: ManagementContext, storage: Open) -> None:
    def busy() -> Iterator[Work]:
        for number in range(40):
            yield server(other(ctx), auth_username=f"joe-{number}")

    works = busy()

    def next_and_again() -> None:
        work = next(works)
        rest, storage.before = storage.before, []
        work()
        storage.before = [*rest, next_and_again]

    storage.before = [next_and_again]
    ((code, _),) = refusal(server(ctx, smtp_server="other"))
    assert code == "changed-meanwhile"
    assert storage.pauses == list(range(15))  # sixteen attempts, a pause between two of them
    assert stored(ctx, "mail-server", "one", "smtp-server") == ("h",)


def test_an_object_that_comes_and_goes_is_given_up_sooner(ctx: ManagementContext, storage: Open) -> None:
    dn = dn_of(ctx, "mail-server", "two")
    entry = Entry(dn, {"cn": ["two"], "objectClass": ["top", "ds-cfg-mail-server"]})
    storage.before = [lambda: storage._tree.apply([AddEntry(entry)])] * 9
    storage.meanwhile = [lambda: storage._tree.apply([DeleteEntry(dn)])] * 9
    told = refusal(lambda: ctx.create("mail-server", "two", {"enabled": True, "smtp-server": "h"}), ObjectExistsError)
    assert told == [("object-exists", 'the entry "cn=two,cn=Mail Servers,cn=config" already exists')]
    assert storage.pauses == [0, 1]


# -- two changes that do not go together -------------------------------------------------------------------------------


def test_who_refers_to_the_other_yields_at_once(ctx: ManagementContext, storage: Open) -> None:
    dn = dn_of(ctx, "mail-server", "one")
    before = storage.read(dn)
    storage.after = [disabling(ctx, storage)]
    told = refusal(server(ctx, trust_manager_provider="trust", use_start_tls=True))
    assert told == [
        TAKEN_BACK,
        ("constraint-violated", 'trust-manager-provider names "trust", which is disabled'),
    ]
    assert storage.pauses == []
    assert stored(ctx, "trust-manager-provider", "trust", "enabled") == ("false",)
    after = storage.read(dn)
    assert before is not None
    assert after is not None
    assert [step.attribute for step in diff(before, after)] == ["ds-cfg-revision"]
    assert after.get("ds-cfg-revision") == ("3",)  # there and back are two changes to whoever looks


def test_who_is_referred_to_waits_for_the_other_to_yield(ctx: ManagementContext, storage: Open) -> None:
    storage.after = [needing(ctx, storage)]
    yielding = edit(storage, dn_of(ctx, "mail-server", "one"), trust_manager_provider="")
    storage.meanwhile = [lambda: None, yielding]
    provider(ctx, enabled=False)()
    assert storage.pauses == [0, 1]
    assert stored(ctx, "trust-manager-provider", "trust", "enabled") == ("false",)


def make_many(ctx: ManagementContext, kind: str, names: Sequence[str], values: dict[str, Any], **more: Any) -> None:
    with ctx.change() as changes:
        for name in names:
            changes.create(kind, name, values, **more)


def test_one_of_many_that_refers_to_another_yields(ctx: ManagementContext, storage: Open) -> None:
    """What was written by the dozen is not judged again, but for what depends on another object."""
    names = [f"server-{number}" for number in range(9)]
    make_many(ctx, "mail-server", names, {"enabled": True, "smtp-server": "h", "use-start-tls": True})
    storage.after = [disabling(ctx, storage)]

    def change() -> None:
        with ctx.change() as changes:
            for name in names:
                changes.set("mail-server", name, {"smtp-property": ["mail.smtp.localhost=x"]})
            changes.set("mail-server", names[4], {"trust-manager-provider": "trust"})

    assert refusal(change) == [
        TAKEN_BACK,
        ("constraint-violated", 'trust-manager-provider names "trust", which is disabled'),
    ]
    assert stored(ctx, "mail-server", names[0], "smtp-property") == ()


def test_one_of_many_that_another_begins_to_need_yields(ctx: ManagementContext, storage: Open) -> None:
    names = ["trust", *(f"trust-{number}" for number in range(9))]
    make_many(ctx, "trust-manager-provider", names[1:], {"enabled": True}, type="blind")
    storage.after = [needing(ctx, storage)]

    def change() -> None:
        with ctx.change() as changes:
            for name in names:
                changes.set("trust-manager-provider", name, {"enabled": False})

    told = refusal(change)
    assert told[0] == TAKEN_BACK
    assert "/mail-server/one needs it (trust-manager-provider)" in told[1][1]
    assert {stored(ctx, "trust-manager-provider", name, "enabled") for name in names} == {("true",)}


def test_one_of_many_pairs_that_names_another_yields(ctx: ManagementContext, storage: Open) -> None:
    """A pair refers to another object, too, if its name is one that does."""
    ctx.create("key-manager-provider", "key", {"enabled": True, "key-store-file": "own.p12"}, type="file-based")
    names = [f"server-{number}" for number in range(9)]
    make_many(ctx, "mail-server", names, {"enabled": True, "smtp-server": "h", "use-start-tls": True})
    storage.after = [edit(storage, dn_of(ctx, "key-manager-provider", "key"), enabled="false")]

    def change() -> None:
        with ctx.change() as changes:
            for name in names:
                changes.set("mail-server", name, {"smtp-property": ["mail.smtp.localhost=x"]})
            changes.set("mail-server", names[4], {"smtp-property": ["confobjects.key-manager-provider=key"]})

    assert refusal(change)[0] == TAKEN_BACK


def test_who_has_waited_long_enough_yields_as_well(ctx: ManagementContext, storage: Open) -> None:
    storage.after = [needing(ctx, storage)]
    told = refusal(provider(ctx, enabled=False))
    assert told[0] == TAKEN_BACK
    assert [code for code, _ in told[1:]] == ["constraint-violated"]
    assert "/mail-server/one needs it (trust-manager-provider)" in told[1][1]
    assert storage.pauses == list(range(8))
    assert stored(ctx, "trust-manager-provider", "trust", "enabled") == ("true",)


def test_who_deletes_what_another_begins_to_name_puts_it_back(ctx: ManagementContext, storage: Open) -> None:
    dn = dn_of(ctx, "trust-manager-provider", "trust")
    before = storage.read(dn)
    storage.after = [needing(ctx, storage)]
    told = refusal(lambda: ctx.delete("trust-manager-provider", "trust"))
    assert told == [
        TAKEN_BACK,
        ("object-in-use", "/mail-server/one names it (trust-manager-provider), and it was deleted"),
    ]
    assert storage.read(dn) == before
    assert storage.pauses == list(range(8))


def test_what_was_taken_back_is_not_in_the_history(ctx: ManagementContext, storage: Open) -> None:
    numbers = [record.number for record in ctx.history()]
    storage.after = [needing(ctx, storage)]
    refusal(provider(ctx, enabled=False))
    assert [record.number for record in ctx.history()] == numbers


def test_an_object_that_was_made_is_deleted_when_it_is_taken_back(ctx: ManagementContext, storage: Open) -> None:
    values = {"enabled": True, "smtp-server": "h", "trust-manager-provider": "trust"}
    storage.after = [disabling(ctx, storage)]
    assert refusal(lambda: ctx.create("mail-server", "two", values))[0] == TAKEN_BACK
    assert [obj.name for obj in ctx.list("mail-server")] == ["one"]


def test_a_name_is_given_back(ctx: ManagementContext, storage: Open) -> None:
    storage.after = [edit(storage, dn_of(ctx, "mail-server", "two"), use_ssl="true", use_start_tls="true")]
    told = refusal(lambda: ctx.rename("mail-server", "one", "two"))
    assert told[0] == TAKEN_BACK
    assert [obj.name for obj in ctx.list("mail-server")] == ["one"]


def test_what_others_have_changed_since_is_not_taken_back(ctx: ManagementContext, storage: Open) -> None:
    storage.after = [edit(storage, dn_of(ctx, "mail-server", "one"), use_ssl="true", smtp_server="theirs")]
    assert refusal(server(ctx, use_start_tls=True, smtp_server="ours", auth_username="joe"))[0] == TAKEN_BACK
    assert dict(ctx.get("mail-server", "one").values) == {
        "enabled": ("true",),
        "use-ssl": ("true",),
        "smtp-server": ("theirs",),
        "use-start-tls": ("false",),
    }


def test_what_cannot_be_taken_back_is_told(ctx: ManagementContext, storage: Open) -> None:
    """A renamed object is broken by somebody, and somebody has taken its old name: there is no way back."""

    def meanwhile() -> None:
        edit(storage, dn_of(ctx, "mail-server", "two"), use_ssl="true", use_start_tls="true")()
        entry = Entry(dn_of(ctx, "mail-server", "one"), {"cn": ["one"], "objectClass": ["top", "ds-cfg-mail-server"]})
        storage._tree.apply([AddEntry(entry)])

    storage.after = [meanwhile]
    told = refusal(lambda: ctx.rename("mail-server", "one", "two"))
    assert told[0] == NOT_WHOLE
    assert told[-1] == ("object-exists", 'the entry "cn=one,cn=Mail Servers,cn=config" already exists')
    assert [obj.name for obj in ctx.list("mail-server")] == ["one", "two"]
    assert len(ctx.history()) == 3  # it happened, so it is told


# -- many at once ------------------------------------------------------------------------------------------------------


def test_of_many_objects_those_that_depend_on_others_are_looked_at(ctx: ManagementContext, storage: Open) -> None:
    def make(trust: str) -> Work:
        def made() -> None:
            with ctx.change() as tx:
                for number in range(5):
                    values = {"enabled": True, "smtp-server": "h", "use-start-tls": bool(trust)}
                    more = {"trust-manager-provider": trust} if trust else {}
                    tx.create("mail-server", f"of many {number}", {**values, **more})

        return made

    storage.after = [disabling(ctx, storage)]
    assert refusal(make("trust"))[0] == TAKEN_BACK
    assert [obj.name for obj in ctx.list("mail-server")] == ["one"]
    storage.after = [provider(other(ctx), enabled=True)]
    make("")()
    assert len(ctx.list("mail-server")) == 6
    assert storage.pauses == []


# -- definitions that change meanwhile ---------------------------------------------------------------------------------


def service(**host: Any) -> dict[str, str]:
    prop = {"synopsis": "Where.", "syntax": "string", "mandatory": True, **host}
    relation = {"parent": "root", "kind": "instantiable", "branch": "cn=Services"}
    data = {"name": "service", "version": 1, "synopsis": "S.", "relation": relation, "properties": {"host": prop}}
    text = json.dumps(data)
    return {TEXT: text, DIGEST: digest_of(text)}


@pytest.fixture
def with_service(storage: Open) -> Open:
    manage_installed(storage).create(HOLDER_KIND, "service", service())
    return storage


def manage_installed(storage: Open) -> ManagementContext:
    registry = load_registry().with_installed(read_installed(storage))
    return ManagementContext(Site.of(registry, storage, evaluate_defaults))


def make_stricter(ctx: ManagementContext) -> None:
    with ctx.change() as tx:
        tx.set(HOLDER_KIND, "service", service(syntax="integer"))


def attempt(work: Work, done: list[bool]) -> Work:
    """Return work that notes whether it was done."""

    def do() -> None:
        try:
            work()
        except ConfobjectsError:
            done.append(False)
        else:
            done.append(True)

    return do


@pytest.mark.parametrize("first", ["object", "definition"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_definition_and_an_object_that_it_breaks_never_both_stay(moment: str, first: str, with_service: Open) -> None:
    one, other = manage_installed(with_service), manage_installed(with_service)
    done: list[bool] = []
    works = [
        attempt(lambda: one.create("service", "a", {"host": "not a number"}), done),
        attempt(lambda: make_stricter(other), done),
    ]
    work, meanwhile = works if first == "object" else works[::-1]
    getattr(with_service, moment).append(meanwhile)
    work()
    assert sorted(done) in ([False, True], [False, False])
    ctx = manage_installed(with_service)
    is_strict = json.loads(read_installed(with_service)[0].text)["properties"]["host"]["syntax"] == "integer"
    assert not (is_strict and ctx.list("service"))
    assert (is_strict or bool(ctx.list("service"))) == (True in done)


def test_a_definition_that_others_have_removed_leaves_no_object(with_service: Open) -> None:
    one, other = manage_installed(with_service), manage_installed(with_service)
    with_service.before.append(lambda: other.delete(HOLDER_KIND, "service"))
    with pytest.raises(ChangedMeanwhileError):
        one.create("service", "a", {"host": "x"})
    assert not [
        entry for entry in with_service.search(with_service.base, "sub") if "ds-cfg-service" in entry.object_classes
    ]


def test_a_harmless_change_of_a_definition_disturbs_nobody(with_service: Open) -> None:
    one, other = manage_installed(with_service), manage_installed(with_service)

    def describe() -> None:
        with other.change() as tx:
            tx.set(HOLDER_KIND, "service", service(description="More about it."))

    with_service.before.append(describe)
    one.create("service", "a", {"host": "x"})
    assert manage_installed(with_service).get("service", "a").values["host"] == ("x",)
