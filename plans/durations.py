"""ISO 8601 durations of plans, as integer milliseconds. No years or months: a clock needs a fixed length. The number of
digits is limited, so that every instant a plan leads to can be written down."""

import re

from django.utils.translation import gettext as _

PATTERN = r"^P(?=\d|T\d)(\d{1,2}W)?(\d{1,3}D)?(T(?=\d)(\d{1,4}H)?(\d{1,6}M)?(\d{1,7}S)?)?$"
_UNITS = {"W": 604_800_000, "D": 86_400_000, "H": 3_600_000, "M": 60_000, "S": 1_000}


def milliseconds(text: str) -> int:
    """`PT5M` -> 300000. The text has passed the schema's pattern, or ValueError."""
    if not re.match(PATTERN, text):
        raise ValueError(f"“{text}” is not a duration such as PT5M")
    return sum(int(amount) * _UNITS[unit] for amount, unit in re.findall(r"(\d+)([WDHMS])", text))


def spoken(text: str) -> str:
    """`PT1H30M` -> “1 h 30 min”, in the reader's language."""
    if milliseconds(text) == 0:
        return _("at once")
    names = {"W": _("weeks"), "D": _("days"), "H": _("h"), "M": _("min"), "S": _("s")}
    return " ".join(f"{amount} {names[unit]}" for amount, unit in re.findall(r"(\d+)([WDHMS])", text))
