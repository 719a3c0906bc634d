"""Which alerts are to be told: each when it begins, none twice while it lasts, none too often.

What an alert handler remembers is a mapping from the keys of alerts. It is bounded: further alerts wait until there is room.

Laws: from one telling of a key to the next there are at least ``repeat_after`` milliseconds. What lasts is told once; after
it has gone and come back it is told again. What is due stays due until it was told or has gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from confobjects.records import Record

MOST: Final = 1000
"""Keys that are remembered."""


class Remembered(Record):
    """What is known of a key: when it was told last (None: never), whether it lasts, and whether it is to be told."""

    told: int | None = None
    lasts: bool = False
    due: bool = False


Memory = Mapping[str, Remembered]


def is_recent(told: int | None, now: int, repeat_after: int) -> bool:
    """Tell whether what was told at a moment, by anybody, is not told again now.

    A moment that lies ahead was noted by a clock that was put back, and does not count.
    """
    return told is not None and told <= now < told + repeat_after


def observe(memory: Memory, present: Iterable[str], now: int, repeat_after: int) -> Memory:
    """Return the memory after a look that found what lasts: ``present`` are the keys of all that is there now."""
    wanted = set(present)
    found = {
        key: one if key in wanted else one.replace(lasts=False, due=one.due and not one.lasts)
        for key, one in memory.items()
    }
    return _forget(found | _begin(found, sorted(wanted), now, repeat_after), now, repeat_after)


def _begin(found: Memory, wanted: Iterable[str], now: int, repeat_after: int) -> dict[str, Remembered]:
    """Return what lasts from now on. What is new is taken as long as there is room."""
    room = MOST - sum(not _is_over(one, now, repeat_after) for one in found.values())
    begun: dict[str, Remembered] = {}
    for key in wanted:
        known = found.get(key)
        if known is None or _is_over(known, now, repeat_after):
            if room <= 0:
                continue
            room -= 1
        known = known or Remembered()
        if not known.lasts:
            begun[key] = known.replace(lasts=True, due=True)
    return begun


def note(memory: Memory, key: str, now: int, repeat_after: int) -> Memory:
    """Return the memory after something has happened that does not last."""
    known = memory.get(key)
    if known is None:
        memory = _forget(memory, now, repeat_after)
        if len(memory) >= MOST:
            return memory
        known = Remembered()
    return {**memory, key: known.replace(due=True)}


def find_due(memory: Memory, now: int, repeat_after: int) -> tuple[str, ...]:
    """Return the keys that are to be told now."""
    return tuple(key for key, one in memory.items() if one.due and not is_recent(one.told, now, repeat_after))


def mark_told(memory: Memory, keys: Iterable[str], moment: int) -> Memory:
    """Return the memory after some keys were told at a moment."""
    return {**memory, **{key: memory[key].replace(told=moment, due=False) for key in keys}}


def _is_over(one: Remembered, now: int, repeat_after: int) -> bool:
    """Tell whether nothing follows from what is remembered."""
    return not one.due and not one.lasts and not is_recent(one.told, now, repeat_after)


def _forget(memory: Memory, now: int, repeat_after: int) -> Memory:
    return {key: one for key, one in memory.items() if not _is_over(one, now, repeat_after)}


__all__ = ["MOST", "Memory", "Remembered", "find_due", "is_recent", "mark_told", "note", "observe"]
