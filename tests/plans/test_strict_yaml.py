"""What the reader refuses, with file, line and key."""

import pytest

from plans import yaml_io
from plans.strict_yaml import MAX_CHARACTERS

PLAN = """\
slug: small
title: Small
family: technical
kind: response
purpose: {en: A plan for tests, zh-hans: 测试用}
scope: Tests
owner: floor
review_every: P1Y
groups:
- {key: floor, maps_to: G-SUP, title: Floor, duties: [Look, Tell]}
ladders:
  second: {contacts: [floor], answer: PT2M, fallback: floor}
  first: {contacts: [floor], answer: PT2M, fallback: floor}
levels:
- {level: 2, criteria: Bad}
- {level: 3, criteria: Less bad}
steps:
- id: choose
  kind: decision
  title: Choose
  group: floor
  due: {after: {1: PT5M, 2: PT10M}, clock: started}
  options:
  - {key: go, label: Go, do: [{open: look}]}
  - {key: wait, label: Wait}
- {id: look, kind: task, title: Look, group: floor, opened_by: rule, hold: ['condition:power-off']}
rules:
- id: five
  title: Five minutes
  clock: [reported, activated]
  while: [not acknowledged]
  after: PT5M
  do: [{notify: floor}, {if: ['not step:look.done'], open: look}]
  repeat: {every: PT5M, times: 3}
communications:
- {audience: agents, every: {1: PT15M}, owner: floor, remind: PT5M, reminders: 2}
close:
- {id: looked, title: Looked, need: ['step:look.done']}
"""


def problems(text: str) -> list[str]:
    with pytest.raises(yaml_io.PlanFileError) as caught:
        yaml_io.parse(text, "p.yaml")
    return caught.value.detail.splitlines()


def test_the_plan_that_the_bad_ones_are_made_from_is_good() -> None:
    document = yaml_io.parse(PLAN)
    assert document["title"] == {"en": "Small"}
    assert document["steps"][0]["due"] == {"after": {"1": "PT5M", "2": "PT10M"}, "clock": "started"}


