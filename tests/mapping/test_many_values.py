"""An attribute of n values is compared, changed and written in steps in proportion to n."""

from __future__ import annotations

import pytest

from confobjects.dn import DN
from confobjects.mapping.entry import Entry, apply, diff
from confobjects.mapping.ldif import NEW_DOCUMENT, Edit, parse
from confobjects.mapping.ldif.writing import edit_document, format_entry

DN_OF_IT = DN.parse("cn=config")
MANY = 3000


class Counted(str):
    """A value that counts how often one is compared with another."""

    __slots__ = ()
    comparisons = 0

    def __eq__(self, other: object) -> bool:
        Counted.comparisons += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def entry_of(numbers: list[int]) -> Entry:
    return Entry(DN_OF_IT, {"a": [Counted(f"value {number}") for number in numbers], "cn": ["config"]})


@pytest.mark.parametrize(
    "after",
    [
        list(range(MANY + 1)),
        list(range(0, MANY, 2)),
        [*range(1, MANY), *range(MANY, 2 * MANY)],
        list(range(MANY, 0, -1)),
        [],
    ],
    ids=["one added", "half removed", "removed and added", "another order", "all removed"],
)
def test_changing_many_values_takes_few_comparisons(after: list[int]) -> None:
    old, new = entry_of(list(range(MANY))), entry_of(after)
    document = parse(NEW_DOCUMENT + "\n" + format_entry(old))
    Counted.comparisons = 0
    assert apply(old, diff(old, new)) == new
    edited = edit_document(document, [Edit(old, new)])
    assert Counted.comparisons < 60 * MANY
    assert parse(edited.serialise()).entries == {DN_OF_IT.normal: new}
