"""What a field may hold. A leaf module: models of every app use it."""

import zoneinfo

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _


def validate_time_zone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError(_("“%(name)s” is not a time zone; write one like Europe/London."), params={"name": name})


def validate_storable(words: str) -> None:
    """Real Unicode without NUL: what PostgreSQL can hold."""
    if "\x00" in words:
        raise ValidationError(_("The text contains a character that cannot be stored (NUL)."))
    try:
        words.encode()
    except UnicodeEncodeError:
        raise ValidationError(_("The text contains a broken character.")) from None
