"""Helpers for constraints that are generated from the engine's enumerations."""

from collections.abc import Iterable

from django.db import models


def known(field: str, values: Iterable[str], name: str) -> models.CheckConstraint:
    """A CHECK that the field holds one of the values."""
    return models.CheckConstraint(condition=models.Q((f"{field}__in", list(values))), name=name)


def choices(values: Iterable[str]) -> list[tuple[str, str]]:
    return [(value, value) for value in values]
