"""What the values of objects point to outside of the configuration: files and directories."""

from __future__ import annotations

import os.path
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from confobjects.diagnostics import Diagnostic
from confobjects.texts.visible import make_visible

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.objects.effective import EffectiveObject

Look = Callable[[str], str]
"""Returns what keeps an absolute path from being read, as the end of a sentence; empty if nothing does."""


def find_unreadable(objects: Iterable[EffectiveObject], registry: Registry, look: Look) -> Iterator[Diagnostic]:
    """Yield a warning for each path that an object which is not disabled points to, and that cannot be read.

    A relative path counts from the instance directory. What the objects of another product's family name is on its server.
    """
    for obj in objects:
        is_left_out = obj.is_enabled is False or obj.is_foreign
        for name, prop in () if is_left_out else registry.definition(obj.type).properties.items():
            for path in obj.texts(name) if prop.syntax.name == "path" and not prop.sensitive else ():
                if wrong := look(os.path.join(obj.instance_directory, path)):
                    yield Diagnostic(
                        "invalid-value",
                        f"{make_visible(path)} {wrong}",
                        path=obj.path,
                        property=name,
                        severity="warning",
                    )
