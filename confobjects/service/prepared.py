"""Statements that are carried out for every mail: compiled once for each kind of database, then sent as text.

SQLAlchemy composes a statement each time it is executed, which costs more than SQLite takes to carry it out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, CursorResult
from sqlalchemy.sql.base import Executable


class Prepared:
    """A statement with named parameters, none of them a list, and values that every driver takes as they are."""

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, Sequence[str] | None, Mapping[str, Any]]] = {}

    def execute(self, connection: Connection, values: Mapping[str, Any]) -> CursorResult[Any]:
        """Carry the statement out."""
        text, order, fixed = self._compiled.get(connection.dialect.name) or self._compile(connection)
        every = {**fixed, **values}
        return connection.exec_driver_sql(text, every if order is None else tuple([every[name] for name in order]))

    def _compile(self, connection: Connection) -> tuple[str, Sequence[str] | None, Mapping[str, Any]]:
        compiled: Any = self._statement.compile(dialect=connection.dialect)  # type: ignore[attr-defined]
        fixed = {name: one.value for name, one in compiled.binds.items() if not one.required}
        found = (str(compiled), compiled.positiontup, fixed)
        self._compiled[connection.dialect.name] = found
        return found


__all__ = ["Prepared"]
