"""One SMS says the most important first, whatever there is to say, and never breaks what must be whole."""

from typing import Any

import pytest
from django.utils import translation
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contactops.accounts.models import User
from incidents.models import Incident, Notification
from incidents.notify import sms, wording
from tests.helpers import Clock
from tests.record.made import incidents

SCRIPTS = st.sampled_from(["en", "zh-hans"])
WORDS = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00:")
    | st.sampled_from("ABC abc,.;-—“”…{}[]€|~停电应急处置，。éñøΩß👷🏽‍♀️\u200b\n\t"),
    max_size=220,
)
REFS = st.from_regex(r"(INC|DRL)-20[0-9]{2}-[0-9]{4,6}", fullmatch=True)
LINKS = st.one_of(
    st.just(""), st.from_regex(r"https?://[a-z0-9.]{3,60}/incidents/[A-Z]{3}-2026-[0-9]{4}/", fullmatch=True)
)


@settings(deadline=None, max_examples=400)
@given(
    language=SCRIPTS, ref=REFS, level=st.sampled_from(["", "level 2"]), parts=st.lists(WORDS, max_size=5), link=LINKS
)
@example(
    language="en", ref="INC-2026-0042", level="level 2", parts=["Power cut", "x" * 220], link="https://c.example/i/"
)
@example(language="en", ref="INC-2026-0042", level="level 2", parts=["€" * 220], link="")
@example(language="zh-hans", ref="DRL-2026-0042", level="2 级", parts=["👷" * 220], link="https://c.example/i/")
def test_any_words_fit(language: str, ref: str, level: str, parts: list[str], link: str) -> None:
    head = " ".join(filter(None, (ref, level)))
    with translation.override(language):
        text = sms.fitted(head, parts, link)
    if language == "en":
        assert 0 <= sms.gsm_size(text) < 160
    else:
        assert sms.unicode_size(text) < 70
    assert text.startswith(head)
    assert "\n" not in text
    assert not link or text.endswith(f" {link}") or "://" not in text  # whole, or not at all


@settings(deadline=None)
@given(st.text(max_size=300))
def test_sizes_are_those_of_the_networks(text: str) -> None:
    assert sms.unicode_size("停电") == 2
    assert sms.unicode_size("👷") == 2
    assert sms.gsm_size("[€]") == 6
    assert sms.gsm_size("停") == -1
    assert sms.gsm_size(text) == -1 or len(text) <= sms.gsm_size(text) <= 2 * len(text)


@pytest.fixture
def notification(clock: Clock, agent: User, supervisor: User) -> Notification:
    [incident] = incidents(1, agent)
    return Notification(
        incident=Incident.objects.select_related("type").get(pk=incident.pk),
        recipient=supervisor,
        items=[{"kind": "update", "seq": 1}],
    )


def read(notification: Notification, **columns: Any) -> str:
    for name, value in columns.items():
        setattr(notification.incident, name, value)
    return wording.short(notification)


def test_headline_first(notification: Notification) -> None:
    ref = notification.incident.ref
    text = read(notification, level=2)
    assert text.startswith(f"{ref} level 2: Power cut; ")
    assert text.endswith(f" http://127.0.0.1:8000/incidents/{ref}/")


def test_a_drill_says_so_before_anything_else(notification: Notification) -> None:
    ref = notification.incident.ref
    assert read(notification, kind="drill", level=None).startswith(f"DRILL / 演练: {ref}: Power cut")
    notification.recipient.language = "zh-hans"
    text = read(notification, kind="drill")
    assert text.startswith(f"DRILL / 演练: {ref}")
    assert sms.unicode_size(text) < 70


def test_of_a_restricted_incident_the_reference_and_the_level_only(notification: Notification) -> None:
    ref = notification.incident.ref
    assert read(notification, restricted=True, level=1, title="A named person") == f"{ref} level 1"
    assert read(notification, restricted=True, level=None) == ref


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(title=WORDS, language=SCRIPTS, kind=st.sampled_from(["real", "drill"]), level=st.sampled_from([None, 1, 4]))
def test_any_title_in_either_language(
    notification: Notification, title: str, language: str, kind: str, level: int | None
) -> None:
    notification.recipient.language = language
    text = read(notification, title=title, kind=kind, level=level)
    ref = notification.incident.ref
    assert ref in text
    assert ("Power cut" if language == "en" else "电") in text
    if language == "en" and kind == "real":
        assert 0 <= sms.gsm_size(text) < 160
    else:  # the word for a drill is Chinese as well
        assert sms.unicode_size(text) < 70


def test_in_foreign_letters_is_left_to_the_page(notification: Notification) -> None:
    text = read(notification, title="二楼停电")
    assert "?" not in text and "停" not in text
    assert "Café “Été” — naïve" not in (text := read(notification, title="Café “Été” — naïve Łódź"))
    assert sms.gsm_size(text) > 0


def test_accents_are_folded_where_the_networks_have_none() -> None:
    with translation.override("en"):
        assert sms.fitted("INC-1", ["Café “Été” — naïve… Pâté"], "") == 'INC-1: Café "Été" - naive... Paté'


@pytest.mark.parametrize("seconds", [10_000])
def test_a_long_update_is_cut_quickly(seconds: int) -> None:
    with translation.override("en"):
        text = sms.fitted("INC-2026-0042", ["word " * seconds], "")
    assert text.endswith("...") and len(text) == 159


def test_the_same_words_for_mail_and_sms_are_read_once(
    notification: Notification, django_assert_num_queries: Any
) -> None:
    words = wording.Words([notification])
    with django_assert_num_queries(0):
        wording.mail(notification, words)
        wording.short(notification, words)
