"""Many rows in one statement, sent as one JSON document.

What Django's `bulk_create` does, where its time counts: no object is made of each row, no value is prepared by its field,
and the server parses one literal instead of tens of thousands (decision 13).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Model

Row = Mapping[str, Any]  # by column; the rows of one call all name the same columns
# ruff: noqa: S608  every name in these statements is one of our tables or columns; the values are a parameter
_MICROSECOND = timedelta(microseconds=1)


def insert(model: type[Model], rows: Iterable[Row], *, ignore: bool = False) -> None:
    """Insert them. `ignore`: a row that breaks a rule of uniqueness is left out."""
    _insert(model, list(rows), "ON CONFLICT DO NOTHING" if ignore else "")


def upsert(model: type[Model], rows: Iterable[Row], *, unique: Sequence[str], replace: Sequence[str]) -> None:
    """Insert them, or where one with the same `unique` columns exists, let these of its columns be replaced."""
    taken = ", ".join(f"{_quoted(name)} = EXCLUDED.{_quoted(name)}" for name in replace)
    _insert(model, list(rows), f"ON CONFLICT ({_listed(unique)}) DO UPDATE SET {taken}")


def update(model: type[Model], rows: Iterable[Row]) -> None:
    """Set the columns that are given of the rows with these ids."""
    if rows := list(rows):
        taken = ", ".join(f"{_quoted(name)} = given.{_quoted(name)}" for name in rows[0] if name != "id")
        _send(f"UPDATE {_table(model)} AS kept SET {taken} FROM {_given(model)} WHERE kept.id = given.id", rows)


def _insert(model: type[Model], rows: list[Row], on_conflict: str) -> None:
    if rows:
        columns = _listed(rows[0])
        _send(f"INSERT INTO {_table(model)} ({columns}) SELECT {columns} FROM {_given(model)} {on_conflict}", rows)


def _send(sql: str, rows: list[Row]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, [json.dumps(rows, default=_as_text)])


def _given(model: type[Model]) -> str:
    return f"json_populate_recordset(NULL::{_table(model)}, %s) AS given"


def _as_text(value: object) -> str:
    """As PostgreSQL reads it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{value // _MICROSECOND} microseconds"
    raise TypeError(f"{value!r} cannot be written")


def _table(model: type[Model]) -> str:
    return _quoted(model._meta.db_table)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(_quoted, names))


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)
