"""Fields and what belongs to sending them."""

from collections.abc import Sequence
from typing import Any

from django import template
from django.template.context import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString

from incidents.selectors import StepView
from incidents.views.forms import field_id
from plans.texts import say

register = template.Library()


@register.inclusion_tag("_field.html", takes_context=True)
def field(
    context: Context,
    form: str,
    name: str,
    label: str,
    kind: str = "line",
    hint: str = "",
    value: Any = "",
    options: Sequence[Any] = (),
    required: bool = False,
    **more: Any,
) -> dict[str, Any]:
    """One labelled input. When this is the form that was refused, it holds what was typed and says what is wrong; `typed`
    tells the scripts to leave it alone.

    `kind`: line, text, time, date, clock, file, select, tiles, check, number. `options`: (value, words) pairs.
    """
    sent = context.get("sent")
    mine = sent if sent and sent.form == form else None
    given = mine.values.get(name, value) if mine else value
    return {
        **more,
        "id": field_id(form, name),
        "name": name,
        "label": label,
        "kind": kind,
        "hint": hint,
        "value": "" if given is None else str(given),
        "options": [(str(key), words) for key, words in options],
        "required": required,
        "typed": mine is not None,
        "errors": mine.errors.get(name, []) if mine else [],
    }


@register.simple_tag
def form_name(*parts: Any) -> str:
    """The name of a form of which the page has many: steps/KEY/complete."""
    return "/".join(str(part) for part in parts)


@register.simple_tag(takes_context=True)
def once(context: Context) -> SafeString:
    """In forms that would write a second line when clicked twice: a key that is the same for the whole page."""
    return format_html('<input type="hidden" name="once" value="{}">', context["page_key"])


@register.simple_tag
def options_of(step: StepView) -> list[tuple[str, str]]:
    """The choices of a decision step."""
    return [(option["key"], say(option["label"])) for option in step.options]


@register.simple_tag(takes_context=True)
def is_sent(context: Context, *forms: str) -> bool:
    """Whether one of these forms was refused: its <details> must stand open."""
    sent = context.get("sent")
    return bool(sent and sent.form in forms)
