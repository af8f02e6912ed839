"""Words in two languages, kept together as `{"en": ..., "zh-hans": ...}`. English is always there; Chinese may be missing."""

from collections.abc import Mapping

from django.core.exceptions import ValidationError
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from contactops.validators import validate_storable

LANGUAGES = ("en", "zh-hans")
FALLBACK = "en"


def say(text: Mapping[str, str] | str) -> str:
    """The words in the reader's language, else in English. A plain string is the same in every language."""
    if isinstance(text, str):
        return text
    return text.get(get_language() or FALLBACK) or text.get(FALLBACK, "")


def validate_text(value: object) -> None:
    """For model fields: a mapping with English words and perhaps Chinese ones, nothing else."""
    if not isinstance(value, Mapping) or not value.get("en"):
        raise ValidationError(_('Write it as {"en": "…", "zh-hans": "…"}; the English words must be there.'))
    if set(value) - set(LANGUAGES) or not all(isinstance(words, str) for words in value.values()):
        raise ValidationError(_("Only “en” and “zh-hans” are known, each with words."))
    for words in value.values():
        validate_storable(words)
