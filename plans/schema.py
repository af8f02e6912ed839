"""The JSON Schema of a plan file. Also the order in which its keys are written, and what counts as a text.

`title` says in words what is expected; errors quote it. docs/plan.schema.json is generated from here.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from incidents.engine.lifecycle import OUTCOMES
from incidents.engine.plan import AUDIENCES, CALL_MODES, LEVELS, STEP_KINDS
from plans import durations
from plans.models import Family, PlanKind
from plans.texts import FALLBACK

Schema = dict[str, Any]

MAX_TEXT = 20_000  # characters; a page of a plan, not a book
MAX_WORD = 60  # characters of an id: the database's columns hold two of them and what keys add
MAX_GROUP_KEY = 20
MAX_FACT = 200
MAX_ITEMS = 2_000
MAX_TIMES = 100  # no endless repeats


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _list(items: Schema, *, least: int = 0) -> Schema:
    return {"type": "array", "items": items, "maxItems": MAX_ITEMS, **({"minItems": least} if least else {})}


def _object(properties: Schema, required: str = "", **more: Any) -> Schema:
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False, **more}
    return {**schema, "required": required.split()} if required else schema


def _map(keys: Schema, values: Schema, title: str) -> Schema:
    return {"type": "object", "propertyNames": keys, "additionalProperties": values, "title": title}


def _either(title: str, *branches: Schema) -> Schema:
    return {"title": title, "anyOf": list(branches)}


def _word(title: str, pattern: str, longest: int = MAX_WORD) -> Schema:
    return {"type": "string", "title": title, "pattern": pattern, "maxLength": longest}


def _choice(values: list[str] | tuple[str, ...]) -> Schema:
    return {"type": "string", "enum": list(values)}


def _flag() -> Schema:
    return {"type": "boolean"}


_SPEECH = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT, "title": "words"}
_COUNT = {"type": "integer", "minimum": 0, "maximum": MAX_TIMES, "title": f"a number from 0 to {MAX_TIMES}"}
_ONCE_OR_MORE = {"type": "integer", "minimum": 1, "maximum": MAX_TIMES, "title": f"a number from 1 to {MAX_TIMES}"}
_FACT = r"[a-z_]+(:[A-Za-z0-9_.:-]+)?"
_LEVEL = {"type": "integer", "enum": list(LEVELS), "title": "a level from 1 to 4"}
_ACTIONS: Schema = {
    "open": _ref("word"),
    "notify": _ref("word"),
    "call": _ref("word"),
    "mark": _ref("word"),
    "suggest": _ref("word"),
    "set_level": _LEVEL,
    "confirm_level": _choice(["level"]),
    "ask_update": _choice(AUDIENCES),
}
_MARKS: Schema = {"sources": _ref("sources"), "default": _flag()}


def _definitions() -> Schema:
    return {
        "word": _word("a word of a-z, 0-9 and hyphens", r"^[a-z0-9]+(-[a-z0-9]+)*$"),
        "rule_id": _word(
            "a word of a-z, 0-9 and hyphens that does not begin with due-, update-, ladder- or lease-",
            r"^(?!(due|update|ladder|lease)-)[a-z0-9]+(-[a-z0-9]+)*$",
        ),
        "group_key": _word("a canonical group key such as G-TECH", r"^G-[A-Z]+$", MAX_GROUP_KEY),
        "source": _word("a source id such as S4.1.3, N3 or E13", r"^([SNEW][0-9]+(\.[0-9]+)*)$"),
        "sources": _list(_ref("source")),
        "text": _either(
            "a text: words, or {en: …, zh-hans: …}", _SPEECH, _object({"en": _SPEECH, "zh-hans": _SPEECH}, "en")
        ),
        "fact": _word("a fact such as condition:power-off", f"^{_FACT}$", MAX_FACT),
        "atom": _word("a fact such as condition:power-off, or “not” and a fact", f"^(not )?{_FACT}$", MAX_FACT),
        "atoms": _list(_ref("atom")),
        "clock": _either("a fact, or a list of facts", _ref("fact"), _list(_ref("fact"), least=1)),
        "duration": _word("a duration such as PT5M", durations.PATTERN),
        "span": _either(
            "a duration such as PT5M, or one per level: {1: PT15M, 2: PT30M}",
            _ref("duration"),
            _object({str(level): _ref("duration") for level in LEVELS}, minProperties=1),
        ),
        "levels": {**_list(_LEVEL, least=1), "uniqueItems": True},
        "repeat": _object({"every": _ref("span"), "times": _ONCE_OR_MORE}, "every times"),
        "until": _choice(["stood_down", "closed"]),
        "action": _object(
            {"if": _ref("atoms"), **_ACTIONS},
            title="one action such as {open: step}, perhaps with if: […]",
            oneOf=[{"required": [name]} for name in _ACTIONS],
        ),
        "actions": _list(_ref("action"), least=1),
        "stage": _object({"after": _ref("span"), "do": _ref("actions")}, "after do"),
        "due": _either(
            "a duration such as PT10M, or {after, clock, until, repeat}",
            _ref("duration"),
            _object(
                {"after": _ref("span"), "clock": _ref("clock"), "until": _ref("until"), "repeat": _ref("repeat")},
                "after",
            ),
        ),
    }


def _step() -> Schema:
    option = _object({"key": _ref("word"), "label": _ref("text"), "do": _ref("actions")}, "key label")
    properties = {
        "id": _ref("word"),
        "kind": _choice(STEP_KINDS),
        "title": _ref("text"),
        "detail": _ref("text"),
        "group": _ref("word"),
        "when": _ref("atoms"),
        "levels": _ref("levels"),
        "opened_by": _choice(["plan", "rule"]),
        "due": _ref("due"),
        "target": _ref("duration"),
        "hold": _ref("atoms"),
        "mandatory": _flag(),
        "options": _list(option),
        "times": _ONCE_OR_MORE,
        "reserved": _flag(),
        **_MARKS,
    }
    return _object(properties, "id kind title group")


def _rule() -> Schema:
    properties = {
        "id": _ref("rule_id"),
        "title": _ref("text"),
        "clock": _ref("clock"),
        "while": _ref("atoms"),
        "levels": _ref("levels"),
        "after": _ref("span"),
        "do": _ref("actions"),
        "stages": _list(_ref("stage"), least=1),
        "repeat": _ref("repeat"),
        "pause": _ref("fact"),
        "until": _ref("until"),
        **_MARKS,
    }
    shapes = [
        {"required": ["after", "do"], "properties": {"stages": False}},
        {"required": ["stages"], "properties": {"after": False, "do": False}},
    ]
    return _object(properties, "id title clock", title="a rule with either after and do, or stages", oneOf=shapes)


def _group() -> Schema:
    duties = _either("a text, or a list of texts", _ref("text"), _list(_ref("text")))
    properties = {"key": _ref("word"), "maps_to": _ref("group_key"), "title": _ref("text"), "duties": duties}
    return _object(properties, "key maps_to title duties")


def _ladder() -> Schema:
    properties = {
        "title": _ref("text"),
        "contacts": _list(_ref("word"), least=1),
        "mode": _choice(CALL_MODES),
        "answer": _ref("duration"),
        "rounds": {"type": "integer", "minimum": 1, "maximum": 5, "title": "a number from 1 to 5"},
        "lease": _ref("duration"),
        "fallback": _ref("word"),
    }
    return _object(properties, "contacts answer fallback")


def _contact() -> Schema:
    properties = {
        "id": _ref("word"),
        "topic": _ref("text"),
        "first": _ref("word"),
        "second": _ref("word"),
        "third": _ref("word"),
        "passes_on": _flag(),
        "answer": _ref("duration"),
        "note": _ref("text"),
    }
    return _object(properties, "topic first")


def _level() -> Schema:
    properties = {"level": _LEVEL, "title": _ref("text"), "criteria": _ref("text"), **_MARKS}
    return _object(properties, "level criteria")


def _cadence() -> Schema:
    properties = {
        "audience": _choice(AUDIENCES),
        "every": _ref("span"),
        "owner": _ref("word"),
        "remind": _ref("span"),
        "reminders": _COUNT,
        **_MARKS,
    }
    return _object(properties, "audience every owner remind reminders")


def _script() -> Schema:
    properties = {
        "id": _ref("word"),
        "audience": _choice(["agents", "customers"]),
        "title": _ref("text"),
        "text": _ref("text"),
    }
    return _object(properties, "id audience title text")


def _check() -> Schema:
    properties = {
        "id": _ref("word"),
        "title": _ref("text"),
        "detail": _ref("text"),
        "group": _ref("word"),
        "sources": _ref("sources"),
    }
    return _object(properties, "id title")


def _gate() -> Schema:
    properties = {
        "id": _ref("word"),
        "title": _ref("text"),
        "when": _ref("atoms"),
        "need": {**_ref("atoms"), "minItems": 1},
        "outcomes": _list(_choice(OUTCOMES), least=1),
        "waivable": _flag(),
        **_MARKS,
    }
    return _object(properties, "id title need")


def plan_schema() -> Schema:
    """The whole schema, as JSON Schema 2020-12."""
    condition = _object({"title": _ref("text"), "grace": _ref("duration")}, "title grace")
    properties = {
        "slug": _ref("word"),
        "title": _ref("text"),
        "family": _choice(Family.values),
        "kind": _choice(PlanKind.values),
        "purpose": _ref("text"),
        "scope": _ref("text"),
        "bases": _ref("sources"),
        "owner": _ref("word"),
        "review_every": _word("a period such as P1Y or P6M", r"^P[1-9][0-9]*[YMWD]$"),
        "incident_types": {**_list(_ref("word")), "uniqueItems": True},
        "starts": _ref("word"),
        "conditions": _map(_ref("word"), condition, "conditions by name"),
        "groups": _list(_group(), least=1),
        "ladders": _map(_ref("word"), _ladder(), "ladders by name"),
        "levels": _list(_level()),
        "steps": _list(_step()),
        "rules": _list(_rule()),
        "scripts": _list(_script()),
        "communications": _list(_cadence()),
        "stand_down": _list(_check()),
        "close": _list(_gate()),
        "contacts": _list(_contact()),
        "sources": _list(_object({"id": _ref("source"), "says": _ref("text")}, "id says")),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ContactOps plan",
        **_object(properties, "slug title family kind purpose scope owner review_every groups"),
        "$defs": _definitions(),
    }


SCHEMA = plan_schema()
_TEXT = _ref("text")
_TYPES: dict[str, type] = {"string": str, "array": list, "object": dict}


def normal(document: Mapping[str, Any]) -> dict[str, Any]:
    """The one form of a valid document: keys in the schema's order, maps by name, a bare text as English words.

    The database keeps JSON without an order, so every reader who shows the document goes through here.
    """
    ordered: dict[str, Any] = _normal(document, SCHEMA)
    return ordered


def _normal(value: Any, schema: Schema) -> Any:
    if schema == _TEXT and isinstance(value, str):
        return {FALLBACK: value}
    schema = _resolve(schema)
    if "anyOf" in schema:
        return _normal(value, next(branch for branch in schema["anyOf"] if _accepts(branch, value)))
    if isinstance(value, Mapping):
        return {key: _normal(value[key], sub) for key, sub in _members(value, schema)}
    if isinstance(value, list):
        return [_normal(item, schema["items"]) for item in value]
    return value


def _members(value: Mapping[str, Any], schema: Schema) -> Iterator[tuple[str, Schema]]:
    if "properties" not in schema:
        yield from ((key, schema["additionalProperties"]) for key in sorted(value))
        return
    yield from ((key, sub) for key, sub in schema["properties"].items() if key in value)


def _resolve(schema: Schema) -> Schema:
    while "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema


def _accepts(branch: Schema, value: Any) -> bool:
    branch = _resolve(branch)
    if "anyOf" in branch:
        return any(_accepts(sub, value) for sub in branch["anyOf"])
    return isinstance(value, _TYPES[branch["type"]])
