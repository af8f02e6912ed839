"""The embedded PostgreSQL: one owner, and nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from contactops import embedded
from tests.ops.console import BASE, alive, environment, eventually, python

QUERY = """
import os, sys, psycopg2
connection = psycopg2.connect(os.environ["DATABASE_URL"])
connection.autocommit = True
cursor = connection.cursor()
cursor.execute(sys.argv[1])
print(cursor.fetchone()[0] if cursor.description else "done", flush=True)
"""
STARTED = "SELECT pg_postmaster_start_time()"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Below a directory that only its owner may enter, like root's home: the server has to get through."""
    return tmp_path / "data"


def query(directory: Path, sql: str) -> "subprocess.CompletedProcess[str]":
    return python("-m", "contactops.embedded", "--", sys.executable, "-c", QUERY, sql, directory=directory)


def hold(directory: Path) -> "subprocess.Popen[bytes]":
    """An owner whose command sleeps; returns when its database can be used."""
    command = [sys.executable, "-m", "contactops.embedded", "--", "sleep", "60"]
    owner = subprocess.Popen(command, cwd=BASE, env=environment(directory))
    assert eventually((directory / "database-url").exists, 30)
    return owner


def test_a_command_gets_a_database_and_nothing_stays_behind(directory: Path) -> None:
    answer = query(directory, "SELECT current_database() || current_setting('TimeZone') || current_setting('fsync')")
    assert answer.stdout == "contactopsUTCon\n", answer.stderr
    assert alive(directory) == {}
    assert not (directory / "database-url").exists()
    failing = python("-m", "contactops.embedded", "--", "sh", "-c", "exit 7", directory=directory)
    assert failing.returncode == 7


def test_only_loopback_and_only_with_the_password(directory: Path) -> None:
    answer = query(
        directory, "SELECT current_setting('listen_addresses') || current_setting('unix_socket_directories')"
    )
    assert answer.stdout == "127.0.0.1\n", answer.stderr
    rules = (directory / "postgres" / "data" / "pg_hba.conf").read_text().splitlines()
    ways = {line.split()[-1] for line in rules if line and not line.startswith("#")}
    assert ways == {"scram-sha-256"}
    assert (directory / "postgres" / "password").stat().st_mode & 0o077 == 0


def test_killed_outright_it_takes_all_with_it_and_starts_again_with_its_data(directory: Path) -> None:
    assert query(directory, "CREATE TABLE kept AS SELECT 42 AS answer").stdout == "done\n"
    owner = hold(directory)
    owner.kill()
    owner.wait()
    assert eventually(lambda: alive(directory) == {}, 5), alive(directory)
    lock_file = directory / "postgres" / "data" / "postmaster.pid"
    lock_file.write_text(f"{os.getpid()}\n{directory / 'postgres' / 'data'}\n")  # a stale one, naming a living process
    assert query(directory, "SELECT answer FROM kept").stdout == "42\n"


def test_a_lost_server_process_does_not_hold_the_next_owner_up(directory: Path) -> None:
    owner = hold(directory)
    (postmaster,) = (pid for pid, command in alive(directory).items() if "bin/postgres" in command)
    os.kill(postmaster, signal.SIGKILL)
    owner.terminate()
    assert owner.wait(20) == 128 + signal.SIGTERM
    assert query(directory, "SELECT 1").stdout == "1\n"


def test_who_comes_second_uses_the_same_server(directory: Path) -> None:
    owner = hold(directory)
    try:
        answers = {query(directory, STARTED).stdout, query(directory, STARTED).stdout}
        command = f"""if True:
            from contactops import embedded
            with embedded.database_for_command(["manage.py", "migrate"]):
                import os, psycopg2
                cursor = psycopg2.connect(os.environ["DATABASE_URL"]).cursor()
                cursor.execute("{STARTED}")
                print(cursor.fetchone()[0])
        """
        answers.add(python("-c", command, directory=directory).stdout)
        assert len(answers) == 1, answers
        assert answers != {""}
    finally:
        owner.terminate()
        owner.wait(20)


def test_the_owner_lets_others_finish(directory: Path) -> None:
    first = [sys.executable, "-m", "contactops.embedded", "--", "sleep", "1"]
    with subprocess.Popen(first, cwd=BASE, env=environment(directory)):
        assert eventually((directory / "database-url").exists, 30)
        assert query(directory, "SELECT 'finished' FROM pg_sleep(2)").stdout == "finished\n"


def test_commands_that_read_no_data_start_no_server(directory: Path) -> None:
    for command in (["version"], ["help"], ["migrate", "--help"]):
        assert python("manage.py", *command, directory=directory).returncode == 0
    assert not (directory / "postgres").exists()


def test_a_database_of_ones_own_is_used_and_none_is_made(directory: Path) -> None:
    command = ["-m", "contactops.embedded", "--", "sh", "-c", "echo $DATABASE_URL"]
    answer = python(*command, directory=directory, DATABASE_URL="postgres://elsewhere/x")
    assert answer.stdout == "postgres://elsewhere/x\n"
    assert not directory.exists()


def test_the_command_chooses_its_settings(directory: Path) -> None:
    command = ["-m", "contactops.embedded", "--", "sh", "-c", "echo [$DJANGO_SETTINGS_MODULE]"]
    assert python(*command, directory=directory, DATABASE_URL="postgres://elsewhere/x").stdout == "[]\n"


def test_a_half_made_cluster_is_made_again(directory: Path) -> None:
    (directory / "postgres.new" / "data").mkdir(parents=True)
    (directory / "postgres.new" / "data" / "PG_VERSION").write_text("18")
    assert query(directory, "SELECT 1").stdout == "1\n"


def test_a_server_that_cannot_start_says_why_at_once(directory: Path) -> None:
    assert query(directory, "SELECT 1").returncode == 0
    (directory / "postgres" / "data" / "PG_VERSION").write_text("9.6\n")
    began = time.monotonic()
    refused = query(directory, "SELECT 1")
    assert refused.returncode == 1
    assert "PostgreSQL did not start" in refused.stderr
    assert "9.6" in refused.stderr
    assert time.monotonic() - began < 10


def test_a_temporary_server_leaves_no_directory(directory: Path) -> None:
    command = ["-m", "contactops.embedded", "--temporary", "--", "sh", "-c", "echo $DATA_DIR; test -d $DATA_DIR"]
    answer = python(*command, directory=directory)
    assert answer.returncode == 0, answer.stderr
    assert not Path(answer.stdout.strip()).exists()
    assert not directory.exists()


def test_without_the_wheel_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(embedded.EmbeddedError, match="pip install"):
        embedded.Server(directory, 0)
