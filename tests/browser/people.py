"""What people do with a page, whatever its language: they find a form by where it leads, fill it in and press its button."""

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

REF = re.compile(r"(?:INC|DRL)-\d{4}-\d{4}")


def sign_in(page: Page, username: str) -> None:
    """On the page that asks for it; returns on the page that follows."""
    page.fill("[name=username]", username)
    page.fill("[name=password]", f"demo-{username}")
    page.press("[name=password]", "Enter")
    page.wait_for_url(lambda url: "/accounts/login" not in url)


def choose(scope: Page | Locator, name: str, value: str) -> None:
    """A tile: its radio is behind it."""
    scope.locator(f'input[name="{name}"][value="{value}"]').check(force=True)


def fill(form: Locator, fields: dict[str, Any]) -> None:
    """Each field as its kind is filled in."""
    for name, value in fields.items():
        control = form.locator(f'[name="{name}"]').first
        kind = control.evaluate("control => control.type")
        if kind in ("radio", "checkbox"):
            choose(form, name, str(value))
        elif kind == "select-one":
            control.select_option(str(value))
        elif kind not in ("hidden", "submit"):
            control.fill(str(value))


def unfold(inner: Locator) -> None:
    """Open whatever it is folded into."""
    inner.evaluate(
        "e => { for (let d = e.closest('details'); d; d = d.parentElement.closest('details')) d.open = true }"
    )


def send(page: Page, path: str, *, button: str = "", expect_status: int = 302, **fields: Any) -> None:
    """Fill in the form that leads there and press its button: the first one, or the one with that name or address."""
    form = (
        page.locator(f'form[action="{path}"]').last
        if button != "quick"
        else page.locator(f'form[action="{path}"]').first
    )
    expect(form).to_be_attached()
    unfold(form)
    fill(form, {name.replace("__", "."): value for name, value in fields.items()})
    pressed = (
        form.locator(f'button[name="{button}"], button[formaction$="{button}"]')
        if button not in ("", "quick")
        else form.locator("button")
    )
    with page.expect_response(lambda response: response.request.method == "POST") as answer:
        pressed.first.click()
    assert answer.value.status == expect_status, f"{path}: {answer.value.status}"
    settled(page)


def settled(page: Page) -> None:
    """Nothing that was sent is still on its way."""
    expect(page.locator("form[aria-busy]")).to_have_count(0)


def report(page: Page, incident_type: str, summary: str, scope: str = "floor", **more: str) -> str:
    """An agent's report; returns the reference on the receipt."""
    page.goto("/report/")
    choose(page, "incident_type", incident_type)
    choose(page, "scope", scope)
    form = page.locator("form#report")
    if "occurred_at" in more:
        unfold(form.locator('[name="occurred_at"]'))
    fill(form, {"summary": summary, **more})
    form.locator("button.main").click()
    page.wait_for_url(re.compile(r"/report/[0-9a-f-]{36}/"))
    found = REF.search(page.locator("main h1").inner_text())
    assert found
    return found[0]


class Room:
    """One incident's page, with somebody in front of it."""

    def __init__(self, page: Page, ref: str) -> None:
        self.page, self.ref = page, ref
        page.goto(f"/incidents/{ref}/")

    def do(self, verb: str, **fields: Any) -> None:
        send(self.page, f"/incidents/{self.ref}/{verb}/", **fields)

    def done(self, key: str) -> None:
        """The button beside the step."""
        self.step(key).locator(".step-done button").click()
        expect(self.step(key).locator(".step-done")).to_have_count(0)
        settled(self.page)

    def complete(self, key: str, **fields: Any) -> None:
        send(self.page, f"/incidents/{self.ref}/steps/{key}/complete/", **fields)

    def call(self, key: str, person: str, *, answered: bool = True) -> None:
        step = self.step(key)
        unfold(step.locator('[name="call.person"]'))
        step.locator('[name="call.person"]').fill(person)
        step.locator(f'button[name="call.answered"][value="{"true" if answered else "false"}"]').click()
        settled(self.page)

    def condition(self, name: str, *, holds: bool) -> None:
        value = "true" if holds else "false"
        self.page.locator(f'#conditions form:has(input[name="name"][value="{name}"]) button[value="{value}"]').click()
        settled(self.page)

    def step(self, key: str) -> Locator:
        return self.page.locator(f'[id="step-{key}"]')

    def work_down(self, without: tuple[str, ...] = ()) -> None:
        """Press Done, record a call or decide on whatever is open and theirs, until nothing is."""
        tried = set(without)
        while keys := [key for key in self.open_keys() if key not in tried]:
            tried.add(keys[0])
            self._work(keys[0])

    def _work(self, key: str) -> None:
        step = self.step(key)
        if step.locator('[name="call.person"]').count():
            self.call(key, "Somebody")
        elif step.locator('[name="decision"]').count():
            unfold(step.locator('[name="decision"]').first)
            step.locator('[name="decision"]').last.check(force=True)
            step.locator("form:has([name=decision]) button.main").click()
        else:
            with self.page.expect_response(lambda response: response.request.method == "POST"):
                step.locator(".step-done button").click()
        settled(self.page)

    def open_keys(self) -> list[str]:
        ids = self.page.locator(".step.can-do").evaluate_all("steps => steps.map(step => step.id)")
        return [str(one).removeprefix("step-") for one in ids]
