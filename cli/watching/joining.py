"""Joining the documents of several changes into what they come to, so that who is late gets one document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..output.watched import Document


class JoinedChanges:
    """Several change groups as one. Its size is bounded by the objects that change, however often they do."""

    def __init__(self, first: Document) -> None:
        self._document = first
        self._gone: dict[str, Document] = {}
        self._there: dict[str, Document] = {}
        self._waiting: dict[str, list[Document]] = {}
        self._withdrawn: dict[str, None] = {}
        self._take(first)

    def add(self, document: Document) -> None:
        """Join a later group to those before it."""
        before = self._document
        same = all(before[name] == document[name] for name in ("actor", "command"))
        is_numbered = document["number"] is not None or document["restored"]
        self._document = {
            **document,
            **({} if same else {"actor": "", "command": ""}),
            "number": document["number"] if is_numbered else before["number"],
            "restored": before["restored"] or document["restored"],
            "joined": before["joined"] + document["joined"],
        }
        self._take(document)

    def _take(self, document: Document) -> None:
        _replace_waiting(self._waiting, document)
        for path in document["withdrawn"]:
            self._withdrawn[path] = None
        for one in document["waiting"]:
            self._withdrawn.pop(one["path"], None)
        for change in document["changes"]:
            self._take_change(change)

    def _take_change(self, change: Document) -> None:
        path = change["path"]
        known = self._there.pop(path, None)
        if change["kind"] == "deleted":
            if known is None or known["kind"] == "changed":
                self._gone[path] = change if known is None else _merge_changes(known, change)
        elif known is None:
            self._there[path] = change
        else:
            merged = _merge_changes(known, change)
            if merged["properties"] or merged["restarted"] or merged["kind"] == "added":
                self._there[path] = merged

    def as_document(self) -> Document:
        """Return what all groups come to: first the objects that another one replaces, last those that are gone."""
        replaced = [change for path, change in self._gone.items() if path in self._there]
        gone = [change for path, change in self._gone.items() if path not in self._there]
        waiting = [one for several in self._waiting.values() for one in several]
        changes = [*replaced, *self._there.values(), *gone]
        return {**self._document, "changes": changes, "waiting": waiting, "withdrawn": list(self._withdrawn)}


def _replace_waiting(waiting: dict[str, list[Document]], document: Document) -> None:
    """Replace what waits of the objects that a change group is about."""
    fresh: dict[str, list[Document]] = {}
    for one in document["waiting"]:
        fresh.setdefault(one["path"], []).append(one)
    for path in (*document["withdrawn"], *(change["path"] for change in document["changes"])):
        waiting.pop(path, None)
    waiting.update(fresh)


def _merge_changes(first: Document, later: Document) -> Document:
    """Return two changes of one object as one. A value that is what it was before both is left out."""
    names = dict.fromkeys((*first["properties"], *later["properties"]))
    properties = dict(_merge_sides(first["properties"], later["properties"], names))
    kind = "added" if first["kind"] == "added" else later["kind"]
    restarted = kind == "changed" and (first["restarted"] or later["restarted"])
    return {**later, "kind": kind, "properties": properties, "restarted": restarted}


def _merge_sides(first: Document, later: Document, names: Iterable[str]) -> Iterator[tuple[str, Document]]:
    for name in names:
        several = [side[name] for side in (first, later) if name in side]
        sides = {"before": several[0]["before"], "after": several[-1]["after"]}
        # A change that shows no difference is that of a secret, or of the content of a file: nobody knows what it was.
        if sides["before"] != sides["after"] or any(one["before"] == one["after"] for one in several):
            yield name, sides


class JoinedState:
    """The whole state, with the changes since then: for who has not got any state yet."""

    def __init__(self, first: Document) -> None:
        self._number = first["number"]
        self._objects = {obj["path"]: obj for obj in first["objects"]}
        self._waiting: dict[str, list[Document]] = {}
        for one in first["waiting"]:
            self._waiting.setdefault(one["path"], []).append(one)

    def add(self, document: Document) -> None:
        """Bring the state up to date with a later change group."""
        if document["number"] is not None or document["restored"]:
            self._number = document["number"]
        _replace_waiting(self._waiting, document)
        for change in document["changes"]:
            self._take_change(change)

    def _take_change(self, change: Document) -> None:
        path = change["path"]
        known = self._objects.pop(path, None)
        if change["kind"] == "deleted":
            return
        texts = {} if known is None or change["kind"] == "added" else dict(known["properties"])
        texts.update((name, sides["after"]) for name, sides in change["properties"].items())
        properties = {name: values for name, values in texts.items() if values}
        self._objects[path] = {"path": path, "type": change["type"], "properties": properties}

    def as_document(self) -> Document:
        """Return the state as it is now."""
        return {
            "event": "state",
            "number": self._number,
            "objects": [self._objects[path] for path in sorted(self._objects)],
            "waiting": [one for path in sorted(self._waiting) for one in self._waiting[path]],
        }
