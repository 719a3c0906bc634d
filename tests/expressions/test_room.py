"""The room's door: every name it has is loaded when it is first asked for."""

from __future__ import annotations

import pytest

import confobjects.expressions as room
from confobjects.expressions import evaluation, functions, grammar, openers


@pytest.mark.parametrize("name", room.__all__)
def test_each_name_is_that_of_the_module_that_has_it(name: str) -> None:
    home = next(module for module in (openers, functions, grammar, evaluation) if name in vars(module))
    assert room.__getattr__(name) is vars(home)[name]
    assert getattr(room, name) is vars(home)[name]


def test_other_names_are_refused_in_the_words_of_python() -> None:
    with pytest.raises(AttributeError, match=r"^module 'confobjects\.expressions' has no attribute 'Parts'$"):
        room.__getattr__("Parts")
