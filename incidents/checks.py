"""The deploy check: business time must be the database's own clock."""

from typing import Any

from django.core.checks import Error, Tags, register
from django.db import DatabaseError

from contactops import health


@register(Tags.database, deploy=True)
def app_now_is_plain(app_configs: Any, databases: Any = None, **kwargs: Any) -> list[Error]:
    if not databases:
        return []
    try:
        plain = health.look().plain
    except DatabaseError:
        return [Error("app_now() does not exist.", hint="Run manage.py migrate.", id="incidents.E002")]
    if plain:
        return []
    return [Error("app_now() is not the database's clock.", hint="Only a test may move it.", id="incidents.E001")]
