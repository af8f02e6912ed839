"""One trial: promises come due and people report while something is broken; afterwards nothing may be missing.

What must have happened is known from outside: whose promise came due when, who reports, and who must hear of it.
"""

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tests.faults.stage import LATE_S, SITES, Stage
from tests.faults.table import Fault
from tests.helpers import report_body
from tests.ops.console import eventually

PROMISES = 20
REPORTS = 4
SPREAD_S = 2.0  # the promises come due within so many seconds
PATIENCE_S = 180.0
DRILL = "DRILL / 演练"
GONE = ("handed", "delivered", "read")

LEFT = """
SELECT (SELECT count(*) FROM incidents_timer WHERE state = 'pending' AND due_at <= app_now()),
       (SELECT count(*) FROM incidents_notification WHERE state IN ('queued', 'leased'))
"""


class Reporters(threading.Thread):
    """Agents who report through the web, and press the button again, with the same key, until it is accepted."""

    def __init__(self, stage: Stage, seed: int) -> None:
        super().__init__(daemon=True)
        self.stage, self.chance = stage, random.Random(f"reporters {seed}")
        self.wanted = REPORTS
        self.accepted: dict[str, tuple[str, str]] = {}  # by client key: the incident and the site
        self.tries = 0

    def run(self) -> None:
        for number in range(self.wanted):
            time.sleep(self.chance.uniform(0, 1.5 * SPREAD_S / REPORTS))
            self._report(f"faults-{PROMISES + number}")

    def _report(self, site: str) -> None:
        body = report_body(client_key=str(uuid.UUID(int=self.chance.getrandbits(128), version=4)))
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            self.tries += 1
            with suppress(OSError, ValueError):  # refused, cut off, or half an answer
                reply = self.stage.api(site).post("/api/v1/reports/", body)
                if reply.status_code in (200, 201):
                    self.accepted[body["client_key"]] = (reply.json()["incident"], site)
                    return
            time.sleep(0.2)


@dataclass
class Result:
    """What one trial came to. `wrong`: what may never be, in words; empty is well."""

    fault: str
    seed: int
    promises: int
    messages: int = 0
    lost: int = 0
    twice: int = 0
    first: float | None = None  # seconds from recovery, or from being due, to the first firing after recovery
    last: float | None = None  # the same for the latest of all
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        figures = f"{self.messages} messages, {self.lost} lost, {self.twice} twice, first {show(self.first)}"
        return f"{self.fault} #{self.seed}: {self.promises} promises, {figures}, {self.seconds:.1f} s in all"


def show(seconds: float | None) -> str:
    """Nothing was left to fire after recovery where there is no figure."""
    return "-" if seconds is None else f"{seconds:.2f} s"


def run(stage: Stage, name: str, fault: Fault, seed: int, promises: int = PROMISES) -> Result:
    """The fault comes at a moment that the seed decides."""
    began, chance = time.monotonic(), random.Random(f"{name} {seed}")
    assert SITES >= PROMISES + REPORTS
    stage.ready()
    endings = stage.endings()
    promised = stage.inside.ask("promises", chance.getrandbits(32), promises, SPREAD_S)
    reporters = Reporters(stage, chance.getrandbits(32))
    reporters.start()
    moment = min(one["due"] for one in promised) + chance.uniform(-0.5, SPREAD_S * 2 / 3)
    time.sleep(max(0.0, moment - time.time()))
    recovered = fault.does(stage, chance)
    reporters.join(PATIENCE_S + 30)
    time.sleep(max(0.0, max(one["due"] for one in promised) - time.time()))
    in_time = _settles(stage)
    after = After(stage, promised, reporters, recovered, fault)
    result = after.result(name, seed)
    if not in_time:
        result.wrong.append(f"not done after {PATIENCE_S:.0f} s: {stage.output()}")
    if not fault.ends and stage.endings() != endings:
        result.wrong.append(f"a process ended that nobody had killed: {stage.output()}")
    result.seconds = time.monotonic() - began
    stage.inside.ask("forget")
    stage.mail.inbox.forget()
    stage.web.inbox.forget()
    return result


def _settles(stage: Stage) -> bool:
    """Until nothing is due, nothing waits to be sent, no gateway is in a conversation and the console says it is well."""

    def done() -> bool:
        stage.tend()
        with suppress(Exception):  # the database may have just come back
            return stage.query(LEFT) == [(0, 0)]
        return False

    well = eventually(done, PATIENCE_S, every=0.25)
    well = eventually(lambda: not stage.mail.inbox.busy and not stage.web.inbox.busy, LATE_S + 1) and well
    return eventually(lambda: stage.console.status() == 200, 60) and well


