"""Where a person can be reached, as each channel writes it down. A leaf module: the models use it."""

import re

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

from contactops.validators import validate_storable

BY_TELEPHONE = ("sms", "voice")
_TELEPHONE = re.compile(r"\+?[0-9]{7,15}")
_BETWEEN_DIGITS = re.compile(r"[\s().-]")
_SEVERAL = re.compile(r"[\s,;\x00-\x1f\x7f]")  # what a gateway would take for the gap between two addresses


def clean(channel: str, address: str) -> str:
    """The address as it is stored, or a refusal: a telephone number as digits, and never two addresses in one."""
    address = address.strip()
    if channel in BY_TELEPHONE:
        return _telephone(address)
    if not address:
        raise ValidationError(_("Write an address."))
    validate_storable(address)
    if _SEVERAL.search(address):
        raise ValidationError(_("Write one address, without spaces or commas."))
    if channel == "email":
        validate_email(address)
    return address


def _telephone(written: str) -> str:
    number = _BETWEEN_DIGITS.sub("", written)
    if not _TELEPHONE.fullmatch(number):
        raise ValidationError(_("Write the number with its country code, as in +44 7700 900123."))
    return number