BAD = [
    # what YAML would guess
    ("key: go,", "key: no,", "p.yaml:24: steps[0].options[0].key: a bare “no” would be read as true or false"),
    ("key: wait", "key: on", "p.yaml:25: steps[0].options[1].key: a bare “on”"),
    ("key: wait", "key: true", "p.yaml:25: steps[0].options[1].key: true or false stands where a word"),
    ("key: wait", "key: 7", "p.yaml:25: steps[0].options[1].key: a number stands where a word"),
    ("title: Choose", "title: 10:30", "p.yaml:20: steps[0].title: a bare “10:30” would be read as a number"),
    ("title: Choose", "title: 2026-11-22", "p.yaml:20: steps[0].title: a bare “2026-11-22”"),
    ("title: Choose", "title: 0o17", None),
    ("title: Choose", "title: 017", "p.yaml:20: steps[0].title: a bare “017”"),
    ("title: Choose", "title: 1_000", "p.yaml:20: steps[0].title: a bare “1_000”"),
    ("title: Choose", "title: 1.5", "p.yaml:20: steps[0].title: a bare “1.5”"),
    ("title: Choose", "title: 15", "p.yaml:20: steps[0].title: 15 is not a text"),
    ("title: Choose", "title:", "p.yaml:20: steps[0].title: there is no value"),
    ("title: Choose", "title: ~", "p.yaml:20: steps[0].title: there is no value"),
    ("title: Choose", "title: ''", "p.yaml:20: steps[0].title: must not be empty"),
    ("times: 3", "times: 3000000000000", "p.yaml:34: rules[0].repeat.times: a bare “3000000000000”"),
    ("title: Choose", "yes: Choose", "p.yaml:20: steps[0].yes: the key “yes” must be a word"),
    # what YAML could do
    ("title: Choose", "title: &t Choose", "p.yaml:20: steps[0].title: anchors and aliases"),
    ("title: Choose", "title: !!python/name:os.system Choose", "p.yaml:20: steps[0].title: tags are not used"),
    ("title: Choose", "<<: {title: Choose}", "p.yaml:20: steps[0].<<: a bare “<<”"),
    ("title: Choose", "title: Choose\n  title: Again", "p.yaml:21: steps[0].title: the key “title” stands here twice"),
    ("title: Choose", 'title: "a\\0b"', "p.yaml:20: steps[0].title: there is a character that cannot be printed"),
    ("title: Choose", 'title: "\\uD83D"', "p.yaml:20: steps[0].title: there is a character that cannot be printed"),
    ("title: Choose", "title: a\x07b", "p.yaml:20: plan: there is a character that cannot be printed"),
    ("title: Choose", "? [title]\n  : Choose", "p.yaml:20: plan: this is not YAML: a key must be a plain word"),
    ("title: Choose", "title: 'Choose", "this is not YAML"),
    ("scope: Tests", "scope: Tests\n---\nscope: More", "p.yaml:8: plan: a file holds one plan"),
    # what the schema refuses
    ("title: Choose", "titel: Choose", "p.yaml:20: steps[0].titel: there is no key “titel” here; known are: id, kind"),
    ("title: Choose", "title: Choose\n  colour: red", "p.yaml:21: steps[0].colour: there is no key “colour” here"),
    ("title: Choose", "title: {de: Wähle}", "p.yaml:20: steps[0].title.de: there is no key “de” here"),
    ("title: Choose", "title: {zh-hans: 选择}", "p.yaml:20: steps[0].title: “en” is missing"),
    ("review_every: P1Y\n", "", "p.yaml:1: plan: “review_every” is missing"),
    ("kind: decision", "kind: choice", "p.yaml:19: steps[0].kind: “choice” is not one of: task, call, decision"),
    ("{1: PT5M,", "{5: PT5M,", "p.yaml:22: steps[0].due.after.5: the key “5” must be a word"),
    ("{1: PT5M,", "{1: 5M,", "p.yaml:22: steps[0].due.after.1: “5M” is not a duration"),
    ("after: PT5M\n", "after: P1M\n", "p.yaml:32: rules[0].after: “P1M” is not a duration"),
    ("after: PT5M\n", "after: PT\n", "p.yaml:32: rules[0].after: “PT” is not a duration"),
    (", times: 3", "", "p.yaml:34: rules[0].repeat: “times” is missing"),
    ("times: 3", "times: 0", "p.yaml:34: rules[0].repeat.times: 0 is not a number from 1"),
    ("times: 3", "times: 101", "p.yaml:34: rules[0].repeat.times: 101 is not a number from 1"),
    ("  after: PT5M\n", "", "p.yaml:28: rules[0]: this is not a rule with either after and do, or stages"),
    ("{notify: floor}", "{notify: floor, open: look}", "is not one action such as {open: step}"),
    ("{notify: floor}", "{shout: floor}", "p.yaml:33: rules[0].do[0].shout: there is no key “shout” here"),
    ("[{notify: floor}, ", "[", None),
    ("id: five", "id: due-look", "p.yaml:28: rules[0].id: “due-look” is not a word of a-z, 0-9 and hyphens that does"),
    ("maps_to: G-SUP", "maps_to: supervisors", "“supervisors” is not a canonical group key"),
    ("level: 3", "level: 5", "p.yaml:16: levels[1].level: “5” is not one of: 1, 2, 3, 4"),
    # what leads nowhere
    ("owner: floor\n", "owner: roof\n", "p.yaml:7: owner: there is no group “roof”"),
    ("level: 3", "level: 2", "p.yaml:16: levels[1].level: “2” is used twice"),
    ("title: Look, group: floor,", "title: Look, group: roof,", "p.yaml:26: steps[1].group: there is no group “roof”"),
    ("id: look,", "id: choose,", "p.yaml:26: steps[1]: the id “choose” is used twice"),
    ("{open: look}]", "{open: jump}]", "p.yaml:23: steps[0].options: there is no step “jump”"),
    ("'not step:look.done'", "'not step:jump.done'", "p.yaml:33: rules[0].do: there is no step “jump”"),
    ("not acknowledged", "not applauded", "p.yaml:31: rules[0].while: there is no fact “applauded”"),
    ("'condition:power-off'", "'condition:bored'", "p.yaml:26: steps[1].hold: the plan declares no condition “bored”"),
    ("first: {contacts: [floor]", "first: {contacts: [roof]", "p.yaml:13: ladders.first: there is no group “roof”"),
    ("review_every: P1Y", "review_every: P1Y\nstarts: boredom", "p.yaml:9: starts: there is no condition “boredom”"),
    (
        "every: {1: PT15M}, owner: floor",
        "every: PT15M, owner: roof",
        "communications[0].owner: there is no group “roof”",
    ),
    ("need: ['step:look.done']", "need: ['step:look']", "p.yaml:38: close[0].need: “step:look” must end in .open"),
    (
        "need: ['step:look.done']}",
        "need: ['decision:fine:go']}\nstand_down:\n- {id: fine, title: Fine}",
        "p.yaml:38: close[0].need: step “fine” has no option “go”",
    ),
    ("need: ['step:look.done']", "need: []", "p.yaml:38: close[0].need: must not be empty"),
    ("need: ['step:look.done']", "need: ['mark:late']", "close[0].need: nothing in the plan sets the mark “late”"),
    # what no database or clock could hold
    ("slug: small", f"slug: {'s' * 61}", "p.yaml:1: slug: is longer than 60"),
    ("id: five", f"id: {'f' * 61}", "p.yaml:28: rules[0].id: is longer than 60"),
    ("maps_to: G-SUP", f"maps_to: G-{'S' * 20}", "groups[0].maps_to: is longer than 20"),
    ("after: PT5M\n", "after: P99999999D\n", "p.yaml:32: rules[0].after: “P99999999D” is not a duration"),
    # what cannot run
    (
        "{id: look, kind: task,",
        "{id: chase, kind: task, title: Chase, group: floor, when: ['not step:chase.open']}\n- {id: look, kind: task,",
        "p.yaml:1: plan: the plan cannot run at level 1: more than",
    ),
]