class After:
    """What is left when all has settled, held against what was to happen."""

    def __init__(
        self, stage: Stage, promised: list[dict[str, Any]], reporters: Reporters, recovered: float, fault: Fault
    ) -> None:
        self.stage, self.promised, self.reporters = stage, promised, reporters
        self.recovered, self.fault = recovered, fault
        refs = [one["ref"] for one in promised] + [ref for ref, _site in reporters.accepted.values()]
        self.incidents = {one["ref"]: one for one in stage.inside.ask("examine", refs)}
        self.received = [*stage.mail.inbox.received(), *stage.web.inbox.received()]
        self.arrivals = Counter((one.key, one.to) for one in self.received)

    @cached_property
    def letters(self) -> dict[tuple[str, str], dict[str, Any]]:
        rows = [letter for incident in self.incidents.values() for letter in incident["letters"]]
        return {(one["key"], one["to"]): one for one in rows}

    def result(self, name: str, seed: int) -> Result:
        lost = [key for key in self.letters if not self.arrivals[key]]
        wrong = [*self._promises(), *self._reports(), *self._letters(), *self._strict(), *self._twice()]
        wrong += [f"{one['ref']}: {fault}" for one in self.incidents.values() for fault in one["wrong"]]
        fired = sorted((at, at - max(due, self.recovered)) for due, at in self._firings() if at > self.recovered)
        return Result(
            fault=name,
            seed=seed,
            promises=len(self.promised),
            messages=len(self.letters),
            lost=len(lost) + sum("never" in words for words in wrong),
            twice=self.arrivals.total() - len(self.arrivals),
            first=fired[0][1] if fired else None,
            last=max((wait for _at, wait in fired), default=None),
            wrong=wrong,
        )

    def _firings(self) -> Iterator[tuple[float, float]]:
        """When each promise was due and when it fired."""
        for incident in self.incidents.values():
            for _key, state, due, at in incident["timers"]:
                if state == "fired":
                    yield due, at

    def _promises(self) -> Iterator[str]:
        """Each fired exactly once, in the ledger and in the history, and whoever must hear was written to."""
        for one in self.promised:
            incident = self.incidents.get(one["ref"])
            if incident is None:
                yield f"{one['ref']}: never written"
                continue
            [[key, state, _due, _at]] = incident["timers"]
            fired = [seq for seq, kind, of, _at in incident["events"] if kind == "fired" and of == key]
            if state != "fired" or not fired:
                yield f"{one['ref']}: promise never fired, it is {state}"
            elif len(fired) > 1:
                yield f"{one['ref']}: {key} fired {len(fired)} times"
            else:
                yield from _heard(incident, one["hear"], fired[0])
            yield from _heard(incident, one["hear"])
        for incident in self.incidents.values():
            keys = Counter(of for _seq, kind, of, _at in incident["events"] if kind == "fired")
            yield from (f"{incident['ref']}: {key} fired {n} times" for key, n in keys.items() if n > 1)

    def _reports(self) -> Iterator[str]:
        """What was accepted is stored once, however often the button was pressed."""
        if missing := self.reporters.wanted - len(self.reporters.accepted):
            yield f"{missing} reports never accepted"
        rows = self.stage.inside.ask("reported", list(self.reporters.accepted))
        if sorted(rows) != sorted([key, *where] for key, where in self.reporters.accepted.items()):
            yield f"reports accepted {self.reporters.accepted}, stored {rows}"
        for ref, site in self.reporters.accepted.values():
            number = site.rpartition("-")[2]
            hear = [f"faults-duty-{number}@example.org", f"faults-sup-{number}@example.org"]
            yield from _heard(self.incidents[ref], hear) if ref in self.incidents else [f"{ref}: never written"]

    def _letters(self) -> Iterator[str]:
        for key, letter in self.letters.items():
            if letter["state"] not in GONE:
                yield f"{key}: {letter['state']} after {letter['tries']}"
            elif not self.arrivals[key]:
                yield f"{key}: {letter['state']}, but no gateway has it"

    def _strict(self) -> Iterator[str]:
        """No gateway was given what the outbox does not know, or a drill that does not say so first."""
        known = {one["ref"]: one["kind"] == "drill" for one in self.incidents.values()}
        for one in self.received:
            ref = one.key.partition(".")[0]
            if (one.key, one.to) not in self.letters:
                yield f"unexpected: {one}"
            elif one.head.startswith(DRILL) != known[ref]:
                yield f"a drill is not called so, or something else is: {one}"

    def _twice(self) -> Iterator[str]:
        """Only in the window of a crash, at most what was under way, under the same key, and written down."""
        again = {key: n for key, n in self.arrivals.items() if n > 1}
        if sum(again.values()) - len(again) > self.fault.twice:
            yield f"twice although at most {self.fault.twice} may be: {again}"
        for key, n in again.items():
            letter = self.letters.get(key)
            unsure = [outcome for outcome in letter["tries"] if outcome != "handed"] if letter else []
            if len(unsure) < n - 1:
                yield f"{key}: arrived {n} times, but its tries are {letter and letter['tries']}"


def _heard(incident: dict[str, Any], hear: list[str], seq: int = 0) -> Iterator[str]:
    """Exactly these people were written to: about the event, or about anything."""
    told = {one["to"] for one in incident["letters"] if not seq or seq in one["seqs"]}
    if told != set(hear):
        missed = ", ".join(sorted(set(hear) - told)) or "nobody"
        yield f"{incident['ref']}: about {seq or 'anything'}, {missed} was never written to; told were {sorted(told)}"
