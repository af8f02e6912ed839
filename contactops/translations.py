"""Translations without gettext: Babel finds the messages, keeps the `.po` files and compiles them to `.mo`."""

import os
import re
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract as extract_messages
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

# What each function's arguments are: message, plural, context (c). Lazy forms mean the same.
_FORMS = {
    "gettext": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
KEYWORDS = _FORMS | {f"{name}_lazy": form for name, form in _FORMS.items()} | {"_": None, "N_": None}

CODE = ("contactops/**/*.py", "plans/**/*.py", "incidents/**/*.py")
TEMPLATES = ("templates/**/*.html", "templates/**/*.txt")

LANGUAGES = {"en", "zh-hans"}  # of texts that hold both, as in the plan library
_PLACEHOLDER = re.compile(r"%\(\w+\)[-#0 +]*\d*[a-z]|%%")


def compile_catalogues(directory: Path) -> list[Path]:
    """Compile what is missing or older than its source; returns the sources that were compiled."""
    stale = [path for path in catalogues(directory) if _is_stale(path)]
    for path in stale:
        _compile(path)
    return stale


def catalogues(directory: Path) -> list[Path]:
    return sorted(directory.glob("*/LC_MESSAGES/django.po"))


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.parent.parent.name, abort_invalid=True)


def extract(base: Path) -> Catalog:
    """Every message marked for translation in the code and the templates."""
    catalogue = Catalog(project="ContactOps", charset="utf-8")
    for path, source in _sources(base):
        for _line, message, comments, context in extract_messages("python", source, KEYWORDS, ["Translators:"]):
            catalogue.add(message, locations=[(path, 0)], auto_comments=comments, context=context)
    return catalogue


def update(path: Path, messages: Catalog) -> None:
    """Bring a `.po` file up to date: new messages are added without translation, unused ones leave."""
    catalogue = read(path)
    created = catalogue.creation_date
    catalogue.update(messages, no_fuzzy_matching=True)
    catalogue.creation_date = created  # else the file would change with every run
    with path.open("wb") as file:
        write_po(file, catalogue, width=110, sort_output=True, ignore_obsolete=True, include_lineno=False)


def faults(path: Path, messages: Catalog) -> list[str]:
    """What is wrong with a `.po` file, one line each: it says every message of the sources, once, and nothing else."""
    catalogue = read(path)
    said = [message for message in catalogue if message.id]
    missing = [message for message in messages if message.id and not catalogue.get(message.id, message.context)]
    stale = [message for message in said if not messages.get(message.id, message.context)]
    return [
        *(_fault("is missing", message) for message in missing),
        *(_fault("is obsolete", message) for message in (*stale, *catalogue.obsolete.values())),
        *(_fault("is fuzzy", message) for message in said if message.fuzzy),
        *(_fault("is not translated", message) for message in said if not all(_forms(message.string))),
        *(_fault("has other placeholders than the English", message) for message in said if _differs(message)),
    ]


def _fault(what: str, message: Message) -> str:
    places = ", ".join(dict.fromkeys(place for place, _line in message.locations))
    context = f" ({message.context})" if message.context else ""
    return f"“{_forms(message.id)[0]}”{context} {what}{f': {places}' if places else ''}"


def _forms(words: Any) -> tuple[str, ...]:
    """A message's singular and plural, or its only form."""
    return tuple(words) if isinstance(words, list | tuple) else (words,)


def _differs(message: Message) -> bool:
    """Whether a translation would be filled in with other things than the English: a page that fails, or says less."""
    english = [set(_PLACEHOLDER.findall(form)) for form in _forms(message.id)]
    return any(set(_PLACEHOLDER.findall(form)) not in english for form in _forms(message.string) if form)


def half_said(words: Any, place: str = "") -> Iterator[str]:
    """The places in a document where a text in one language lacks the other."""
    if isinstance(words, dict) and words.keys() & LANGUAGES:
        yield from (f"{place}: {language} is missing" for language in sorted(LANGUAGES) if not words.get(language))
    elif isinstance(words, dict | list):
        parts: Iterable[tuple[Any, Any]] = words.items() if isinstance(words, dict) else enumerate(words)
        for key, part in parts:
            yield from half_said(part, f"{place}.{key}".lstrip("."))


def _sources(base: Path) -> Iterator[tuple[str, BytesIO]]:
    """Each file as Python: templates through Django's own conversion, without the indentation it leaves behind."""
    for pattern in CODE + TEMPLATES:
        for path in sorted(base.glob(pattern)):
            name, text = path.relative_to(base).as_posix(), path.read_text(encoding="utf-8")
            if pattern in TEMPLATES:
                text = re.sub(r"^[ \t]+", "", templatize(text, origin=name), flags=re.MULTILINE)
            yield name, BytesIO(text.encode())


def _is_stale(source: Path) -> bool:
    target = source.with_suffix(".mo")
    return not target.exists() or target.stat().st_mtime_ns < source.stat().st_mtime_ns


def _compile(source: Path) -> None:
    """Written beside its place and renamed: a process starting now reads the old file or the new one."""
    draft = source.with_suffix(f".mo.{os.getpid()}")
    with draft.open("wb") as file:
        write_mo(file, read(source))
    draft.replace(source.with_suffix(".mo"))
