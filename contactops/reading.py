"""Pages and answers that are made of several queries, each of one and the same instant."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def one_instant() -> Iterator[None]:
    """All that is read inside is as it was at the first query, whatever others record meanwhile. Nothing is written.

    An incident and the rows that belong to it would otherwise tell of different moments: a step that the clock opened
    in between is none that the incident knows of. Inside a transaction, it is that one's view that counts.
    """
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield
