"""Laws of LDIF documents, over whole configurations of both families.

1. The LDIF of x, from any base and with its entries in any order, says what x says, but for secrets it leaves out.
2. Applied with ``prune`` onto anything it gives x, but for secrets, which stay.
3. A part of it that lacks the base is refused; one that lacks anything else is a document, or told entry by entry.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confobjects.definitions import Registry
from confobjects.dn import DN
from confobjects.errors import BrokenDataError
from confobjects.management import ManagementContext, Site
from confobjects.management.documents.comparing import States, take_snapshot
from confobjects.management.documents.exporting import format_ldif
from confobjects.management.documents.ldif import LdifDocument
from confobjects.mapping.documents import ObjectState
from confobjects.mapping.ldif import NEW_DOCUMENT
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.storage.memory import MemoryStorage
from tests.effort import times
from tests.laws.test_documents import apply_or_be_refused, configuration, two_with_secrets

BASES = [DN.parse(text) for text in ("cn=config", "o=a\\, b", "cn=config,dc=example,dc=com")]
Made = tuple[Registry, list[ObjectState], list[ObjectState]]


def entries_of(made: ManagementContext, base: DN) -> list[str]:
    """The entries of a configuration, as if it were below a base."""
    moved = MemoryStorage(base=base)
    with ManagementContext(Site.of(made.registry, moved, evaluate_defaults)) as elsewhere:
        elsewhere.apply(take_snapshot(made.site).objects)
        text = format_ldif(take_snapshot(elsewhere.site).objects, elsewhere.site.mapper)
    return text.removeprefix(NEW_DOCUMENT).strip("\n").split("\n\n")


def taken(text: str, registry: Registry) -> LdifDocument:
    document = LdifDocument(text, "x.ldif", registry)
    storage = MemoryStorage(document.entries, base=document.base)
    with ManagementContext(Site.of(registry, storage, evaluate_defaults)) as ctx:
        document.take_objects(ctx.site)
    return document


def open_values(states: States) -> dict[str, Any]:
    """What a configuration says, but for secrets and defaults; a single object of which that is nothing says nothing."""
    found = {path: dict(_list_open(state)) for path, state in states.items()}
    return {str(path).casefold(): values for path, values in found.items() if values or path.name is not None}


def _list_open(state: ObjectState) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, texts in state.values.items():
        prop = state.definition.properties[name]
        if not prop.sensitive and texts != prop.default.values:
            yield name, texts


@settings(max_examples=times(60))
@given(two_with_secrets, st.sampled_from(BASES), st.randoms(use_true_random=False))
def test_an_export_says_what_was_exported(made: Made, base: DN, dice: Any) -> None:
    registry, one, other = made
    x, y = configuration(registry, one), configuration(registry, other)
    entries = entries_of(x, base)
    dice.shuffle(entries)
    wanted = taken("\n\n".join(entries) + "\n", registry)
    assert wanted.problems == ()
    assert wanted.base == base
    assert open_values(wanted.objects) == open_values(take_snapshot(x.site).objects)
    if not any(map(_needs_a_secret, wanted.objects.values())):
        _onto(y, wanted, x)


def _needs_a_secret(state: ObjectState) -> bool:
    needed = (state.definition.properties[name] for name in state.silent)
    return any(prop.mandatory or prop.required_when is not None for prop in needed)


def _onto(y: ManagementContext, wanted: LdifDocument, x: ManagementContext) -> None:
    before = {path: state.values for path, state in take_snapshot(y.site).objects.items()}
    if not apply_or_be_refused(y, wanted.objects):
        return
    after = take_snapshot(y.site).objects
    assert open_values(after) == open_values(take_snapshot(x.site).objects)
    for path, state in wanted.objects.items():
        for name in state.silent:
            assert after[path].values.get(name) == before.get(path, {}).get(name)
    assert not y.apply(wanted.objects, prune=True).changed


@settings(max_examples=times(60))
@given(two_with_secrets, st.data())
def test_a_part_is_refused_or_told(made: Made, data: st.DataObject) -> None:
    registry, one, _ = made
    x = configuration(registry, one)
    base, *entries = entries_of(x, BASES[0])
    kept = data.draw(st.lists(st.sampled_from(entries), unique=True)) if entries else []
    with pytest.raises(BrokenDataError) as caught:
        taken("\n\n".join(kept) + "\n", registry)
    assert all(problem.line and problem.remedy for problem in caught.value.diagnostics)
    document = taken("\n\n".join([base, *kept]) + "\n", registry)
    assert len(document.objects) <= len(take_snapshot(x.site).objects)
    held = {str(path) for path in document.objects}
    told = " ".join(problem.excerpt for problem in document.problems)
    for path, state in take_snapshot(x.site).objects.items():
        dn = str(x.site.mapper.dn_of(path))
        stands = any(entry.startswith(f"dn: {dn}\n") for entry in kept)
        assert not stands or str(path) in held or f"dn: {dn}"[:40] in told or not state.values
