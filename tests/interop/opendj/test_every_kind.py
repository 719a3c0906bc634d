"""Every kind of object of OpenDJ, made, changed and deleted by its own command and by ours: what one does, the other sees.

Three see each object: our command, theirs, and OpenLDAP's client. The kinds come from the family. What cannot be done is in
the tables of ``exceptions.py``, in the server's words; an exception that has gone is a failure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

import confobjects
from confobjects.management import ManagementContext
from tests.cli.sessions import Outcome, run
from tests.interop.opendj import exceptions
from tests.interop.opendj.oracle import (
    Command,
    Kind,
    Oracle,
    choose,
    find_kinds,
    normalise,
    reset_words,
    restore_words,
    set_words,
)
from tests.interop.opendj.theirs import Theirs
from tests.servers.opendj import PASSWORD, ROOT_DN, OpenDj


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenDj]:
    """A server of its own: some kinds leave traces that no command removes."""
    with OpenDj() as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        assert run("family", "add", "opendj", str(running.home)).status == 0
        yield running


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Kind], None]:
    """What begins a history for a kind: one for all would hold a thousand changes."""
    return lambda kind: monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / kind.title))


@pytest.fixture(scope="module")
def commands(server: OpenDj) -> Iterator[Mapping[str, Command]]:
    """Our command and theirs, on the same server."""
    login = ("-D", ROOT_DN, "-j", str(server.password_file), "-P", str(server.authority_file), "-n")
    with Theirs(server) as theirs:
        yield {"ours": lambda *words: run(*words, "--url", server.tls_url, *login), "theirs": theirs}


@pytest.fixture(scope="module")
def ctx(server: OpenDj) -> Iterator[ManagementContext]:
    trust = str(server.authority_file)
    with confobjects.open(server.tls_url, bind_dn=ROOT_DN, bind_password=PASSWORD, trust_store=trust) as opened:
        yield opened


class Play:
    """What one of two commands does to an object of a kind, and what the others see of it."""

    def __init__(self, kind: Kind, oracle: Oracle, server: OpenDj, commands: Mapping[str, Command], maker: str) -> None:
        self.kind, self.oracle, self.server, self.commands, self.maker = kind, oracle, server, commands, maker
        self.act = commands[maker]
        self.names = oracle.words_of(kind, maker)
        self.dn = oracle.dn_of(kind, maker)

    def make(self) -> Outcome:
        words = (*self.oracle.type_words(self.kind), *self.oracle.mandatory_words(self.kind))
        return self.act(f"create-{self.kind.relation.name}", *self.names, *words)

    def set(self, words: Sequence[str], command: Command | None = None) -> Outcome:
        return (command or self.act)(f"set-{self.kind.relation.name}-prop", *self.names, *words)

    def delete(self, command: Command | None = None) -> Outcome:
        """Delete the object; one that the server lets go only while it is enabled is enabled before."""
        words = (f"delete-{self.kind.relation.name}", *self.names)
        done = (command or self.act)(*words)
        reason = exceptions.DELETED_WHILE_ENABLED.get(self.kind.relation.name)
        if done.status == 0 or reason is None:
            return done
        assert reason in squeeze(done.err)
        if self.kind.title in exceptions.NEVER_ENABLED or self.set(("--set", "enabled:true")).status:
            return done
        return self.act(*words)

    def look(self) -> list[str]:
        """Return the lines of the entry and of those below it as a third client reads them, none if it is not there."""
        try:
            text = self.server.ldapsearch("-b", self.dn, "-s", "sub")
        except RuntimeError:
            return []
        return sorted(text.replace(f"{self.maker} {self.kind.type}", "NAME").splitlines())

    def compare(self) -> dict[str, list[str]]:
        """Expect that both commands tell the same of the object, several values in any order; return its values."""
        words = (f"get-{self.kind.relation.name}-prop", *self.names, "--advanced", "-s")
        seen, told = (command(*words) for command in self.commands.values())
        assert (seen.status, told.status) == (0, 0), (seen.err, told.err)
        values = read_rows(told.out)
        secret = {prop.name for prop in self.kind.definition.properties.values() if prop.sensitive}
        shown = {name: ["********"] if name in secret and texts != ["-"] else texts for name, texts in values.items()}
        assert sort_values(read_rows(seen.out)) == sort_values(shown)
        return values


def read_rows(text: str) -> dict[str, list[str]]:
    """Return the values of each property in what a command prints for scripts."""
    return {name: texts for name, *texts in (line.split("\t") for line in text.splitlines())}


def sort_values(rows: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    return {name: sorted(texts) for name, texts in rows.items()}


def squeeze(text: str) -> str:
    """Return a text in one line: their command breaks its lines."""
    return " ".join(text.split())


def agree(ours: Outcome, theirs: Outcome) -> str:
    """Expect that both commands were refused, for the same reason of the server's; return it."""
    assert ours.status, f"only their command was refused: {theirs.err}"
    assert theirs.status, f"only ours was refused: {ours.err}"
    found = re.search(r"the server says: result \d+ \(\w+\), (.*)", ours.err)
    reason = found.group(1) if found else ours.err.splitlines()[0]
    assert simplify(reason) in simplify(theirs.err), (ours.err, theirs.err)
    return reason


