"""Plan files: read strictly, written in one canonical form. `dump(parse(text))` of a canonical file is the file."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from contactops.errors import Invalid
from incidents.engine import plan as engine
from incidents.engine.decide import BARE_HOUSE, BARE_RULES, Act
from incidents.engine.lifecycle import Refusal
from incidents.engine.rehearsal import rehearse
from incidents.engine.turn import Unbounded
from plans import snapshots
from plans.models import PlanKind
from plans.schema import SCHEMA, normal
from plans.strict_yaml import LEVEL_KEYS, Path, Problem, Source, read

WIDTH = 116
DAY = 86_400_000
_VALIDATOR = Draft202012Validator(SCHEMA)
_FOUND = {bool: "true or false", int: "a number", str: "words", list: "a list", dict: "a mapping"}
_EXPECTED = {
    "boolean": "true or false",
    "integer": "a number",
    "string": "words",
    "array": "a list",
    "object": "a mapping",
}
Finding = tuple[Path, str]


class PlanFileError(Invalid):
    """A plan file that cannot be accepted: every problem as `file:line: key: message`."""

    def __init__(self, name: str, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: problem.line)
        lines = [f"{name}:{problem.line}: {problem.key}: {problem.message}" for problem in self.problems]
        super().__init__("\n".join(lines), field="file")


def parse(text: str, name: str = "plan.yaml") -> dict[str, Any]:
    """The normal document of a plan file whose shape and references hold, or PlanFileError."""
    source = read(text)
    if not source.problems:
        _note(source, (finding for error in _VALIDATOR.iter_errors(source.data) for finding in _in_words(error)))
    if not source.problems:
        _note(source, references(source.data))
    if source.problems:
        raise PlanFileError(name, source.problems)
    return normal(source.data)


def check(document: Mapping[str, Any]) -> list[str]:
    """What is wrong with a document that came from elsewhere than a file, as `key: message`."""
    errors = list(_VALIDATOR.iter_errors(document))
    findings = [finding for error in errors for finding in _in_words(error)] or references(document)
    return [f"{Problem(0, path, message).key}: {message}" for path, message in findings]


def _note(source: Source, findings: Iterable[Finding]) -> None:
    for path, message in dict.fromkeys(findings):
        source.problem(path, message)


# What the schema cannot say


def references(document: Mapping[str, Any]) -> list[Finding]:
    """Names that lead nowhere or stand twice, in a document that satisfies the schema."""
    findings = [*_groups(document), *_doubles(document), *_start(document)]
    try:
        rules = engine.compile([snapshots.to_plan(normal(document), 1)])
    except engine.PlanError as error:
        return [*findings, (_in_document(error.path, document), error.message)]
    return [*findings, *_trial(rules, document)]


def _trial(rules: engine.RuleSet, document: Mapping[str, Any]) -> Iterator[Finding]:
    """A plan that cannot be put in force at some level, because its steps or rules chase each other, is found here and
    not when it is needed."""
    for level in engine.LEVELS:
        try:
            rehearse({**BARE_RULES, **rules}, _acts(document, level), until=DAY)
        except (Refusal, Unbounded) as error:
            yield (), f"the plan cannot run at level {level}: {error}"


def _acts(document: Mapping[str, Any], level: int) -> list[Act]:
    slug, is_house = document["slug"], document["kind"] == PlanKind.HOUSE
    house = [slug, 1] if is_house else [BARE_HOUSE.slug, BARE_HOUSE.revision]
    conditions = [document["starts"]] if document.get("starts") else []
    report = Act("report", 0, "", {"incident_type": slug, "house": house, "conditions": conditions})
    activate = Act("activate", 1, "", {"plan": slug, "revision": 1, "level": level, "confirmed": False})
    return [report] if is_house else [report, activate]


def _groups(document: Mapping[str, Any]) -> Iterator[Finding]:
    known = {group["key"] for group in document["groups"]}
    named: list[tuple[Path, str]] = [(("owner",), document["owner"])]
    for at, contact in enumerate(document.get("contacts", [])):
        named += [(("contacts", at, key), contact[key]) for key in snapshots.CONTACTS if key in contact]
    yield from ((path, f"there is no group “{key}”") for path, key in named if key not in known)


def _doubles(document: Mapping[str, Any]) -> Iterator[Finding]:
    by_id = [(section, "id") for section in ("scripts", "close", "contacts", "sources")]
    for section, key in (("groups", "key"), ("levels", "level"), *by_id):
        counts = Counter(one.get(key) for one in document.get(section, []))
        for at, one in enumerate(document.get(section, [])):
            if key in one and counts[one[key]] > 1:
                yield (section, at, key), f"“{one[key]}” is used twice"


def _start(document: Mapping[str, Any]) -> Iterator[Finding]:
    name = document.get("starts")
    if name and name not in {*engine.CONDITIONS, *document.get("conditions", {})}:
        yield ("starts",), f"there is no condition “{name}”"


def _in_document(path: Path, document: Mapping[str, Any]) -> Path:
    """The engine counts ladders; the document names them. The engine sorts nothing else."""
    if path[:1] == ("ladders",) and len(path) > 1 and isinstance(path[1], int):
        ladders = sorted(document.get("ladders", {}))
        if path[1] < len(ladders):
            return ("ladders", ladders[path[1]])
        cards = [at for at, contact in enumerate(document.get("contacts", [])) if "id" in contact]
        return ("contacts", cards[path[1] - len(ladders)])
    return path


# The schema's errors in words


def _in_words(error: ValidationError) -> Iterator[Finding]:
    path = tuple(error.absolute_path)
    schema = error.schema if isinstance(error.schema, Mapping) else {}
    instance, wanted = cast(Any, error.instance), cast(Any, error.validator_value)
    title = schema.get("title", "")
    match error.validator:
        case "additionalProperties":
            known = schema.get("properties", {})
            for key in (key for key in instance if key not in known):
                yield (*path, key), f"there is no key “{key}” here; known are: {', '.join(known)}"
        case "required":
            for key in (key for key in wanted if key not in instance):
                yield path, f"“{key}” is missing"
        case "type":
            yield path, _wrong_type(error, title)
        case "enum":
            yield path, f"“{error.instance}” is not one of: {', '.join(map(str, wanted))}"
        case "pattern":
            yield path, f"“{error.instance}” is not {title}"
        case "anyOf" | "oneOf":
            yield from _in_branch(error, path, title)
        case "maxLength" | "maxItems":
            yield path, f"is longer than {wanted}"
        case "minItems" | "minProperties" | "minLength":
            yield path, "must not be empty"
        case "uniqueItems":
            yield path, "says the same thing twice"
        case "minimum" | "maximum":
            yield path, f"{error.instance} is not {title}"
        case "propertyNames":
            yield path, f"“{error.instance}” is not {title}"
        case _:
            yield path, error.message


def _wrong_type(error: ValidationError, title: str) -> str:
    found = _FOUND[type(error.instance)]
    expected = title or _EXPECTED[str(error.validator_value)]
    quotes = ": put it in quotes" if error.validator_value == "string" and isinstance(error.instance, int) else ""
    return f"{found} stands where {expected} is expected{quotes}"


def _in_branch(error: ValidationError, path: Path, title: str) -> Iterator[Finding]:
    """The findings of the one branch that has the right type; without one, what was expected."""
    branches: dict[Any, list[ValidationError]] = {}
    for sub in error.context or ():
        branches.setdefault(sub.relative_schema_path[0], []).append(sub)
    fitting = [subs for subs in branches.values() if not any(_is_about_type(sub) for sub in subs)]
    if error.validator == "anyOf" and len(fitting) == 1:
        for sub in fitting[0]:
            yield from _in_words(sub)
        return
    if isinstance(error.instance, int):
        title += ": put it in quotes"
    found = json.dumps(error.instance, ensure_ascii=False)
    yield path, f"{found if len(found) < 80 else 'this'} is not {title}"


def _is_about_type(error: ValidationError) -> bool:
    if error.relative_path:
        return False
    return error.validator == "type" or (
        error.validator == "anyOf" and all(_is_about_type(sub) for sub in error.context or ())
    )


# Writing


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_str(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


def _represent_dict(dumper: _Dumper, value: dict[Any, Any]) -> yaml.MappingNode:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=_fits_a_line(value))


def _represent_list(dumper: _Dumper, value: list[Any]) -> yaml.SequenceNode:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=_fits_a_line(value))


_Dumper.add_representer(str, _represent_str)
_Dumper.add_representer(dict, _represent_dict)
_Dumper.add_representer(list, _represent_list)


def _fits_a_line(value: Any) -> bool:
    """Short lists and mappings of words stand on one line; anything that holds a text takes lines of its own."""
    return not _holds_text(value) and len(json.dumps(value, ensure_ascii=False)) < 90


def _holds_text(value: Any) -> bool:
    if isinstance(value, Mapping):
        return "en" in value or any(_holds_text(item) for item in value.values())
    return isinstance(value, list) and any(_holds_text(item) for item in value)


def dump(document: Mapping[str, Any]) -> str:
    """The canonical file of a valid document."""
    return yaml.dump(_level_numbers(normal(document)), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH)


def _level_numbers(value: Any) -> Any:
    """A mapping by level is written {1: …}, without quotes."""
    if isinstance(value, dict):
        return {int(key) if key in LEVEL_KEYS else key: _level_numbers(item) for key, item in value.items()}
    return [_level_numbers(item) for item in value] if isinstance(value, list) else value
