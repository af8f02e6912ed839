"""A YAML reader that guesses nothing.

Plain YAML turns `no` into false, `10:30` into 630 and an anchor into a bomb. Here each of those is an error with its
line; only words, plain whole numbers, true and false are read. Every value remembers the line it stands on.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

Path = tuple[str | int, ...]

MAX_CHARACTERS = 1_000_000
MAX_DEPTH = 12
LEVEL_KEYS = frozenset("1234")  # the only numbers that may be keys
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,8})")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Problem:
    line: int
    path: Path
    message: str

    @property
    def key(self) -> str:
        """`rules[2].do[0]`"""
        parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path)
        return "".join(parts).lstrip(".") or "plan"


@dataclass(slots=True)
class Source:
    """What was read: the data, and the line of each path in it."""

    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, path: Path, message: str, line: int = 0) -> None:
        self.problems.append(Problem(line or self.line(path), path, message))

    def line(self, path: Path) -> int:
        """The line of the path, or of the nearest thing around it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return 1


def read(text: str) -> Source:
    """The data of one YAML document. Look at `problems` before using it."""
    source = Source()
    if len(text) > MAX_CHARACTERS:
        source.problem((), f"the file is longer than {MAX_CHARACTERS:,} characters")
        return source
    try:
        loader = yaml.SafeLoader(text)
        _Reader(loader, source).document()
    except yaml.reader.ReaderError as error:
        source.problem((), "there is a character that cannot be printed", text.count("\n", 0, error.position) + 1)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        source.problem((), f"this is not YAML: {error.problem or error.context}", mark.line + 1 if mark else 1)
    return source


class _TooDeep(yaml.MarkedYAMLError):
    pass


class _Reader:
    """Builds the data from the parser's events, noting lines and refusing what is ambiguous."""

    def __init__(self, loader: Any, source: Source) -> None:
        self.loader = loader
        self.source = source

    def document(self) -> None:
        events = self._events()
        first = next(events, None)
        if first is None:
            self.source.problem((), "the file is empty", 1)
            return
        self.source.lines[()] = 1
        self.source.data = self._node(first, events, ())
        if (more := next(events, None)) is not None:
            self.source.problem((), "a file holds one plan: here a second one begins", more.start_mark.line + 1)

    def _events(self) -> Iterator[Any]:
        frame = (yaml.StreamStartEvent, yaml.StreamEndEvent, yaml.DocumentStartEvent, yaml.DocumentEndEvent)
        while self.loader.check_event():
            event = self.loader.get_event()
            if not isinstance(event, frame):
                yield event

    def _node(self, event: Any, events: Iterator[Any], path: Path) -> Any:
        line = event.start_mark.line + 1
        self.source.lines.setdefault(path, line)
        if len(path) > MAX_DEPTH:
            raise _TooDeep(problem="too deeply nested", problem_mark=event.start_mark)
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            self.source.problem(path, "anchors and aliases (& and *) are not used here: write it out", line)
        elif event.tag:
            self.source.problem(path, f"tags are not used here: “{event.tag}”", line)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(events, path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(events, path)
        return None if isinstance(event, yaml.AliasEvent) else self._scalar(event, path, line)

    def _sequence(self, events: Iterator[Any], path: Path) -> list[Any]:
        items: list[Any] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._node(event, events, (*path, len(items))))
        return items

    def _mapping(self, events: Iterator[Any], path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self._key(event, path, found)
            self.source.lines.setdefault((*path, key), event.start_mark.line + 1)
            found[key] = self._node(next(events), events, (*path, key))
        return found

    def _key(self, event: Any, path: Path, found: dict[str, Any]) -> str:
        line = event.start_mark.line + 1
        if not isinstance(event, yaml.ScalarEvent) or event.anchor or event.tag:
            raise yaml.MarkedYAMLError(problem="a key must be a plain word", problem_mark=event.start_mark)
        key = event.value if event.value in LEVEL_KEYS else self._scalar(event, (*path, event.value), line)
        if not isinstance(key, str):
            key = event.value
            self.source.problem((*path, key), f"the key “{key}” must be a word: put it in quotes", line)
        if key in found:
            self.source.problem((*path, key), f"the key “{key}” stands here twice", line)
        return key

    def _scalar(self, event: yaml.ScalarEvent, path: Path, line: int) -> str | int | bool | None:
        value = event.value
        if _UNPRINTABLE.search(value):
            self.source.problem(path, "there is a character that cannot be printed", line)
        if event.style:
            return str(value)
        tag = self.loader.resolve(yaml.ScalarNode, value, (True, False)).removeprefix(_TAG)
        if tag == "str":
            return str(value)
        if tag == "bool" and value in ("true", "false"):
            return bool(value == "true")
        if tag == "int" and _NUMBER.fullmatch(value):
            return int(value)
        self.source.problem(path, _unclear(tag, value), line)
        return None


def _unclear(tag: str, value: str) -> str:
    if tag == "null":
        return "there is no value"
    if tag == "bool":
        return f"a bare “{value}” would be read as true or false: put it in quotes, or write true or false"
    if tag == "int" and ":" in value:
        return f"a bare “{value}” would be read as a number of seconds: put it in quotes"
    return f"a bare “{value}” is not read as a word: put it in quotes"
