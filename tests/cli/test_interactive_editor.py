"""The menus without a terminal: the property editor's states, what answers mean, what pages show."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.cli.interactive.choosing import (
    KEYS,
    LONG,
    Choice,
    Menu,
    Search,
    keys_of,
    match_places,
    number_choices,
)
from confobjects.cli.interactive.draft import ADD, CHANGE, KEEP, REMOVE, RESET, REVERT, Draft
from confobjects.cli.interactive.pages import (
    editor_page,
    format_values,
    main_menu,
    property_page,
    satisfying_values,
    state_of,
)
from confobjects.definitions.conditions import build_condition
from confobjects.definitions_loading import load_registry
from confobjects.diagnostics import Collector
from confobjects.objects.changes import Changer, PropertyChanges
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.objects.model import ManagedObject, Texts
from confobjects.objects.reading import PropertyReader
from confobjects.paths import ManagedObjectPath
from confobjects.reference.examples import example_values
from confobjects.syntaxes import ValueSyntaxError
from tests.cli.sessions import FAMILY

BOTH = load_registry([str(FAMILY)])
CANARY = "Kanarienvogel-7!x"


class Nothing:
    """A world without other objects."""

    def find(self, path: ManagedObjectPath) -> None:
        return None

    def members(self, relation: object, parent: ManagedObjectPath) -> list[ManagedObject]:
        return []


READER = PropertyReader(BOTH, Nothing(), evaluate_defaults)


def stored(kind: str, values: dict[str, Texts]) -> ManagedObject:
    definition = BOTH.definition(kind)
    path = ManagedObjectPath([(BOTH.relation_of(definition.top).name, "one")])
    return ManagedObject(path, definition, values)


def draft(kind: str, values: dict[str, Texts] | None = None, *, creating: bool = False) -> Draft:
    obj = stored(kind, values or {})
    defaults = {name: READER.read_default(obj, prop)[0] for name, prop in obj.definition.properties.items()}
    return Draft(obj.definition, obj.values, obj.values, defaults, creating)


def names(properties: list[Any]) -> list[str]:
    return [prop.name for prop in properties]


# -- looking -----------------------------------------------------------------------------------------------------------


def test_mandatory_properties_come_first_and_advanced_ones_when_asked_for() -> None:
    new = draft("mail-server", creating=True)
    assert names(new.properties(advanced=False))[:3] == ["enabled", "smtp-server", "auth-password"]
    assert "smtp-property" not in names(new.properties(advanced=False))
    assert "smtp-property" in names(new.properties(advanced=True))
    assert names(new.missing_properties()) == ["enabled", "smtp-server"]


def test_an_advanced_property_that_is_changed_is_shown() -> None:
    changed = draft("mail-server").add_value("smtp-property", "mail.smtp.timeout=5")
    assert "smtp-property" in names(changed.properties(advanced=False))


def test_what_has_a_default_is_not_missing() -> None:
    assert "listen-port" not in names(draft("gateway", creating=True).missing_properties())


def test_a_default_that_startup_chooses_is_there_and_is_shown_so() -> None:
    new = draft("courier", creating=True).replace(defaults={}, undecided=frozenset({"gate", "lamps"}))
    assert new.missing_properties() == []
    assert state_of(new, "lamps") == "(default, decided at startup)"
    lit = new.with_values("lamps", ["rear"])
    assert state_of(lit, "lamps") == "rear"
    assert lit.actions("lamps") == [KEEP, ADD, CHANGE, REMOVE, RESET, REVERT]
    labels = [choice.label for choice in property_page("x", lit, "lamps").entries]
    assert "Reset it to the default, which is decided at startup" in labels


def test_a_secret_may_be_given_again_with_the_text_it_has() -> None:
    before = draft("messenger", {"destination": ("far:1",), "watchword": (CANARY,)})
    moved = before.with_values("destination", ["near:1"])
    assert moved.changes().set == {"destination": ("near:1",)}
    given_again = moved.with_values("watchword", [CANARY])
    assert given_again.changes().set == {"destination": ("near:1",), "watchword": (CANARY,)}
    assert given_again.revert("watchword").changes() == moved.changes()
    assert given_again.reset("watchword").changes().reset == ("watchword",)


def test_the_property_that_names_an_object_and_hidden_ones_are_not_edited() -> None:
    for definition in BOTH:
        relation = BOTH.relation_of(definition.top)
        shown = Draft(definition, {}, {}, naming=relation.naming_property).properties(advanced=True)
        assert all(not prop.hidden and prop.name != relation.naming_property for prop in shown)


# -- what can be done --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "values", "name", "actions"),
    [
        ("mail-server", {}, "auth-username", [KEEP, CHANGE]),
        ("mail-server", {"auth-username": ("a",)}, "auth-username", [KEEP, CHANGE, RESET]),
        ("mail-server", {"enabled": ("true",)}, "enabled", [KEEP, CHANGE]),  # mandatory, without a default
        ("mail-server", {}, "use-ssl", [KEEP, CHANGE]),
        ("mail-server", {"use-ssl": ("true",)}, "use-ssl", [KEEP, CHANGE, RESET]),
        ("mail-server", {}, "smtp-property", [KEEP, ADD]),
        ("mail-server", {"smtp-property": ("a=b",)}, "smtp-property", [KEEP, ADD, CHANGE, REMOVE, RESET]),
        ("disk-queue", {}, "checksum", [KEEP, ADD, CHANGE, REMOVE]),  # two values by default, of three
        ("disk-queue", {"checksum": ("none", "crc32", "sha-256")}, "checksum", [KEEP, CHANGE, REMOVE, RESET]),
        ("disk-queue", {"serial": ("7",)}, "serial", [KEEP]),  # read-only
        ("lantern", {}, "fuel", [KEEP]),
    ],
)
def test_only_what_is_possible_is_offered(kind: str, values: dict[str, Texts], name: str, actions: list[str]) -> None:
    assert draft(kind, values).actions(name) == actions


def test_a_change_can_be_reverted() -> None:
    before = draft("mail-server", {"auth-username": ("a",)})
    after = before.with_values("auth-username", ["b"])
    assert after.actions("auth-username") == [KEEP, CHANGE, RESET, REVERT]
    assert after.revert("auth-username").values == before.values
    assert before.reset("auth-username").actions("auth-username") == [KEEP, CHANGE, REVERT]


def test_a_read_only_property_can_be_set_when_the_object_is_made() -> None:
    assert draft("disk-queue", creating=True).actions("serial") == [KEEP, CHANGE]
    assert draft("disk-queue").replace(unwritten=True).actions("serial") == [KEEP, CHANGE]
    assert draft("lantern", creating=True).actions("fuel") == [KEEP]  # it always has its default
    assert "It is read-only: it always has its default." in property_page("l", draft("lantern"), "fuel").question


# -- editing -----------------------------------------------------------------------------------------------------------


def test_a_draft_does_not_change() -> None:
    before = draft("mail-server", {"auth-username": ("a",)})
    before.with_values("auth-username", ["b"])
    before.reset("auth-username")
    assert before.values == {"auth-username": ("a",)}
    assert not before.dirty


def test_values_are_canonical_and_wrong_ones_are_refused() -> None:
    new = draft("mail-server", creating=True)
    assert new.with_values("enabled", ["TRUE"]).current_texts("enabled") == ("true",)
    with pytest.raises(ValueSyntaxError, match="is not a port"):
        new.with_values("smtp-server", ["host:x"])
    with pytest.raises(ValueSyntaxError, match="may not be empty"):
        new.with_values("auth-username", [""])


def test_an_expression_is_taken_as_it_is() -> None:
    new = draft("mail-server", creating=True).with_values("enabled", ["&{enabled|true}"])
    assert new.current_texts("enabled") == ("&{enabled|true}",)


def test_a_value_that_is_there_is_refused_in_every_spelling() -> None:
    queue = draft("disk-queue", {"checksum": ("crc32",)})
    with pytest.raises(ValueSyntaxError, match='"crc32" is there already'):
        queue.add_value("checksum", "CRC32")
    with pytest.raises(ValueSyntaxError) as refused:
        draft("gateway", {"signing-key": (CANARY,)}).add_value("signing-key", CANARY)
    assert CANARY not in str(refused.value)


def test_adding_and_removing_start_from_the_default() -> None:
    queue = draft("disk-queue")
    assert queue.current_texts("checksum") == ("crc32", "sha-256")
    assert queue.add_value("checksum", "none").changes().set == {"checksum": ("crc32", "sha-256", "none")}
    assert queue.remove_values("checksum", ["crc32"]).changes().set == {"checksum": ("sha-256",)}


def test_without_its_last_value_a_property_is_reset() -> None:
    server = draft("mail-server", {"smtp-property": ("a=b",)}).remove_values("smtp-property", ["a=b"])
    assert server.changes() == PropertyChanges(reset=("smtp-property",))


# -- what comes of it --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "changes"),
    [
        (("a=1", "b=2", "c=3"), PropertyChanges(add={"smtp-property": ("c=3",)})),
        (("b=2",), PropertyChanges(remove={"smtp-property": ("a=1",)})),
        (
            ("b=2", "c=3"),
            PropertyChanges(add={"smtp-property": ("c=3",)}, remove={"smtp-property": ("a=1",)}),
        ),
        (("c=3",), PropertyChanges(set={"smtp-property": ("c=3",)})),
        (("b=2", "a=1"), PropertyChanges(set={"smtp-property": ("b=2", "a=1")})),
        (("a=1", "b=2"), PropertyChanges()),
    ],
)
def test_as_little_as_possible_is_asked_for(after: Texts, changes: PropertyChanges) -> None:
    before = draft("mail-server", {"smtp-property": ("a=1", "b=2")})
    assert before.with_values("smtp-property", after).changes() == changes


def test_the_values_of_a_secret_are_set_and_never_removed_by_name() -> None:
    gateway = draft("gateway", {"signing-key": ("a", "b")}).remove_values("signing-key", ["a"])
    assert gateway.changes() == PropertyChanges(set={"signing-key": ("b",)})


KINDS = ["mail-server", "disk-queue", "gateway", "depot-settings"]


@st.composite
def edits(draw: st.DrawFn) -> tuple[ManagedObject, Draft]:
    """An object, and the draft after some edits of it."""
    kind = draw(st.sampled_from(KINDS))
    definition = BOTH.definition(kind)
    usable = [
        prop
        for prop in definition.properties.values()
        if example_values(prop, BOTH) and not prop.read_only and not prop.hidden and not prop.deprecated
    ]
    some = st.sampled_from(usable)
    texts = {p.name: [p.syntax.format(t) if not p.sensitive else t for t in example_values(p, BOTH)] for p in usable}
    values: dict[str, Texts] = {}
    for prop in draw(st.lists(some, max_size=4, unique_by=lambda p: p.name)):
        most = len(texts[prop.name]) if prop.multi_valued else 1
        values[prop.name] = tuple(draw(st.permutations(texts[prop.name]))[: draw(st.integers(1, most))])
    edited = draft(kind, values)
    for prop in draw(st.lists(some, max_size=8)):
        actions = [action for action in edited.actions(prop.name) if action != KEEP]
        edited = _edited(edited, prop.name, draw(st.sampled_from(actions)), draw(st.sampled_from(texts[prop.name])))
    return stored(kind, values), edited


def _edited(edited: Draft, name: str, action: str, text: str) -> Draft:
    current = edited.current_texts(name)
    steps = {
        ADD: lambda: edited.add_value(name, text),
        CHANGE: lambda: edited.replace_value(name, current[0], text) if current else edited.with_values(name, [text]),
        REMOVE: lambda: edited.remove_values(name, current[:1]),
        RESET: lambda: edited.reset(name),
        REVERT: lambda: edited.revert(name),
    }
    try:
        after = steps[action]()
    except ValueSyntaxError:
        return edited
    return after if after.current_texts(name) or not edited.property_named(name).mandatory else edited


@given(edits())
def test_what_is_asked_for_makes_the_object_what_the_editor_showed(case: tuple[ManagedObject, Draft]) -> None:
    obj, edited = case
    problems = Collector()
    after = Changer(obj, READER, problems, creating=False).apply(edited.changes())
    assert [problem.summary for problem in problems.errors] == []
    assert dict(after.values) == dict(edited.values)


@given(edits())
def test_reverting_everything_leaves_nothing_to_do(case: tuple[ManagedObject, Draft]) -> None:
    _, edited = case
    for name in edited.definition.properties:
        edited = edited.revert(name)
    assert edited.changes() == PropertyChanges()
    assert not edited.dirty


# -- menus -------------------------------------------------------------------------------------------------------------

MENU = Menu(
    "",
    "",
    number_choices(["Mail Server", "Trust Manager Provider", "Trust Store"], [1, 2, 3]),
    (Choice("q", "quit", 0),),
    "q",
)


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("1", 1),
        (" 2 ", 2),
        ("q", 0),
        ("Q", 0),
        ("", 0),
        ("mail", 1),
        ("TRUST M", 2),
        ("trust store", 3),
        ("trust", None),
        ("m", None),  # too short: it may be a key of another page
        ("4", None),
        ("0", None),
        ("x", None),
    ],
)
def test_an_answer_is_a_key_or_the_beginning_of_a_name(answer: str, value: int | None) -> None:
    choice = MENU.find_choice(answer)
    assert (choice.value if choice else None) == value


def test_a_name_of_one_letter_is_a_name() -> None:
    menu = Menu("", "", number_choices(["m", "7", "q", "more"], ["m", "7", "the server", "more"]), MENU.letters)
    assert [choice and choice.value for choice in map(menu.find_choice, ("m", "M", "7", "q", "mo"))] == [
        "m",
        "m",
        "7",
        0,  # a key goes first
        "more",
    ]


def test_help_is_asked_for_on_an_entry_where_there_is_help() -> None:
    helpful = MENU.replace(letters=(*MENU.letters, Choice("?", "help", "help")))
    assert helpful.find_help_topic(" ?2 ") == Choice("?", "Trust Manager Provider", 2)
    assert helpful.find_help_topic("?mail") == Choice("?", "Mail Server", 1)
    assert helpful.find_help_topic("?q") is None
    assert helpful.find_help_topic("2") is None
    assert MENU.find_help_topic("?2") is None


def test_many_entries_stand_in_two_columns_where_there_is_room() -> None:
    labels = [f"Kind {n}" for n in range(1, 10)]
    menu = main_menu(labels, labels, advanced=False)
    assert any(line.startswith("   1)  Kind 1") and line.endswith("6)  Kind 6") for line in menu.lines(79))
    assert all(line.count(")") <= 1 for line in menu.lines(20))


def test_the_editor_shows_values_defaults_and_what_is_changed_and_no_secret() -> None:
    server = draft("mail-server", {"auth-password": (CANARY,), "enabled": ("true",)}).with_values("enabled", ["false"])
    lines = editor_page('Mail Server "one"', server, advanced=False, width=79).lines(79)
    assert "   1)  * enabled                 false" in lines
    assert "   3)    auth-password           ********" in lines
    assert "   6)    use-ssl                 false  (default)" in lines
    assert CANARY not in "\n".join(lines)
    assert all(len(line) <= 79 for line in lines)
    page = property_page("one", server, "auth-password").lines(79)
    assert CANARY not in "\n".join(page)


def test_a_long_table_of_properties_has_one_column() -> None:
    lines = editor_page("Gateway", draft("gateway"), advanced=True, width=120).lines(120)
    assert all(line.count(")  ") <= 1 + line.count("(default)") for line in lines)
    assert len([line for line in lines if line.strip()[:1].isdigit()]) > 20


def test_an_expression_of_a_secret_is_shown_without_its_default() -> None:
    prop = BOTH.definition("mail-server").properties["auth-password"]
    assert format_values(prop, ("&{smtp.password|" + CANARY + "}",)) == "&{smtp.password|********}"


def test_the_page_of_a_property_says_where_a_reset_leads() -> None:
    labels = [c.label for c in property_page("q", draft("disk-queue", {"checksum": ("none",)}), "checksum").entries]
    assert "Reset it to the default: crc32, sha-256" in labels
    labels = [
        c.label for c in property_page("m", draft("mail-server", {"auth-username": ("a",)}), "auth-username").entries
    ]
    assert any(label.startswith("Leave it without a value: ") for label in labels)


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ({"contains": ["enabled", "true"]}, {"enabled": ["true"]}),
        ({"and": [{"contains": ["a", "1"]}, {"contains": ["b", "2"]}]}, {"a": ["1"], "b": ["2"]}),
        ({"and": [{"contains": ["a", "1"]}, {"contains": ["a", "2"]}]}, None),
        ({"or": [{"contains": ["a", "1"]}, {"contains": ["b", "2"]}]}, None),
        ({"is-present": "a"}, None),
        ({"contains": ["a.port", "1"]}, None),
    ],
)
def test_what_would_enable_an_object_is_found_where_it_is_one_choice(source: Any, values: Any) -> None:
    assert satisfying_values(build_condition(source, lambda name, text: text)) == values


# -- searching ---------------------------------------------------------------------------------------------------------

SERVERS = (*(f"server {number:02}" for number in range(40)), "Backup", "backup of server 07")


def test_a_search_finds_every_word_wherever_it_stands() -> None:
    search = Search(SERVERS).extend_query("07").extend_query(" ").extend_query("back")
    assert [SERVERS[place] for place in search.find_matches()] == ["backup of server 07"]
    assert search.marked_place == 41
    assert Search(SERVERS).extend_query("nothing like it").marked_place is None


def test_the_marker_moves_and_stays_in_the_list() -> None:
    search = Search(SERVERS).extend_query("back")
    assert SERVERS[search.move_marker(1).marked_place or 0] == "backup of server 07"
    assert search.move_marker(5).at == 1
    assert search.move_marker(-5).at == 0
    assert search.move_marker(1).extend_query("x").erase_last().at == 0
    assert search.clear_query().query == ""
    assert Search(SERVERS).extend_query("none").move_marker(1).marked_place is None


def test_the_window_follows_the_marker() -> None:
    lines = Search(SERVERS).move_marker(30).lines(5, 79)
    assert lines[0] == "Search: "
    assert "> server 30" in lines
    assert len(lines) == 7
    assert "42 of 42" in lines[-1]
    assert "> backup of server 07" in Search(SERVERS).move_marker(99).lines(5, 79)
    assert "nothing found" in Search(SERVERS).extend_query("zz").lines(5, 79)[-1]
    assert all(len(line) <= 10 for line in Search(SERVERS).lines(5, 10))


@given(st.lists(st.sampled_from([*KEYS, "a", "7", " ", "ü", "x"]), max_size=40))
def test_no_keys_lead_out_of_the_list(pressed: list[str]) -> None:
    search = Search(SERVERS)
    for key in keys_of("".join(pressed)):
        search = KEYS[key](search) if key in KEYS else search.extend_query(key)
        found = search.find_matches()
        assert search.marked_place is None if not found else search.marked_place in found
        assert len(search.lines(5, 60)) == min(5, len(found)) + 2


def test_keys_that_arrive_together_are_told_apart() -> None:
    assert keys_of("ab\x1b[A\x1b[5~\x1bOB\r\x1b") == ["a", "b", "\x1b[A", "\x1b[5~", "\x1bOB", "\r", "\x1b"]


@pytest.mark.parametrize(
    ("answer", "places"),
    [
        ("1", [0]),
        ("42", [41]),
        ("43", []),
        ("backup", [40]),
        ("BACK", [40, 41]),
        ("07", [7, 41]),
        ("server 07", [7]),
        ("²", []),
        ("9" * 5000, []),
    ],
)
def test_without_a_moving_cursor_an_answer_narrows_the_list(answer: str, places: list[int]) -> None:
    assert len(SERVERS) > LONG
    if answer == "07":  # a number is that of an entry
        places = [6]
    assert match_places(SERVERS, answer) == places