def simplify(text: str) -> str:
    """Return a text without line breaks, which their command makes anywhere, and without the name of its maker."""
    return "".join(text.split()).replace("theirs", "").replace("ours", "")


def test_every_kind_is_made_changed_and_deleted_by_either_and_both_see_it(
    subtests: pytest.Subtests,
    server: OpenDj,
    commands: Mapping[str, Command],
    ctx: ManagementContext,
    begin: Callable[[Kind], None],
) -> None:
    oracle = Oracle(ctx)
    for kind in (one for one in choose(find_kinds(ctx.registry)) if one.is_made):
        begin(kind)
        with subtests.test(kind=kind.title):
            one, other = (Play(kind, oracle, server, commands, maker) for maker in commands)
            if kind.title in exceptions.NEVER_MADE:
                assert exceptions.NEVER_MADE[kind.title] in refuse(one, other)
                continue
            (seen, said), gone = follow(one, ctx), one.delete()
            (others_seen, others_said), also_gone = follow(other, ctx), other.delete()
            assert seen == list(leave_out(others_seen, exceptions.WRITTEN_BY_THEIRS.get(kind.title)))
            reasons = {name: agree(outcome, others_said[name]) for name, outcome in said.items()}
            expect(reasons, exceptions.NEVER_SET.get(kind.title, {}))
            stays = gone.status and kind.title in exceptions.SOMETIMES_DELETED
            if stays or kind.title in exceptions.NEVER_DELETED:
                assert exceptions.DELETED_WHILE_ENABLED[kind.relation.name] in agree(gone, also_gone)
            else:
                expect_done(gone)
                expect_done(also_gone)
                assert (one.look(), other.look()) == ([], [])


def test_the_exceptions_are_of_kinds_that_there_are(ctx: ManagementContext) -> None:
    kinds = {kind.title: kind for kind in find_kinds(ctx.registry)}
    made = {title for title, kind in kinds.items() if kind.is_made}
    assert made >= exceptions.NEVER_MADE.keys() | exceptions.NEVER_DELETED
    assert kinds.keys() >= exceptions.NEVER_SET.keys() | exceptions.OTHER_TYPE.keys()


def test_what_is_always_there_is_changed_by_ours_and_put_back_by_theirs(
    subtests: pytest.Subtests,
    server: OpenDj,
    commands: Mapping[str, Command],
    ctx: ManagementContext,
    begin: Callable[[Kind], None],
) -> None:
    oracle = Oracle(ctx)
    kinds = {kind.title: kind for kind in find_kinds(ctx.registry)}
    begin(kinds["replication-domain generic"])
    domain = Play(kinds["replication-domain generic"], oracle, server, commands, "ours")
    expect_done(domain.make())  # below it is one of them
    for kind in (one for one in choose(kinds.values()) if one.relation.kind == "singleton"):
        begin(kind)
        with subtests.test(kind=kind.title):
            play = Play(kind, oracle, server, commands, "ours")
            found = ctx.get(kind.relation.name, oracle.names_of(kind, "ours"))
            assert found.definition.name == exceptions.OTHER_TYPE.get(kind.title, kind.definition.name)
            if kind.title not in exceptions.OTHER_TYPE:
                change_and_put_back(play, found.values)
    expect_done(domain.delete())


