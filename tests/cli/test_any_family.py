"""The five verbs over a family of definitions that has nothing to do with mail, each output to the letter."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from confobjects.definitions_loading import load_registry
from tests.cli.sessions import FAMILY, Outcome, definitions_read_once, fresh, run

NOTE = "warning: /queue/guard: Jobs of this queue do not outlive a restart.\n"
MADE = (
    "create-store --store-name one --set enabled:true --set location:/srv/one",
    "create-store --store-name two --set enabled:true --set location:/srv/two --set 'limit:1536 mib'",
    "create-queue --queue-name jobs -t disk --set enabled:true --set store:one",
    "create-queue --queue-name guard -t custom-memory --set enabled:true --set watch:jobs --set 'time-to-live:90 m' "
    "--set priority:-3",
    "create-consumer --queue-name jobs --channel mail",
)


def depot(line: str, *words: str) -> Outcome:
    """Run a command line over the job depot."""
    return run(*shlex.split(line), *words, "--definitions", str(FAMILY))


@pytest.fixture(scope="module", autouse=True)
def _definitions() -> Iterator[None]:
    with definitions_read_once():
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a small depot, to be copied."""
    folder = tmp_path_factory.mktemp("depot")
    with fresh(folder):
        for line in MADE:
            assert depot(line).status == 0
    return folder


@pytest.fixture(autouse=True)
def file(made: Path, tmp_path: Path) -> Iterator[Path]:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    with fresh(tmp_path):
        yield tmp_path / "config.ldif"


def printed(line: str, *words: str) -> list[str]:
    """Return the lines of results of a command that succeeds and has nothing to remark."""
    done = depot(line, *words)
    assert (done.status, done.err) == (0, ""), done
    return done.out.splitlines()


def refused(line: str) -> tuple[int, str]:
    """Return the status of a command that fails, and what it says."""
    done = depot(line)
    assert done.out == ""
    return done.status, done.err


