"""Fitting words into one SMS: 159 characters of the telephone networks' own alphabet in English, 69 of any in Chinese."""

import unicodedata
from collections.abc import Callable, Iterable

from django.utils import translation

GSM_LONGEST, UNICODE_LONGEST = 159, 69
GSM_ENOUGH, UNICODE_ENOUGH = 24, 8  # letters of what happened that must fit before the link is worth its place
SHORTEST = 8  # of a part that is cut; less of it says nothing

# The alphabet of GSM 03.38: letters that take one place, and those that take two.
_ONE = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_TWO = frozenset("^{}\\[~]|€")
_PLAIN = str.maketrans({
    **dict.fromkeys("‘’‚‛′`´", "'"),
    **dict.fromkeys("“”„″«»", '"'),
    **dict.fromkeys("‐‑‒–—―−·", "-"),
    "…": "...",
    "×": "x",
})  # fmt: skip


def fitted(head: str, parts: Iterable[str], link: str) -> str:
    """The head, as much of the parts as there is room for, and the link. Head and link are whole or, in the link's case,
    left out."""
    english = not translation.get_language().startswith("zh") and gsm_size(head) >= 0
    size, longest, enough, dots = (
        (gsm_size, GSM_LONGEST, GSM_ENOUGH, "...") if english else (unicode_size, UNICODE_LONGEST, UNICODE_ENOUGH, "…")
    )
    known = [_said(part, english) for part in parts]
    text = "; ".join(dict.fromkeys(part for part in known if part))
    place = size(f" {link}") if link and (not english or gsm_size(link) >= 0) else 0
    needed = size(f"{head}: {text}") if text else size(head)
    room = longest - place if longest - place >= min(needed, size(f"{head}: ") + enough) else longest
    whole = _cut(f"{head}: {text}", room, len(head), size, dots) if text else head
    return f"{whole} {link}" if place and room < longest else whole


def gsm_size(text: str) -> int:
    """How many places it takes in the networks' alphabet; -1 if it cannot be written in it."""
    if any(letter not in _ONE and letter not in _TWO for letter in text):
        return -1
    return len(text) + sum(letter in _TWO for letter in text)


def unicode_size(text: str) -> int:
    """How many places of 16 bits it takes."""
    return len(text.encode("utf-16-le", "replace")) // 2


def _said(part: str, english: bool) -> str:
    """On one line; in English without its accents, and left out altogether when it is written in other letters: what stands
    in a foreign script is read behind the link."""
    line = " ".join("".join(" " if unicodedata.category(c)[0] == "C" else c for c in part).split())
    if not english or gsm_size(line) >= 0:
        return line
    plain = "".join(_folded(letter) for letter in line.translate(_PLAIN))
    return plain if gsm_size(plain) >= 0 else ""


def _folded(letter: str) -> str:
    if letter in _ONE or letter in _TWO:
        return letter
    return "".join(c for c in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(c))


def _cut(text: str, room: int, head: int, size: Callable[[str], int], dots: str) -> str:
    """Cut at the end, never within the head; what would be left of the rest is left out if it says nothing."""
    if size(text) <= room:
        return text
    kept = text[:room]
    while len(kept) > head and size(kept) + size(dots) > room:
        kept = kept[:-1]
    return f"{kept.rstrip(' ;:')}{dots}" if len(kept) - head >= SHORTEST else text[:head]
