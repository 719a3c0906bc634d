"""Heirs: whose defaults change with a value of another object, or of another property."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from confobjects.objects.heirs import changes_value, find_heirs
from tests.definitions.documents import depot
from tests.objects.depot import judge, made

SETTINGS = made("/depot-settings")
TREE = (
    SETTINGS,
    made("/queue/a"),
    made("/queue/b", "memory-queue", batch_size="7"),
    made("/queue/a/consumer/x"),
    made("/queue/a/consumer/y", batch_size="8"),
    made("/queue/b/consumer/z"),
    made("/queue/a/consumer/x/retry-rule/r"),
    made("/queue/b/consumer/z/retry-rule/s", give_up="5 m"),
    made("/gateway/door"),
)


def heirs_of(values: Mapping[str, Mapping[str, str]]) -> dict[str, set[str]]:
    """Return the heirs of the tree when some objects get other values."""
    texts = {depot().parse_path(path): {n: (v,) for n, v in named.items()} for path, named in values.items()}
    after = [obj.replace(values={**obj.values, **texts.get(obj.path, {})}) for obj in TREE]
    changed = {path: frozenset(named) for path, named in texts.items()}
    found = list(find_heirs(judge(*TREE), judge(*after), changed, lambda path: path))
    assert len({heir.after.path for heir in found}) == len(found)
    assert all(heir.before == judge(*TREE).world.find(heir.after.path) for heir in found)
    return {str(heir.after.path): set(heir.names) for heir in found}


BOTH = {"batch-size", "prefetch"}


@pytest.mark.parametrize(
    ("values", "heirs"),
    [
        # through one step and more, up to an object with a value of its own
        ({"/depot-settings": {"batch-size": "9"}}, {"/queue/a": {"batch-size"}, "/queue/a/consumer/x": BOTH}),
        ({"/queue/a": {"batch-size": "9"}}, {"/queue/a/consumer/x": BOTH}),
        ({"/queue/b": {"batch-size": "9"}}, {"/queue/b/consumer/z": BOTH}),
        ({"/queue/a": {"time-to-live": "9 d"}}, {"/queue/a/consumer/x/retry-rule/r": {"give-up"}}),
        ({"/queue/b": {"time-to-live": "9 d"}}, {}),
        ({"/depot-settings": {"ticket-key": "k"}}, {"/gateway/door": {"signing-key"}}),
        ({"/depot-settings": {"site-name": "x"}}, {}),
        ({"/queue/a/consumer/x": {"prefetch": "9"}}, {}),
        ({}, {}),
        # from another property of the same object
        ({"/queue/a/consumer/x": {"batch-size": "9"}}, {"/queue/a/consumer/x": {"prefetch"}}),
        ({"/queue/a/consumer/y": {"batch-size": "9"}}, {"/queue/a/consumer/y": {"prefetch"}}),
        # another text of the value that they have already
        ({"/depot-settings": {"batch-size": "50"}}, {}),
        ({"/queue/a": {"time-to-live": "1440 m"}}, {}),
        ({"/queue/b": {"batch-size": "7"}}, {}),
        # two at once
        (
            {"/queue/a": {"batch-size": "9", "time-to-live": "9 d"}},
            {"/queue/a/consumer/x": BOTH, "/queue/a/consumer/x/retry-rule/r": {"give-up"}},
        ),
        ({"/depot-settings": {"batch-size": "9"}, "/queue/a": {"batch-size": "50"}}, {}),
    ],
)
def test_whose_values_change(values: Mapping[str, Mapping[str, str]], heirs: Mapping[str, set[str]]) -> None:
    assert heirs_of(values) == heirs


def test_a_singleton_of_another_type_is_compared_as_one_of_the_new_type() -> None:
    plain, strict = made("/watchman", patience="5 s"), made("/watchman", "strict-watchman", patience="5 s")
    before, after = judge(plain), judge(strict)
    assert not changes_value(before, plain, after, strict, "patience")
    assert changes_value(before, plain, judge(strict), strict.replace(values={"patience": ("6 s",)}), "patience")
    assert not changes_value(before, plain, after, strict, "serial")
    assert changes_value(before, plain, after, strict.replace(values={"serial": ("7",)}), "serial")
    assert not changes_value(
        before,
        plain.replace(values={"serial": ("7",)}),
        after,
        made("/watchman", "strict-watchman", serial="7"),
        "serial",
    )


def test_a_value_that_is_wrong_differs_from_every_other() -> None:
    right, wrong = made("/depot-settings", batch_size="7"), made("/depot-settings", batch_size="many")
    assert changes_value(judge(right), right, judge(wrong), wrong, "batch-size")
    assert changes_value(judge(wrong), wrong, judge(right), right, "batch-size")
    assert not changes_value(judge(wrong), wrong, judge(wrong), wrong, "batch-size")
    clock = made("/queue/a", time_to_live="never"), made("/queue/a", time_to_live="5 m")
    assert changes_value(judge(clock[0]), clock[0], judge(clock[1]), clock[1], "time-to-live")


def test_a_default_that_startup_decides_changes_with_what_it_follows() -> None:
    one, other = made("/courier/mule", road="&{r.x}"), made("/courier/mule", road="&{r.y}")
    assert changes_value(judge(one), one, judge(other), other, "gate")
    assert not changes_value(judge(one), one, judge(one), one, "gate")
    one, other = made("/courier/mule", road="open", gate="&{g.x}"), made("/courier/mule", road="tunnel", gate="&{g.x}")
    assert not changes_value(judge(one), one, judge(other), other, "lamps")  # the stored gate does not follow the road


def test_a_new_object_has_no_value_before() -> None:
    changed = {SETTINGS.path: frozenset({"batch-size"})}
    found = list(find_heirs(judge(SETTINGS), judge(*TREE), changed, lambda path: path))
    assert {str(heir.after.path) for heir in found} == {
        "/queue/a",
        *(str(o.path) for o in TREE if "consumer" in o.path.relation),
    }
    assert all(heir.before is None for heir in found)