# -- list --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("list-stores", ["Store", "-----", "one", "two"]),
        ("list-stores -s", ["one", "two"]),
        (
            "list-queues",
            [
                "Queue : Type          : enabled : priority : segment",
                "------:---------------:---------:----------:---------",
                'guard : custom-memory : true    : -3       : "64 kib"',
                "jobs  : disk          : true    : 0        : -",
            ],
        ),
        (
            "list-queues --property watch --property segment --property priority",
            [
                "Queue : Type          : watch : segment  : priority",
                "------:---------------:-------:----------:---------",
                'guard : custom-memory : jobs  : "64 kib" : -3',
                "jobs  : disk          : -     : -        : 0",
            ],
        ),
        ("list-queues --property watch --property segment -s", ["guard\tjobs\t64 kib", "jobs\t\t"]),
        (
            "list-stores --property limit --property location -s",
            ["one\tunlimited\t/srv/one", "two\t1536 mib\t/srv/two"],
        ),
        ("list-stores --property LIMIT -s", ["one\tunlimited", "two\t1536 mib"]),
        (
            "list-stores --property limit -z mib",
            ["Store : limit", "------:------------", "one   : unlimited", 'two   : "1,536 mib"'],
        ),
        ("list-stores --property limit -z GB -s", ["one\tunlimited", "two\t1.610612736 gb"]),
        (
            "list-retry-rules --queue-name jobs --channel mail",
            ["Retry Rule : Type", "-----------:--------", "at once    : fixed", "later      : generic"],
        ),
        ("list-retry-rules --queue-name JOBS --channel MAIL -s", ["at once", "later"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_list(line: str, lines: list[str]) -> None:
    assert printed(line) == lines


def test_a_list_for_programs_has_typed_values_and_leaves_out_what_a_type_does_not_have() -> None:
    found = json.loads("\n".join(printed("list-queues --output json --property priority --property segment")))
    priority = {"values": [-3], "origin": "stored"}
    assert found == {
        "object": "queue",
        "items": [
            {
                "name": "guard",
                "type": "custom-memory",
                "properties": {"priority": priority, "segment": {"values": [65536], "origin": "default"}},
            },
            {"name": "jobs", "type": "disk", "properties": {"priority": {"values": [0], "origin": "default"}}},
        ],
    }


def test_an_empty_list_is_a_remark_and_no_result() -> None:
    assert depot("list-depot-codecs") == (0, "", "There are no Depot Codecs.\n")
    assert depot("list-depot-codecs -Q") == (0, "", "")
    assert depot("list-depot-codecs -s") == (0, "", "")
    assert json.loads(depot("list-depot-codecs --output json").out) == {"object": "depot-codec", "items": []}


# -- get ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        (
            "get-queue-prop --queue-name guard",
            [
                "Property     : Value(s)",
                "-------------:-----------",
                "batch-size   : 50",
                "enabled      : true",
                "priority     : -3",
                'segment      : "64 kib"',
                "spill-store  : -",
                "store        : -",
                'time-to-live : "1 h 30 m"',
                "watch        : jobs",
            ],
        ),
        (
            "get-queue-prop --queue-name guard --origin -s",
            [
                "batch-size\t50\tinherited from /depot-settings",
                "enabled\ttrue\tstored",
                "priority\t-3\tstored",
                "segment\t64 kib\tdefault",
                "spill-store\tnone",
                "store\tnone",
                "time-to-live\t90 m\tstored",
                "watch\tjobs\tstored",
            ],
        ),
        (
            "get-consumer-prop --queue-name jobs --channel mail --origin",
            [
                "Property   : Value(s) : Origin",
                "-----------:----------:-------------------------------",
                "batch-size : 50       : inherited from /depot-settings",
                "channel    : mail     : stored",
                "prefetch   : 50       : inherited from /depot-settings",
            ],
        ),
        (
            "get-queue-prop --queue-name GUARD --property watch --property priority --property WATCH",
            ["Property : Value(s)", "---------:---------", "watch    : jobs", "priority : -3"],
        ),
        ("get-queue-prop --queue-name guard --property time-to-live -m s -s", ["time-to-live\t5400 s"]),
        (
            "get-queue-prop --queue-name guard --property time-to-live -m h",
            ["Property     : Value(s)", "-------------:---------", 'time-to-live : "1.5 h"'],
        ),
        (
            "get-journal-prop --queue-name jobs",
            ["Property : Value(s)", "---------:---------", 'keep     : "1 w"', "rotation : -"],
        ),
        (
            "get-queue-prop --queue-name guard --property watch -v",
            ["Property : Value(s)", "---------:---------", "watch    : jobs"],
        ),
        (
            "get-queue-prop --queue-name jobs --property watch -v",
            [
                "Property : Value(s)",
                "---------:---------------------------",
                "watch    : No other queue is watched.",
            ],
        ),
        ("get-queue-prop --queue-name jobs --property watch -s", ["watch"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_properties_of_an_object(line: str, lines: list[str]) -> None:
    assert printed(line) == lines


def test_several_values_stand_in_one_line_or_in_one_each() -> None:
    assert depot("set-queue-prop --queue-name guard --add watch:guard").status == 0
    get = "get-queue-prop --queue-name guard --property watch"
    assert printed(get)[2:] == ["watch    : jobs, guard"]
    assert printed(f"{get} -E")[2:] == ["watch    : jobs", "watch    : guard"]
    assert printed(f"{get} -s") == ["watch\tjobs\tguard"]
    assert printed(f"{get} --record -s") == ["watch\tjobs", "watch\tguard"]
    assert printed(f"{get} --record --origin -s") == ["watch\tjobs\tstored", "watch\tguard\tstored"]


def test_expressions_are_shown_as_they_are_and_what_they_come_to_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["--set", "priority:&{jobs.rank|4}", "--set", "watch:&{watched|jobs}"]
    assert depot("set-queue-prop --queue-name guard", *words).status == 0
    get = "get-queue-prop --queue-name guard --property priority --property watch --origin -s"
    assert printed(get) == ["priority\t&{jobs.rank|4}\tstored", "watch\t&{watched|jobs}\tstored"]
    assert printed(f"{get} --effective") == [
        "priority\t4\tdefault in the expression",
        "watch\tjobs\tdefault in the expression",
    ]
    monkeypatch.setenv("JOBS_RANK", "7")
    assert printed(f"{get} --effective", "--define", "watched=guard, jobs") == [
        "priority\t7\tenvironment variable JOBS_RANK",
        "watch\tguard\tjobs\t--define watched",
    ]


# -- what cannot be shown ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        (
            "list-stores --property limit -z parsec",
            2,
            '--unit-size: there is no unit "parsec"\n  remedy: one of: tib, tb, gib, gb, mib, mb, kib, kb, b\n',
        ),
        (
            "get-queue-prop --queue-name guard -m fortnight",
            2,
            '--unit-time: there is no unit "fortnight"\n  remedy: one of: ',
        ),
        (
            "list-stores --property nope",
            2,
            'there is no property of Store "nope"\n  remedy: known: enabled, limit, location, standby\n',
        ),
        (
            "get-queue-prop --queue-name guard --property segmnt",
            2,
            'there is no property of Memory Queue "segmnt"\n  remedy: did you mean "segment"?\n',
        ),
        (
            "get-queue-prop --queue-name jops",
            12,
            '/queue/jops: there is no Queue "jops"\n  remedy: did you mean "jobs"?\n',
        ),
        (
            "list-consumers --queue-name nope",
            12,
            '/queue/nope: there is no Queue "nope"\n  remedy: list-queues shows those there are\n',
        ),
        (
            "get-retry-rule-prop --queue-name jobs --channel post --rule-name later",
            12,
            '/queue/jobs/consumer/post: there is no Consumer "post"\n',
        ),
        (
            "list-retry-rules --queue-name jobs",
            2,
            "the option --channel is missing\n  remedy: --channel NAME, one of: mail\n",
        ),
        ("get-journal-prop --queue-name guard", 12, "/queue/guard/journal: there is no Journal\n"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value and "\n" not in value else "",
)
def test_what_there_is_not(line: str, status: int, said: str) -> None:
    found, err = refused(line)
    assert found == status
    assert err.startswith(f"error: {said}")


# -- create ------------------------------------------------------------------------------------------------------------


def test_whoever_asks_is_told_that_it_was_created() -> None:
    create = "create-store --store-name three --set enabled:true --set location:/3"
    assert depot(create, "-v") == (0, 'The Store "three" was created.\n', "")
    assert depot("create-depot-codec --codec-type gzip -v") == (0, 'The Depot Codec "gzip" was created.\n', "")


@pytest.mark.parametrize("verb", ["create-store --store-name one --set enabled:false --set location:/x"])
def test_an_object_that_is_there_is_refused_or_left_as_it_is(verb: str, file: Path) -> None:
    before = file.read_bytes()
    assert refused(verb) == (
        13,
        'error: /store/one: there is a Store "one" already\n  remedy: change it with set-store-prop, or choose another name\n',
    )
    assert depot(verb, "--if-absent", "-v") == (0, "Nothing changed.\n", "")
    assert depot(verb, "--if-absent") == (0, "", "")
    assert file.read_bytes() == before


def test_the_objects_that_come_with_another_are_in_the_plan() -> None:
    line = "create-consumer --queue-name jobs --channel print --dry-run"
    assert printed(line) == [
        "would create /queue/jobs/consumer/print",
        "  channel: - -> print",
        "would create /queue/jobs/consumer/print/retry-rule/at once",
        "  pause: - -> 0 s",
        "would create /queue/jobs/consumer/print/retry-rule/later",
    ]
    assert "print" not in printed("list-consumers --queue-name jobs -s")


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        (
            "create-queue --queue-name x --set enabled:true",
            2,
            "the option --type is missing\n  remedy: --type TYPE, one of: ",
        ),
        (
            "create-queue --queue-name x -t dsk --set enabled:true",
            2,
            'there is no type "dsk" of Queue\n  remedy: did you mean "disk"?\n',
        ),
        (
            "create-store --store-name three",
            11,
            "/store/three, enabled: the mandatory property enabled has no value\n",
        ),
        (
            "create-store --store-name ' ' --set enabled:true --set location:/x",
            2,
            "",
        ),
        (
            "create-consumer --queue-name jobs --channel 'two words'",
            10,
            "/queue/jobs, channel: ",
        ),
        (
            "create-queue --queue-name q -t disk --set enabled:true --set store:three",
            11,
            '/queue/q, store: store names the Store "three", which does not exist\n',
        ),
        (
            "create-store --store-name x --set enabled:yes --set limit:huge --set location:/x",
            10,
            '/store/x, enabled: "yes" is neither true nor false\n',
        ),
        (
            "create-consumer --queue-name jobs --channel print --set channel:other",
            2,
            "/queue/jobs/consumer/print, channel: channel is the name of the Consumer",
        ),
        ("create-depot-codec --codec-type nope", 2, 'there is no type "nope" of Depot Codec\n'),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value and "\n" not in value else "",
)
def test_what_cannot_be_created(line: str, status: int, said: str, file: Path) -> None:
    before = file.read_bytes()
    found, err = refused(line)
    assert (found, err[: len("error: " + said)]) == (status, f"error: {said}")
    assert file.read_bytes() == before


# -- set ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "out", "err"),
    [
        (
            "set-queue-prop --queue-name guard --add watch:guard --dry-run",
            "would modify /queue/guard\n  watch: jobs -> jobs, guard\n",
            NOTE,
        ),
        (
            "set-queue-prop --queue-name guard --add watch:guard --remove watch:JOBS --dry-run",
            "would modify /queue/guard\n  watch: jobs -> guard\n",
            NOTE,
        ),
        (
            "set-queue-prop --queue-name jobs --set rank:4 --dry-run",
            "would modify /queue/jobs\n  priority: - -> 4\n",
            "",
        ),
        (
            "set-queue-prop --queue-name jobs --set spill-store:two",
            "",
            "/queue/jobs, spill-store: Move the spilt jobs by hand.\n",
        ),
        (
            "set-queue-prop --queue-name jobs --set spill-store:two --dry-run -v",
            "would modify /queue/jobs\n  spill-store: - -> two\n",
            "/queue/jobs, spill-store: Move the spilt jobs by hand.\n",
        ),
        (
            "set-depot-settings-prop --set site-name:north -v",
            "The Depot Settings was changed.\n",
            "/depot-settings, site-name: The server must be restarted for changes to take effect.\n",
        ),
        ("set-store-prop --store-name one --set Limit:2KiB -v", 'The Store "one" was changed.\n', ""),
        ("set-store-prop --store-name one --set location:/srv/one -v", "Nothing changed.\n", ""),
        (
            "set-queue-prop --queue-name jobs --set priority:&{rank} -Q",
            "",
            "",
        ),
        (
            "set-queue-prop --queue-name jobs --set priority:&{rank}",
            "",
            "to be checked at startup: /queue/jobs: priority = &{rank}\n",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("set") else "",
)
def test_what_a_change_says(line: str, out: str, err: str) -> None:
    assert depot(line) == (0, out, err)


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        (
            "set-queue-prop --queue-name guard --set priority:10 --set time-to-live:unlimited",
            11,
            "/queue/guard: an urgent queue does not keep jobs for ever\n  priority is 10; time-to-live is unlimited\n",
        ),
        (
            "set-queue-prop --queue-name guard --set priority:11 --set segment:x --set wach:jobs",
            10,
            '/queue/guard, wach: Memory Queue has no property "wach"\n  remedy: did you mean "watch"?\n',
        ),
        (
            "set-queue-prop --queue-name jobs --reset store",
            11,
            "/queue/jobs, store: the mandatory property store has no default to reset to\n"
            "  remedy: set another value: --set store:…\n",
        ),
        (
            "set-store-prop --store-name one --set enabled:false",
            11,
            '/store/one: the Store "one" cannot be disabled: /queue/jobs needs it (store)\n',
        ),
        (
            "set-store-prop --store-name one --set limit:1kib --add limit:2kib",
            2,
            "/store/one, limit: add cannot be combined with set or reset of the same property\n",
        ),
        (
            "set-store-prop --store-name one --remove limit:unlimited",
            10,
            "/store/one, limit: the values of limit are its default: they cannot all be removed\n",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("set") else "",
)
def test_what_cannot_be_changed(line: str, status: int, said: str, file: Path) -> None:
    before = file.read_bytes()
    found, err = refused(line)
    assert (found, said in err) == (status, True), err
    assert file.read_bytes() == before


def test_of_a_refused_change_every_mistake_is_told_at_once() -> None:
    _, err = refused("set-queue-prop --queue-name guard --set priority:11 --set segment:x --set wach:jobs --reset nope")
    told = [line.split(":")[1].strip() for line in err.splitlines() if line.startswith("error: /")]
    assert sorted(told) == [
        "/queue/guard, nope",
        "/queue/guard, priority",
        "/queue/guard, segment",
        "/queue/guard, wach",
    ]


def test_a_change_for_programs_says_what_was_and_what_is() -> None:
    done = depot("set-queue-prop --queue-name jobs --set spill-store:two --set priority:&{rank} --output json")
    assert (done.status, done.err) == (0, "")
    assert json.loads(done.out) == {
        "changed": True,
        "dry_run": False,
        "changes": [
            {
                "path": "/queue/jobs",
                "action": "modify",
                "properties": {
                    "priority": {"before": [], "after": ["&{rank}"]},
                    "spill-store": {"before": [], "after": ["two"]},
                },
            }
        ],
        "admin_actions": [
            {
                "path": "/queue/jobs",
                "property": "spill-store",
                "action": "other",
                "synopsis": "Move the spilt jobs by hand.",
            }
        ],
        "deferred": [
            {"path": "/queue/jobs", "property": "priority", "text": "&{rank}", "why": "value"},
        ],
        "warnings": [],
    }


# -- delete and rename -------------------------------------------------------------------------------------------------


def test_a_deletion_is_said_to_people_also_where_nothing_else_is() -> None:
    status, out, err = depot("delete-consumer --queue-name jobs --channel mail")
    said, undo = out.splitlines()
    assert (status, said, err) == (0, 'The Consumer "mail" was deleted.', "")
    assert undo.startswith("It comes back with: confobjects undo ")
    assert depot("delete-queue --queue-name guard -s") == (0, "", "")
    assert depot("delete-queue --queue-name jobs -Q") == (0, "", "")
    assert printed("list-stores -s") == ["one", "two"]


def test_a_deletion_that_is_tried_only_says_what_would_go() -> None:
    assert printed("delete-consumer --queue-name jobs --channel mail --dry-run") == [
        "would delete /queue/jobs/consumer/mail/retry-rule/at once",
        "  pause: 0 s -> -",
        "would delete /queue/jobs/consumer/mail/retry-rule/later",
        "would delete /queue/jobs/consumer/mail",
        "  channel: mail -> -",
    ]
    assert printed("list-consumers --queue-name jobs -s") == ["mail"]


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        (
            "delete-store --store-name one",
            14,
            '/store/one: the Store "one" cannot be deleted: /queue/jobs uses it (store)\n'
            "  remedy: change store of /queue/jobs first, or delete /queue/jobs\n",
        ),
        (
            "delete-store --store-name nope",
            12,
            '/store/nope: there is no Store "nope"\n  remedy: list-stores shows those there are\n',
        ),
        (
            "rename queue --queue-name jobs --to GUARD",
            13,
            '/queue/guard: there is a Queue "guard" already\n',
        ),
        ("rename depot-settings --to x", 2, "/depot-settings: depot-settings has no name to change\n"),
        ("rename journal --queue-name jobs --to x", 2, "/queue/jobs/journal: journal has no name to change\n"),
        ("rename queue --to x", 2, "the option --queue-name is missing\n"),
        ("rename queue --queue-name jobs", 2, "the option --to is missing\n"),
        ("rename consumer --queue-name jobs --channel mail --to 'two words'", 10, "/queue/jobs, channel: "),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value and "\n" not in value else "",
)
def test_what_cannot_be_deleted_or_renamed(line: str, status: int, said: str, file: Path) -> None:
    before = file.read_bytes()
    found, err = refused(line)
    assert (found, err[: len("error: " + said)]) == (status, f"error: {said}")
    assert file.read_bytes() == before


def test_an_absent_object_is_no_mistake_where_that_is_said() -> None:
    assert depot("delete-store --store-name nope -f -v") == (0, "Nothing changed.\n", "")


def test_references_follow_a_rename() -> None:
    assert depot("rename queue --queue-name jobs --to work --dry-run") == (
        0,
        "would rename /queue/jobs to /queue/work\nwould modify /queue/guard\n  watch: jobs -> work\n",
        NOTE,
    )
    assert depot("rename queue --queue-name jobs --to work -v") == (0, 'The Queue "jobs" is now "work".\n', NOTE)
    assert printed("get-queue-prop --queue-name guard --property watch -s") == ["watch\twork"]
    assert printed("list-consumers --queue-name work -s") == ["mail"]


def test_a_name_may_change_its_letters_alone() -> None:
    assert depot("rename store --store-name one --to ONE -v") == (0, 'The Store "one" is now "ONE".\n', "")
    assert printed("list-stores -s") == ["ONE", "two"]


def test_a_set_is_named_by_its_types() -> None:
    assert depot("create-depot-codec --codec-type gzip").status == 0
    assert refused("create-depot-codec --codec-type gzip")[0] == 13
    assert printed("list-depot-codecs -s") == ["gzip"]
    assert printed("get-depot-codec-prop --codec-type GZIP --property level -s") == ["level\t6"]
    status, err = refused("rename depot-codec --codec-type gzip --to plain")
    assert (status, err) == (2, "error: /depot-codec/gzip: depot-codec is named by its type\n")
    assert 'The Depot Codec "gzip" was deleted.\n' in depot("delete-depot-codec --codec-type gzip").out


# -- a singleton with types ------------------------------------------------------------------------------------------


def test_a_singleton_gets_its_type_when_it_is_set() -> None:
    missing = depot("get-watchman-prop")
    assert (missing.status, "--type with one of: lenient, strict" in missing.err) == (12, True)
    assert "--type with one of: lenient, strict" in depot("set-watchman-prop --set enabled:true").err
    assert depot("set-watchman-prop --type strict --set enabled:true --set known-job:print").status == 0
    assert json.loads(depot("get-watchman-prop", "--output", "json").out)["type"] == "strict"
    assert depot("set-watchman-prop -t lenient --set 'note-key:&{key}'").status == 0
    assert printed("get-watchman-prop -s") == ["contact", "enabled\ttrue", "note-key\t&{key}", "patience\t5 s"]


def test_a_type_takes_only_what_its_narrower_syntax_allows() -> None:
    assert depot("set-watchman-prop --type strict --set enabled:true --set contact:somebody").status == 0
    refusal = '/watchman, contact: "somebody" has no "@"'
    for line in ("set-watchman-prop -t lenient", "set-watchman-prop -t lenient --set contact:somebody"):
        done = depot(line)
        assert (done.status, refusal in done.err) == (10, True), done
    assert depot("set-watchman-prop -t lenient --set contact:ann@example.com").status == 0
    assert (
        printed("describe lenient-watchman contact")[4]
        == "Allowed values:        A mail address such as ann@example.com."
    )


def test_a_read_only_property_with_a_default_is_shown_and_never_set(file: Path) -> None:
    assert depot("set-watchman-prop --type strict --set enabled:true").status == 0
    assert depot("create-lookout --post-name gate").status == 0
    lamp = "--post-name gate --lantern-name mx.example.com:25"
    said = "fuel is read-only and has a default: it is never set\n  its value: oil\n"
    for line in (
        f"set-lantern-prop {lamp} --set fuel:gas",
        "create-lantern --post-name gate --lantern-name h:1 --set fuel:oil",
    ):
        assert (depot(line).status, said in depot(line).err) == (2, True)
    assert "fuel\toil" in printed(f"get-lantern-prop -s {lamp}")
    assert printed("describe lantern fuel")[-2:] == [
        "Read-only:             Yes, it always has its default.",
        "Examples:              oil",
    ]
    words = ("completion", "bash", "--definitions", str(FAMILY), "--at", "3", "--", "confobjects", "set-lantern-prop")
    assert run(*words, "--set").out.split() == ["address:", "colour:", "wick:"]
    assert run(*words, "--reset").out.split() == ["address", "colour", "wick"]
    assert run(*words, "--property").out.split() == ["address", "colour", "fuel", "reach", "wick"]
    ldif = file.read_text("utf-8").replace("ds-cfg-colour: white\n", "ds-cfg-colour: red\nds-cfg-fuel: gas\n")
    (file.parent / "there.ldif").write_text(ldif, "utf-8")
    done = depot(f"apply {file.parent / 'there.ldif'}")
    assert (done.status, "fuel is read-only and has a default: it is never set" in done.err) == (2, True), done
    assert "ds-cfg-fuel: gas\n               ^" in done.err
    file.write_text(ldif, "utf-8")
    assert (
        "the attribute ds-cfg-fuel is not used, because fuel always has its default: it is kept" in depot("check").err
    )
    assert "fuel\toil" in printed(f"get-lantern-prop -s {lamp}")


def test_apply_and_export_agree_about_it(file: Path) -> None:
    made = depot("set-watchman-prop --type strict --set enabled:true --set serial:6 --set known-job:print")
    assert made.status == 0
    for form, ending in (("json", "json"), ("ldif", "ldif"), ("commands", "dsconfig")):
        text = depot("export --format", form).out
        (file.parent / f"there.{ending}").write_text(text, "utf-8")
    whole = depot("export").out
    for ending, command in (("json", "apply"), ("ldif", "apply"), ("dsconfig", "-F")):
        assert depot("set-watchman-prop --type lenient --set enabled:false").status == 0
        if ending == "dsconfig":
            file.unlink()
        done = run(command, str(file.parent / f"there.{ending}"), "--definitions", str(FAMILY))
        assert done.status == 0, done
        assert depot("export").out == whole


# -- every type is described -----------------------------------------------------------------------------------------


def test_describe_knows_every_type_that_list_properties_knows() -> None:
    rows = json.loads(depot("list-properties --advanced --output json").out)["properties"]
    known = (
        {row["type"] for row in rows} | {row["component"] for row in rows} | set(load_registry([str(FAMILY)]).names())
    )
    for name in sorted(known):
        shown = depot(f"describe {name}")
        assert (shown.status, shown.err) == (0, ""), name
        assert depot(f"list-properties --type {name}").status == 0 or name not in {row["type"] for row in rows}


def test_a_type_is_described_with_what_it_inherits() -> None:
    text = printed("describe disk-queue")
    assert text[0] == "Disk Queue"
    assert "A type of Queue (--type disk)." in text
    assert {"Properties of Disk Queue:"} <= set(text)
    assert any(line.startswith("  priority ") for line in text)
    assert any(line.startswith("  sync-interval ") for line in text)
    assert list(json.loads(depot("describe disk --output json").out)["types"]) == ["disk", "mirrored-disk"]
    assert printed("describe disk-queue checksum")[0] == "checksum"
    refused = depot("describe generic --output json")
    assert 'several objects have a type \\"generic\\"' in refused.out + refused.err


# -- the name of a relation ------------------------------------------------------------------------------------------


def test_headings_name_the_relation_and_not_the_type_of_its_objects() -> None:
    assert depot("set-watchman-prop --type strict --set enabled:true").status == 0
    assert "There are no Look-Outs." in depot("list-lookouts").err
    assert depot("create-lookout --post-name gate").status == 0
    assert printed("list-lookouts")[0].split(" :")[0].strip() == "Look-Out"
    assert printed("describe lookout")[0] == "Look-Out"
    assert "Properties of Look-Out:" in printed("describe lookout")
    assert "Look-Outs:" in depot("--help-all").out.splitlines()
    assert "List the Look-Outs." in depot("list-lookouts --help").out
    assert not [text for text in (depot("list-lookouts --help").out, depot("--help-all").out) if "Watch Post" in text]


def test_without_a_name_for_people_it_is_that_of_the_relation() -> None:
    assert "Depot Codecs:" in depot("--help-all").out.splitlines()


# -- advanced types --------------------------------------------------------------------------------------------------


def test_an_advanced_type_is_in_lists_only_if_it_is_asked_for() -> None:
    made = "create-queue --queue-name twice -t mirrored-disk --set enabled:true --set store:one --set mirror:/2"
    assert depot(made).status == 0
    for form in ("table", "json", "tsv"):
        usual, all_ = depot("list-queues --output", form), depot("list-queues --advanced --output", form)
        assert ("twice" in usual.out, "twice" in all_.out) == (False, True)
        assert "jobs" in usual.out
        assert (usual.err, all_.err) == ("1 Queue of an advanced type is not shown; use --advanced.\n", "")
    for line in ("create-queue --help", "describe queue"):
        assert ("mirrored" in depot(line).out.lower(), "mirrored" in depot(f"{line} --advanced").out.lower()) == (
            False,
            True,
        )
    assert depot("get-queue-prop --queue-name twice").status == 0
    for name in ("guard", "jobs"):
        assert depot(f"delete-queue --queue-name {name} --force").status == 0
    assert [] in json.loads(depot("list-queues --output json").out).values()
    assert depot("list-queues").out == ""