def change_and_put_back(play: Play, before: Mapping[str, Sequence[str]]) -> None:
    """Change all properties by our command, put them back by theirs; both see each step."""
    first, values = play.look(), play.compare()
    changes = play.oracle.find_changes(play.kind, before)
    never = {name: changes.pop(name) for name in exceptions.NEVER_SET.get(play.kind.title, {})}
    changes = {name: texts for name, texts in changes.items() if name not in exceptions.LEFT_ALONE}
    said = {
        name: agree(*[play.set(set_words({name: texts}), command) for command in play.commands.values()])
        for name, texts in never.items()
    }
    expect(said, exceptions.NEVER_SET.get(play.kind.title, {}))
    if play.kind.relation.name in exceptions.LEFT_ALONE:
        return
    expect_done(play.set(set_words(changes)))
    play.compare()
    expect_done(play.set(restore_words(changes, before), play.commands["theirs"]))
    now = play.compare()
    properties = play.kind.definition.properties
    assert now.keys() == values.keys()
    for name, texts in values.items():  # "0 seconds" comes back as "0 ms"
        assert now[name] == texts or normalise(properties[name], now[name]) == normalise(properties[name], texts), name
    changed = tuple(f"{properties[name].attribute}:" for name in changes)
    assert [line for line in play.look() if not line.startswith(changed)] == [
        line for line in first if not line.startswith(changed)
    ]


def refuse(one: Play, other: Play) -> str:
    """Expect that an object cannot be made, and that our command leaves nothing behind; return the reason."""
    done = one.make()
    assert not one.look()
    assert "ldap-schema" not in done.err  # a schema of ours is no remedy there
    reason = agree(done, other.make())
    if other.look():  # the server stores what it cannot use, and says that it has failed
        deleted = other.delete(other.commands["ours"])
        expect_done(deleted)
        assert "was deleted, and the server reports an error" in deleted.err
        assert not other.look()
    return reason


def follow(play: Play, ctx: ManagementContext) -> tuple[list[list[str]], dict[str, Outcome]]:
    """Make an object, change all of its properties, and reset them.

    Return the entry after each step, and what was said of properties that cannot be set.
    """
    kind = play.kind
    expect_done(play.make())
    seen = [play.look()]
    before = ctx.get(kind.relation.name, play.oracle.names_of(kind, play.maker)).values
    changes = play.oracle.find_changes(kind, before)
    never = {name: changes.pop(name) for name in exceptions.NEVER_SET.get(kind.title, {})}
    said = {name: play.set(set_words({name: texts})) for name, texts in never.items()}
    expect_done(play.set(set_words(changes)))
    seen.append(play.look())
    shown = play.compare()
    for name, texts in changes.items():
        prop = kind.definition.properties[name]
        assert normalise(prop, shown[name]) == normalise(prop, texts), name
    expect_done(play.set(reset_words(kind, changes)))
    seen.append(play.look())
    return seen, said


def leave_out(entries: Iterable[list[str]], written: str | None) -> Iterator[list[str]]:
    """Yield entries without a line that each of them is expected to have."""
    for lines in entries:
        assert written is None or written in lines
        yield [line for line in lines if line != written]


def expect_done(outcome: Outcome) -> None:
    """Expect that a command has done its work."""
    assert outcome.status == 0, outcome.err


def expect(found: Mapping[str, str], known: Mapping[str, str]) -> None:
    """Expect that what was refused is what is known to be, for the known reasons."""
    assert found.keys() == known.keys()
    for title, reason in known.items():
        assert reason in found[title], (title, found[title])
