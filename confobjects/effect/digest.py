"""The digest of a stored state: equal for all who see the same, and one object's work for a change of one object.

It is the sum of a digest for each object, so it depends neither on the order of the objects nor on the way to the state,
nor on how names are spelled that are equal.

A secret counts as its mask, that is, only whether there is one. Digests are shown, logged and written where many may read
them, and whoever knows all but a short password could find it by trying. A key would prevent that, but every process would
need the same one, kept somewhere. That a secret has changed shows by the number of the change.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from json import dumps
from typing import TYPE_CHECKING, Final

from confobjects.objects.reading import mask_secret
from confobjects.texts.names import normal_name

if TYPE_CHECKING:
    from confobjects.effect.world import EvaluatedObject
    from confobjects.paths import ManagedObjectPath

_DIGITS: Final = 32
_SIZE: Final = 16**_DIGITS


def change_digest(
    digest: str,
    objects: Mapping[ManagedObjectPath, EvaluatedObject],
    changes: Mapping[ManagedObjectPath, EvaluatedObject | None],
) -> str:
    """Return the digest of some objects after changes of them (None: gone). ``digest`` is the one before, "" that of none."""
    total = int(digest or "0", 16)
    for path, after in changes.items():
        total += _digest_object(after) - _digest_object(objects.get(path))
    return f"{total % _SIZE:0{_DIGITS}x}"


def _digest_object(evaluated: EvaluatedObject | None) -> int:
    """Return a number for an object as it is stored. Values are in no order, because directories keep none."""
    if evaluated is None:
        return 0
    obj = evaluated.object
    properties = obj.definition.properties
    values = {name: sorted(mask_secret(properties[name], text) for text in texts) for name, texts in obj.values.items()}
    path = [(relation, None if name is None else normal_name(name)) for relation, name in obj.path.elements]
    told = dumps([path, obj.definition.name, values], sort_keys=True)
    return int(sha256(told.encode()).hexdigest()[:_DIGITS], 16)
