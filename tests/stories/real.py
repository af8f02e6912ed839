"""A stage of running processes: the console as `make run` starts it, spoken to over HTTP, its database's clock moved."""

import json
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg2

from tests.helpers import PLAIN_CLOCK, Api
from tests.ops.console import Console, eventually, python

TOKENS = (
    "import json; from contactops.accounts.models import User; from rest_framework.authtoken.models import Token;"
    "print(json.dumps({u.username: Token.objects.get_or_create(user=u)[0].key for u in User.objects.all()}))"
)

# A promise, or a limit on figures about which the clock alone decides.
FIRST_DUE = """
SELECT min(at) FROM (SELECT due_at AS at FROM incidents_timer WHERE state = 'pending' AND due_at <= %s
                     UNION ALL SELECT look_at FROM incidents_warningrule WHERE look_at <= %s) AS due
"""


class Reply:
    """As much of a response as the tests look at."""

    def __init__(self, status: int, content: bytes) -> None:
        self.status_code, self.content = status, content

    def json(self) -> Any:
        return json.loads(self.content)


class HttpClient:
    """The API over the network, with a token."""

    def __init__(self, base: str, token: str) -> None:
        self.base, self.token = base, token

    def get(self, path: str, query: dict[str, Any] | None = None) -> Reply:
        return self._send("GET", path + ("?" + urllib.parse.urlencode(query) if query else ""))

    def post(self, path: str, body: Any, format: str = "json", headers: dict[str, str] | None = None) -> Reply:
        return self._send("POST", path, json.dumps(body).encode(), headers)

    def _send(self, method: str, path: str, data: bytes | None = None, headers: dict[str, str] | None = None) -> Reply:
        given = {"Authorization": f"Token {self.token}", "Content-Type": "application/json", **(headers or {})}
        request = urllib.request.Request(self.base + path, data, given, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return Reply(response.status, response.read())
        except urllib.error.HTTPError as error:
            return Reply(error.code, error.read())


class RealStack:
    """Plays stories against a running console. Each story has a day of its own, so that time only goes forward."""

    def __init__(self, running: Console) -> None:
        self.running = running
        self.day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        self.offset = timedelta()
        self.tokens: dict[str, str] = {}

    def begin(self) -> None:
        self.day += timedelta(days=1)

    def api(self, username: str) -> Api:
        if not self.tokens:
            answer = python("manage.py", "shell", "-v0", "-c", TOKENS, directory=self.running.directory)
            self.tokens = json.loads(answer.stdout)
        return Api(HttpClient(f"http://127.0.0.1:{self.running.port}", self.tokens[username]))

    def to(self, clock: str) -> None:
        """Pass every due time on the way as it comes, waiting for the worker's clock to fire it."""
        moment = self._at(clock)
        while due := self._first_due(moment):
            self._set(max(due, self._now()))
            assert eventually(partial(self._all_fired, due), 30), f"not fired: {self.running.output()[-2000:]}"
        self._set(max(moment, self._now()))

    def iso(self, clock: str) -> str:
        return self._at(clock).isoformat().replace("+00:00", "Z")

    def restart(self) -> None:
        self.running.kill()
        self.start()

    def start(self) -> None:
        self.running.launch()
        assert eventually(lambda: self.running.status() != 0, 60), self.running.output()

    def cut_streams(self) -> None:
        """End every open /live, by taking its listening connection from the web process."""
        listening = "query ~ '^(LISTEN contactops_hints|SELECT app_now)'"
        self.query(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {listening}")

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        url = (self.running.directory / "database-url").read_text().strip()
        connection = psycopg2.connect(url)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql, values)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    def _at(self, clock: str) -> datetime:
        hour, minute, *second = (int(part) for part in clock.split(":"))
        return self.day.replace(hour=hour, minute=minute, second=second[0] if second else 0)

    def _now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def _all_fired(self, by: datetime) -> bool:
        """And what figures have become by then is said in the incidents they concern."""
        from incidents.watching import ANYTHING  # here, because most of this module needs no Django

        [(_due, unsaid)] = self.query(ANYTHING)
        return not unsaid and self._first_due(by) is None

    def _first_due(self, by: datetime) -> datetime | None:
        [(due,)] = self.query(FIRST_DUE, by, by)
        return datetime.fromisoformat(due.isoformat()) if due else None

    def _set(self, moment: datetime) -> None:
        """The database's clock goes on from this instant."""
        self.offset = moment - datetime.now(UTC)
        self.query(PLAIN_CLOCK.format(f"clock_timestamp() + interval '{self.offset.total_seconds()} seconds'"))