@pytest.mark.parametrize(("old", "new", "expected"), BAD, ids=[f"{new[:30]!r}" for _old, new, _expected in BAD])
def test_bad_input_is_refused_with_its_line(old: str, new: str, expected: str | None) -> None:
    assert PLAN.count(old) >= 1
    text = PLAN.replace(old, new, 1)
    if expected is None:
        yaml_io.parse(text)
    else:
        assert any(expected in line for line in problems(text)), problems(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "p.yaml:1: plan: the file is empty"),
        ("# nothing\n", "p.yaml:1: plan: the file is empty"),
        ("- a\n- b\n", "p.yaml:1: plan: a list stands where"),
        ("just words", "p.yaml:1: plan: words stands where"),
        ("[" * 5_000, "too deeply nested"),
        ("a: " * 5_000, "this is not YAML"),
        ("a: *b\n", "p.yaml:1: a: anchors and aliases"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "p.yaml:2: b: anchors and aliases"),
        ("a" * (MAX_CHARACTERS + 1), "the file is longer than"),
        ("\ta: b", "this is not YAML"),
    ],
)
def test_what_is_not_a_plan_at_all(text: str, expected: str) -> None:
    assert any(expected in line for line in problems(text)), problems(text)


def test_every_problem_is_told_at_once() -> None:
    lines = problems(PLAN.replace("title: Choose", "title: no").replace("after: PT5M\n", "after: 10:30\n"))
    assert [line.split(": ")[0] for line in lines] == ["p.yaml:20", "p.yaml:32"]


def test_a_quoted_word_is_a_word() -> None:
    document = yaml_io.parse(PLAN.replace("key: wait", "key: 'no'").replace("title: Choose", "title: '10:30'"))
    assert document["steps"][0]["options"][1]["key"] == "no"
    assert yaml_io.parse(yaml_io.dump(document)) == document


def test_writing_what_was_read_is_stable() -> None:
    once = yaml_io.dump(yaml_io.parse(PLAN))
    assert yaml_io.dump(yaml_io.parse(once)) == once
    assert once.index("\n  first:") < once.index("\n  second:")
    assert "{after: {1: PT5M, 2: PT10M}, clock: started}" in once


def test_a_document_without_a_file_is_checked_by_the_same_rules() -> None:
    document = yaml_io.parse(PLAN)
    assert yaml_io.check(document) == []
    assert yaml_io.check({**document, "owner": "roof"}) == ["owner: there is no group “roof”"]
    assert yaml_io.check({**document, "colour": "red"})[0].startswith("colour: there is no key")
    assert yaml_io.check({"slug": True})
