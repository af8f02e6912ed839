"""Everything people read is there in English and in Chinese, and the check that says so does see what is wrong."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from contactops import translations
from incidents.engine.events import KINDS
from incidents.wording import LEVEL_NAMES, NAMES
from plans import library_files
from tests.helpers import Api, report_body

CHINESE = Path(settings.LOCALE_PATHS[0], "zh_Hans", "LC_MESSAGES", "django.po")
PLACEHOLDER = re.compile(r"%\(\w+\)\d*[a-z]")
HAN = re.compile(r"[\u4e00-\u9fff]")
SENTENCE = "There is no site “%(code)s”."

HEADER = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n"Plural-Forms: nplurals=1; plural=0;\\n"\n'


@pytest.fixture(scope="module")
def messages() -> Any:
    return translations.extract(settings.BASE_DIR)


def test_every_message_is_translated(messages: Any) -> None:
    assert translations.faults(CHINESE, messages) == []


def test_a_translation_has_chinese_words(messages: Any) -> None:
    """Except where the message is only a place to be filled."""
    bare = [
        message.id
        for message in translations.read(CHINESE)
        if re.search("[a-z]", PLACEHOLDER.sub("", str(message.id))) and not _is_chinese(message)
    ]
    assert bare == []


def _is_chinese(message: Any) -> bool:
    forms = [message.string] if isinstance(message.string, str) else message.string
    return all(HAN.search(form) for form in forms)


def test_what_the_engine_says_is_found(messages: Any) -> None:
    """The engine knows no gettext; its words are marked there and translated where they are shown."""
    said = [*(kind.wording for kind in KINDS.values()), *NAMES.values(), *LEVEL_NAMES.values()]
    assert [words for words in said if not messages.get(words)] == []


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("", "is missing"),
        (f'msgid "{SENTENCE}"\nmsgstr ""\n', "is not translated"),
        (f'#, fuzzy\nmsgid "{SENTENCE}"\nmsgstr "没有职场“%(code)s”。"\n', "is fuzzy"),
        (f'msgid "{SENTENCE}"\nmsgstr "没有这个职场。"\n', "has other placeholders"),
        (f'msgid "{SENTENCE}"\nmsgstr "没有职场“%(name)s”。"\n', "has other placeholders"),
        (f'msgid "{SENTENCE}"\nmsgstr "没有职场“%(code)s”。"\n\nmsgid "Gone"\nmsgstr "没了"\n', "is obsolete"),
        (f'msgid "{SENTENCE}"\nmsgstr "没有职场“%(code)s”。"\n\n#~ msgid "Gone"\n#~ msgstr "没了"\n', "is obsolete"),
    ],
)
def test_a_fault_is_named(tmp_path: Path, entry: str, fault: str) -> None:
    faults = translations.faults(_po(tmp_path, entry), _sources(tmp_path, f"_({SENTENCE!r})"))
    assert len(faults) == 1
    assert fault in faults[0]
    assert ("Gone" if "Gone" in entry else SENTENCE) in faults[0]


def test_a_plural_needs_every_form_and_may_leave_out_the_number(tmp_path: Path) -> None:
    messages = _sources(tmp_path, 'ngettext("one seat", "%(n)s seats", n)')
    plural = 'msgid "one seat"\nmsgid_plural "%(n)s seats"\nmsgstr[0] "{}"\n'
    assert translations.faults(_po(tmp_path, plural.format("%(n)s 个座席")), messages) == []
    assert "is not translated" in translations.faults(_po(tmp_path, plural.format("")), messages)[0]
    assert "has other placeholders" in translations.faults(_po(tmp_path, plural.format("%(m)s 个座席")), messages)[0]


def test_a_file_is_brought_up_to_date(tmp_path: Path) -> None:
    path = _po(tmp_path, f'msgid "{SENTENCE}"\nmsgstr "没有职场“%(code)s”。"\n\nmsgid "Gone"\nmsgstr "没了"\n')
    messages = _sources(tmp_path, f'_({SENTENCE!r}), pgettext("clock", "New")')
    translations.update(path, messages)
    assert translations.faults(path, messages) == ["“New” (clock) is not translated: plans/code.py"]
    before = path.read_bytes()
    translations.update(path, messages)
    assert path.read_bytes() == before


def _po(folder: Path, entries: str) -> Path:
    path = folder / "zh_Hans" / "LC_MESSAGES" / "django.po"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{HEADER}\n{entries}", encoding="utf-8")
    return path


def _sources(folder: Path, code: str) -> Any:
    (folder / "plans").mkdir(exist_ok=True)
    (folder / "plans" / "code.py").write_text(code, encoding="utf-8")
    return translations.extract(folder)


# The plan library


@pytest.mark.parametrize("path", library_files.files(), ids=lambda path: path.stem)
def test_a_plan_speaks_both_languages(path: Path) -> None:
    assert list(translations.half_said(library_files.read(path))) == []


def test_a_text_in_one_language_is_named() -> None:
    document: Mapping[str, Any] = {
        "title": {"en": "Power cut", "zh-hans": "断电"},
        "steps": [{"title": {"en": "Call"}, "detail": {"en": "Now", "zh-hans": ""}}],
    }
    assert list(translations.half_said(document)) == [
        "steps.0.title: zh-hans is missing",
        "steps.0.detail: zh-hans is missing",
    ]


# As people see it


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """A message that was translated a moment ago counts; what this process has read already stays as it is."""
    translations.compile_catalogues(Path(settings.LOCALE_PATHS[0]))


def test_sentences_are_filled_in() -> None:
    with translation.override("zh-hans"):
        assert _(SENTENCE) % {"code": "xian"} == "没有职场“xian”。"
        assert translation.ngettext("%(n)s report", "%(n)s reports", 3) % {"n": 3} == "3 份报告"


def test_pages_are_chinese(browser_as: Callable[[str], Client], api: Callable[[str], Api]) -> None:
    ref = api("agent-xian").report(summary="半个现场没电")
    supervisor = browser_as("supervisor-xian")
    board = supervisor.get(reverse("board")).content.decode()
    assert '<html lang="zh-Hans">' in board
    assert "待研判" in board
    room = supervisor.get(reverse("room", args=[ref])).content.decode()
    assert "接报：断电" in room
    assert "还没有人受理" in room
    report = browser_as("agent-xian").get(reverse("report")).content.decode()
    assert "出了什么问题？" in report


def test_sign_in_follows_the_browser(db: None) -> None:
    page = Client().get(reverse("login"), headers={"accept-language": "zh-CN,zh;q=0.9"}).content.decode()
    assert "登录" in page
    assert "Sign in" not in page


def test_refusals_of_the_api_are_chinese(api: Callable[[str], Api]) -> None:
    agent = api("agent-xian")
    missing = agent.post("reports/", report_body(site="mars"), expect=400)
    assert missing["site"] == ["没有职场“mars”。"]
    assert HAN.search(agent.post("reports/", {}, expect=400)["summary"][0])
    ref = agent.report(summary="半个现场没电")
    leader = api("leader-xian")
    leader.do(ref, "acknowledge")
    assert leader.do(ref, "acknowledge", expect=409)["detail"].startswith("该事件正在研判")
