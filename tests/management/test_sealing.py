"""Secrets are sealed when they are written, and have a value only where they were sealed, by whoever has the keys."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confobjects.errors import ConfobjectsError
from confobjects.expressions import escape
from confobjects.management import ManagementContext
from confobjects.management.changing.trying import try_changes
from confobjects.management.documents.comparing import take_snapshot
from confobjects.management.documents.copying import copy
from confobjects.mapping.documents import ObjectState
from confobjects.mapping.entry import RenameEntry
from confobjects.objects.changes import PropertyChanges
from confobjects.objects.evaluating import evaluate_defaults
from tests.definitions.documents import depot
from tests.effort import times
from tests.management.sealing import ONE, TWO, Keys, edit, everything_written, manage_sealed, opened, start
from tests.management.test_reentry import CANARY, START, VALUES, asked, with_a_post
from tests.management.things import manage, refused, summaries

FOX: Final = depot().path_of("messenger", "fox")


def messengers(keys: Keys, **values: Any) -> ManagementContext:
    ctx = manage_sealed(depot(), keys)
    ctx.create("courier", "mule", {})
    ctx.create("messenger", "fox", {**START, **values}, type="generic")
    return ctx


def keyless(ctx: ManagementContext) -> ManagementContext:
    """Return a context without keys on the same storage."""
    return manage_sealed(depot(), Keys(), ctx.storage)


def stored(ctx: ManagementContext, name: str = "watchword", kind: str = "messenger", of: str = "fox") -> str:
    [text] = ctx.get(kind, of).values[name]
    return text


def change(ctx: ManagementContext, **changes: Any) -> Any:
    return ctx.modify("messenger", "fox", PropertyChanges(**changes))


def read(ctx: ManagementContext, keys: Keys, name: str = "watchword") -> tuple[str, ...] | None:
    return opened(ctx, keys)["/messenger/fox"][name]


@given(st.text(min_size=1).filter(str.strip))
def test_any_secret_is_sealed_and_read_again(secret: str) -> None:
    keys = Keys(ONE)
    ctx = manage_sealed(depot(), keys)
    try:
        manage(depot()).create("messenger", "fox", {**START, "watchword": escape(secret)}, type="generic")
    except ConfobjectsError:
        return  # no value of this syntax
    ctx.create("messenger", "fox", {**START, "watchword": escape(secret)}, type="generic")
    assert stored(ctx).startswith(f"&{{sealed:{ONE.id}:")
    assert stored(ctx).endswith(":bearer,destination,guide,veiled}")
    assert read(ctx, keys) == (secret,)


@pytest.mark.parametrize("text", ["&{base64:S2FuYXJpZW52b2dlbC03IXg=}", "$<base64:S2FuYXJpZW52b2dlbC03IXg=>"])
def test_an_encoded_secret_is_a_literal(text: str) -> None:
    keys = Keys(ONE)
    ctx = messengers(keys, watchword=text)
    assert "base64" not in stored(ctx)
    assert read(ctx, keys) == (CANARY,)


@pytest.mark.parametrize("text", ["&{watchword.x}", "&{file:secrets/word}", "a&{watchword.x|b}"])
def test_an_expression_stays_as_it_is(text: str) -> None:
    assert stored(messengers(Keys(ONE), watchword=text)) == text


def test_nothing_that_is_kept_holds_the_secret() -> None:
    ctx = messengers(Keys(ONE))
    change(ctx, set={"watchword": ["Kanarienvogel-8!x"]})
    ctx.rename("messenger", "fox", "hare")
    ctx.undo(4)
    ctx.undo(3)
    ctx.delete("messenger", "fox")
    assert not [text for text in everything_written(ctx) if "Kanarienvogel" in text]


def test_an_old_literal_enters_the_history_sealed() -> None:
    plain = manage(depot())
    plain.create("messenger", "fox", START, type="generic")
    keys = Keys(ONE)
    ctx = manage_sealed(depot(), keys, plain.storage)
    change(ctx, set={"watchword": ["another"]})
    assert not [text for text in everything_written(ctx) if CANARY in text]
    ctx.undo(2)
    assert read(ctx, keys) == (CANARY,)


def test_the_same_secret_again_is_no_change() -> None:
    ctx = messengers(Keys(ONE))
    before = stored(ctx)
    assert not change(ctx, set={"watchword": [CANARY]}).changed
    assert stored(ctx) == before


def test_a_literal_that_is_given_again_is_sealed() -> None:
    plain = manage(depot())
    plain.create("messenger", "fox", START, type="generic")
    ctx = manage_sealed(depot(), Keys(ONE), plain.storage)
    assert change(ctx, set={"load": ["salt"]}).changed
    assert stored(ctx) == CANARY  # it was not given
    assert change(ctx, set={"watchword": [CANARY]}).changed
    assert stored(ctx).startswith("&{sealed:")


# -- what it is bound to ---------------------------------------------------------------------------------------------


def _write(ctx: ManagementContext, text: str) -> None:
    edit(ctx, "messenger", "fox", "ds-cfg-watchword", text)


def _dn_of_mule(ctx: ManagementContext) -> object:
    return ctx.site.mapper.dn_of(ctx.registry.path_of("courier", "mule"))


def _rename(ctx: ManagementContext) -> None:
    old, new = (ctx.site.mapper.dn_of(ctx.registry.path_of("messenger", name)) for name in ("fox", "hare"))
    with ctx.storage.writing():
        ctx.storage.commit([RenameEntry(old, new)])


Edit = Callable[[ManagementContext], Any]
EDITS: Final[dict[str, Edit]] = {
    "destination": lambda ctx: edit(ctx, "messenger", "fox", "ds-cfg-destination", "near:1"),
    "its spelling": lambda ctx: edit(ctx, "messenger", "fox", "ds-cfg-destination", "FAR:1"),
    "bearer": lambda ctx: edit(ctx, "messenger", "fox", "ds-cfg-bearer", "Eve"),
    "no bearer": lambda ctx: edit(ctx, "messenger", "fox", "ds-cfg-bearer"),
    "veiled": lambda ctx: edit(ctx, "messenger", "fox", "ds-cfg-veiled", "true"),
    "guide": lambda ctx: edit(ctx, "messenger", "fox", "ds-cfg-guide", str(_dn_of_mule(ctx))),
    "name": _rename,
    "attribute": lambda ctx: edit(ctx, "messenger", "fox", "ds-cfg-seal", stored(ctx)),
    "object": lambda ctx: edit(ctx, "messenger", "swan", "ds-cfg-watchword", stored(ctx)),
    "fewer names": lambda ctx: _write(ctx, stored(ctx).replace("bearer,", "")),
    "no names": lambda ctx: _write(ctx, stored(ctx).rpartition(":")[0] + "}"),
    "another key": lambda ctx: _write(ctx, stored(ctx).replace(ONE.id, TWO.id)),
    "damaged": lambda ctx: _write(ctx, stored(ctx).replace(f"{ONE.id}:", f"{ONE.id}:A")),
}


@pytest.mark.parametrize("made", EDITS.values(), ids=EDITS)
def test_what_was_moved_or_edited_is_refused_with_its_cause(made: Edit) -> None:
    keys = Keys(ONE, TWO)
    ctx = messengers(keys)
    ctx.create("messenger", "swan", START, type="generic")
    made(ctx)
    judge = start(ctx, keys).site.make_judge()
    problems = [p for obj in ctx.all() for p in judge.judge(obj).problems if p.severity == "error"]
    assert [problem.code for problem in problems] == ["unresolved-expression"]
    [problem] = problems
    assert problem.summary == "the sealed value cannot be opened: it is damaged, or was sealed for something else"
    assert problem.remedy == "give the secret again, or put back what it was sealed with"
    assert problem.detail.startswith("it was sealed for one property of one object")
    assert CANARY not in problem.render()


def test_the_message_says_what_it_is_bound_to() -> None:
    keys = Keys(ONE)
    ctx = messengers(keys)
    EDITS["destination"](ctx)
    [problem] = start(ctx, keys).site.make_judge().judge(ctx.get("messenger", "fox")).errors
    assert problem.render() == (
        "/messenger/fox, watchword: the sealed value cannot be opened: it is damaged, or was sealed for something else\n"
        "  it was sealed for one property of one object with the values of bearer, destination, guide, veiled that it had then\n"
        "  remedy: give the secret again, or put back what it was sealed with"
    )


def test_what_is_put_back_can_be_read_again() -> None:
    keys = Keys(ONE)
    ctx = messengers(keys)
    EDITS["destination"](ctx)
    assert read(ctx, keys) is None
    edit(ctx, "messenger", "fox", "ds-cfg-destination", "far:1")
    assert read(ctx, keys) == (CANARY,)


@pytest.mark.parametrize("name", ["destination", "bearer", "escort", "load"])
@pytest.mark.parametrize("form", ["{0}", "a{0}", "{0}b"])
def test_no_other_property_shows_it(name: str, form: str) -> None:
    keys = Keys(ONE)
    ctx = messengers(keys)
    text = stored(ctx)
    edit(ctx, "messenger", "fox", f"ds-cfg-{name}", form.format(text))
    values = opened(ctx, keys)["/messenger/fox"]
    assert values[name] is None
    assert CANARY not in str({one: texts for one, texts in values.items() if one != "watchword"})


# -- changes ---------------------------------------------------------------------------------------------------------


def test_a_rename_seals_again() -> None:
    keys = Keys(ONE)
    ctx = messengers(keys)
    before = stored(ctx)
    ctx.rename("messenger", "fox", "hare")
    assert stored(ctx, of="hare") != before
    assert opened(ctx, keys)["/messenger/hare"]["watchword"] == (CANARY,)


def test_a_rename_of_what_it_is_bound_to_seals_again() -> None:
    keys = Keys(ONE)
    ctx = messengers(keys, guide="mule")
    ctx.rename("courier", "mule", "horse")
    assert read(ctx, keys) == (CANARY,)


def test_what_is_inherited_is_read_where_it_is_sealed() -> None:
    keys = Keys(ONE)
    ctx = manage_sealed(with_a_post(), keys)
    ctx.create("office", "o", {"street": "A", "pin": CANARY})
    ctx.create("clerk", ("o", "c"), {})
    reader = start(ctx, keys).site.make_reader()
    clerk = ctx.get("clerk", ("o", "c"))
    assert reader.read(clerk, clerk.definition.properties["pin"]).values == (CANARY,)
    ctx.rename("office", "o", "p")
    clerk = ctx.get("clerk", ("p", "c"))
    reader = start(ctx, keys).site.make_reader()
    assert reader.read(clerk, clerk.definition.properties["pin"]).values == (CANARY,)


def test_what_is_below_a_renamed_object_is_sealed_again() -> None:
    keys = Keys(ONE)
    ctx = manage_sealed(with_a_post(), keys)
    ctx.create("office", "o", {"street": "A"})
    ctx.create("clerk", ("o", "c"), {"pin": CANARY})
    ctx.rename("office", "o", "p")
    assert opened(ctx, keys)["/office/p/clerk/c"]["pin"] == (CANARY,)


def test_unsaved_values_are_tried_with_the_sealed_secret() -> None:
    keys = Keys(ONE)
    ctx = messengers(keys, guide="mule")
    world = try_changes(ctx.site, "messenger", "fox", PropertyChanges(set={"load": ["salt"]}))
    obj = world.find(FOX)
    assert obj is not None
    reader = start(ctx, keys).site.make_reader(world)
    assert reader.read(obj, obj.definition.properties["watchword"]).values == (CANARY,)


TYPED: Final = ("constraint-violated", "a sealed secret cannot be given: it is sealed when it is stored")


@pytest.mark.parametrize("opener", ["&{", "${", "$<"])
def test_a_typed_one_is_refused(opener: str) -> None:
    ctx = messengers(Keys(ONE))
    text = stored(ctx).replace("&{", opener)
    text = text.replace("}", ">") if opener == "$<" else text
    for name in ("watchword", "seal", "load", "destination"):
        assert TYPED in summaries(refused(ctx, lambda name=name: change(ctx, set={name: [text]})))  # type: ignore[misc]
    again = {**START, "watchword": text}
    found = refused(ctx, lambda: ctx.create("messenger", "swan", again, type="generic"))
    assert TYPED in summaries(found)


def test_a_text_that_only_looks_like_one_is_a_text() -> None:
    keys = Keys(ONE)
    ctx = messengers(keys)
    text = escape("&{sealed:a:b}")
    change(ctx, set={"watchword": [text], "load": [text]})
    assert read(ctx, keys) == ("&{sealed:a:b}",)
    assert stored(ctx, "load") == text


def wanted(ctx: ManagementContext, **values: str) -> dict[Any, ObjectState]:
    """Return what is stored, as a document says it, with other values."""
    states = dict(take_snapshot(ctx.site).objects)
    state = states[FOX]
    return {**states, FOX: state.replace(values={**state.values, **{n: (v,) for n, v in values.items()}})}


def test_a_document_brings_it_back_to_the_same_object() -> None:
    keys = Keys(ONE)
    ctx = messengers(keys)
    states = wanted(ctx)
    ctx.delete("messenger", "fox")
    ctx.apply(states)
    assert read(ctx, keys) == (CANARY,)
    assert not ctx.apply(states).changed


@pytest.mark.parametrize("values", [{"destination": "near:1"}, {"veiled": "true"}, {"bearer": "Eve"}])
def test_a_document_does_not_send_it_elsewhere(values: dict[str, str]) -> None:
    ctx = messengers(Keys(ONE))
    states = wanted(ctx, **values)
    found = refused(ctx, lambda: ctx.apply(states))
    assert ("unresolved-expression", _NOT_FITTING) in summaries(found)
    with suppress(ConfobjectsError):
        ctx.delete("messenger", "fox")
    found = refused(ctx, lambda: ctx.apply(states))
    assert ("unresolved-expression", _NOT_FITTING) in summaries(found)


_NOT_FITTING: Final = "the sealed value cannot be opened: it is damaged, or was sealed for something else"


def test_a_document_with_a_sealed_secret_does_not_give_it() -> None:
    """Who has the document need not know the secret: what it travels with does not change, also by a default that follows."""
    ctx = messengers(Keys(ONE))
    states = wanted(ctx, greeting="watchword")
    found = refused(ctx, lambda: ctx.apply(states))
    assert ("constraint-violated", "a change of veiled needs watchword to be given again") in summaries(found)
    assert ctx.apply(wanted(ctx, greeting="watchword", watchword=CANARY)).changed


def test_a_document_with_the_secret_seals_it() -> None:
    keys = Keys(ONE)
    ctx = messengers(keys)
    states = wanted(ctx, destination="near:1", watchword=CANARY)
    assert ctx.apply(states).changed
    assert read(ctx, keys) == (CANARY,)
    assert not ctx.apply(states).changed


def test_an_undo_puts_back_target_and_secret() -> None:
    keys = Keys(ONE)
    ctx = messengers(keys)
    change(ctx, set={"destination": ["near:1"], "watchword": ["another"]})
    change(ctx, set={"load": ["salt"]})
    ctx.undo(3)
    assert read(ctx, keys) == (CANARY,)
    change(ctx, set={"destination": ["near:1"], "watchword": [CANARY]})
    change(ctx, set={"watchword": ["third"]})
    change(ctx, set={"destination": ["far:2"], "watchword": ["third"]})
    assert ctx.undo_to(0).changed


def test_an_undo_does_not_put_a_secret_where_it_does_not_fit() -> None:
    ctx = messengers(Keys(ONE))
    change(ctx, set={"watchword": ["another"]})
    EDITS["destination"](ctx)
    found = refused(ctx, lambda: ctx.undo(3))
    assert ("unresolved-expression", _NOT_FITTING) in summaries(found)


# -- without keys ----------------------------------------------------------------------------------------------------


def test_without_keys_a_start_says_what_is_missing() -> None:
    ctx = messengers(Keys(ONE))
    [problem] = start(ctx, Keys()).site.make_judge().judge(ctx.get("messenger", "fox")).errors
    assert problem.render() == (
        "/messenger/fox, watchword: the value is sealed, and there are no keys to open it\n"
        "  remedy: let CONFOBJECTS_SEAL_KEY_FILE name the file of the keys that it was sealed with"
    )


def test_without_its_key_a_start_names_the_key() -> None:
    ctx = messengers(Keys(ONE))
    [problem] = start(ctx, Keys(TWO)).site.make_judge().judge(ctx.get("messenger", "fox")).errors
    assert problem.summary == f"the sealed value cannot be opened: its key {ONE.id} is not in the keys"


def test_whoever_has_no_keys_writes_no_secret_where_one_is_sealed() -> None:
    ctx = messengers(Keys(ONE))
    other = keyless(ctx)
    summary = (
        "a secret cannot be stored in the clear: this configuration holds sealed secrets, and there are no keys here"
    )
    for call in (
        lambda: other.create("messenger", "swan", START, type="generic"),
        lambda: change(other, set={"watchword": [CANARY]}),
        lambda: change(other, set={"destination": ["near:1"], "watchword": [CANARY]}),
    ):
        problems = refused(other, call)
        assert ("constraint-violated", summary) in summaries(problems)
        assert all("CONFOBJECTS_SEAL_KEY_FILE" in str(problem.remedy) for problem in problems if problem.remedy)
    assert other.create("messenger", "swan", {"destination": "far:1"}, type="generic").changed
    assert change(other, set={"load": ["salt"]}).changed
    assert change(other, set={"watchword": ["&{w.x}"]}).changed
    assert other.create("messenger", "ape", START, type="generic").changed  # nothing is sealed any more


@pytest.mark.parametrize("name", ["destination", "bearer", "veiled", "guide"])
def test_whoever_has_no_keys_changes_nothing_that_one_is_bound_to(name: str) -> None:
    values = {"destination": "near:1", "bearer": "Eve", "veiled": "true", "guide": "mule"}
    ctx = keyless(messengers(Keys(ONE)))
    found = refused(ctx, lambda: change(ctx, set={name: [values[name]]}))
    summary = "watchword is sealed, and there are no keys here to seal it for the changed object"
    assert ("constraint-violated", summary) in summaries(found)


def test_whoever_has_no_keys_renames_nothing_that_holds_one() -> None:
    ctx = keyless(messengers(Keys(ONE), guide="mule"))
    for kind, name in (("messenger", "fox"), ("courier", "mule")):
        [problem] = refused(ctx, lambda kind=kind, name=name: ctx.rename(kind, name, "new"))  # type: ignore[misc]
        assert problem.detail == "it is bound to: the name of the object, bearer, destination, guide, veiled"
    assert ctx.delete("messenger", "fox").changed


def test_without_keys_nothing_is_sealed() -> None:
    ctx = messengers(Keys())
    assert stored(ctx) == CANARY
    assert change(ctx, set={"watchword": ["another"]}).changed


# -- copies ----------------------------------------------------------------------------------------------------------


def test_a_copy_keeps_what_is_sealed_and_seals_the_rest() -> None:
    keys = Keys(ONE)
    ctx = messengers(keys)
    ctx.create("messenger", "swan", {"destination": "far:1"}, type="generic")
    edit(ctx, "messenger", "swan", "ds-cfg-watchword", CANARY)
    target = manage_sealed(depot(), keys)
    copy(ctx.site, target.site)
    assert opened(target, keys) == opened(ctx, keys)
    assert stored(target) == stored(ctx)
    assert stored(target, of="swan").startswith("&{sealed:")
    report = copy(ctx.site, target.site)
    assert (report.created, report.replaced, report.same) == (0, 0, 3)
    assert not [text for text in everything_written(target) if CANARY in text]


def test_a_copy_takes_nothing_that_does_not_fit() -> None:
    keys = Keys(ONE)
    ctx = messengers(keys)
    EDITS["destination"](ctx)
    target = manage_sealed(depot(), keys)
    with pytest.raises(ConfobjectsError, match="it is damaged, or was sealed for something else"):
        copy(ctx.site, target.site)
    assert list(target.all()) == list(manage(depot()).all())


def test_a_copy_without_keys_is_refused_where_it_cannot_check() -> None:
    ctx = messengers(Keys(ONE))
    target = manage_sealed(depot(), Keys())
    with pytest.raises(ConfobjectsError, match="a sealed secret cannot be checked"):
        copy(keyless(ctx).site, target.site)


# -- pairs -----------------------------------------------------------------------------------------------------------


def test_the_secret_of_a_pair_is_sealed_and_bound_to_the_others() -> None:
    keys = Keys(ONE)
    ctx = manage_sealed(depot(), keys)
    ctx.create("gateway", "g", {"option": [f"token={CANARY}", "place=A"]})
    token, place = sorted(ctx.get("gateway", "g").values["option"], reverse=True)
    assert place == "place=A"
    assert token.startswith("token=&{sealed:")
    assert token.endswith(":option}")
    assert opened(ctx, keys)["/gateway/g"]["option"] == ("place=A", f"token={CANARY}")
    ctx.modify("gateway", "g", PropertyChanges(add={"option": ["shape=round"]}))
    assert opened(ctx, keys)["/gateway/g"]["option"] == ("place=A", "shape=round", f"token={CANARY}")
    [token] = [text for text in ctx.get("gateway", "g").values["option"] if text.startswith("token")]
    edit(ctx, "gateway", "g", "ds-cfg-option", token, "place=B", "shape=round")
    assert opened(ctx, keys)["/gateway/g"]["option"] is None
    edit(ctx, "gateway", "g", "ds-cfg-option", "place=A", "shape=round", f"other={token.partition('=')[2]}")
    assert CANARY not in str(opened(ctx, keys))


def test_without_keys_the_secret_of_a_pair_is_refused_in_the_clear() -> None:
    ctx = manage_sealed(depot(), Keys())
    found = refused(ctx, lambda: ctx.create("gateway", "g", {"option": [f"token={CANARY}"]}))
    assert "is a secret, but is given in clear text" in found[0].summary


# -- any sequence of changes -----------------------------------------------------------------------------------------


@settings(max_examples=times(100))
@given(st.lists(st.tuples(asked, st.sampled_from([None, CANARY, "another"])), max_size=5))
def test_sealing_changes_what_is_stored_and_not_what_may_be_changed(
    plans: list[tuple[dict[str, str | None], str | None]],
) -> None:
    """Every change is accepted or refused as without keys, and the values at a start are the same."""
    keys = Keys(ONE)
    plain, sealed = messengers(Keys()), messengers(keys)
    for plan, word in plans:
        values = {**plan, **({} if word is None else {"watchword": word})}
        told = []
        for ctx in (plain, sealed):
            try:
                ctx.modify(
                    "messenger", "fox", PropertyChanges(set={n: [] if v is None else [v] for n, v in values.items()})
                )
            except ConfobjectsError as error:
                told.append(summaries(error.diagnostics))
            else:
                told.append([])
        assert told[0] == told[1]
        assert opened(plain, keys) == opened(sealed, keys)
    assert not [text for text in everything_written(sealed) if CANARY in text]
    assert VALUES


def test_the_evaluator_without_keys_knows_no_sealed_value() -> None:
    ctx = messengers(Keys(ONE))
    assert evaluate_defaults(stored(ctx), multi_valued=False, secret=True, contexts=(b"",)).values is None
