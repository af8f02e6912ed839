"""The broker in a directory, between threads and against what a killed process leaves behind."""

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from kombu.connection import Connection

BROKEN = {"empty": b"", "half": b'{"body": "e30', "no JSON": b"hello"}


@pytest.fixture
def name() -> str:
    """Of a queue nobody has declared: kombu remembers for the whole process which it has."""
    return f"q{uuid.uuid4().hex}"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Connection]:
    for name in ("messages", "control"):
        (tmp_path / name).mkdir()
    folder = str(tmp_path / "messages")
    options = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": str(tmp_path / "control")}
    options["processed_folder"] = str(tmp_path)
    with Connection("filesystem://", transport="contactops.broker:Transport", transport_options=options) as connection:
        yield connection


@pytest.mark.parametrize("what", BROKEN)
def test_a_message_that_cannot_be_read_is_left_out(broker: Connection, tmp_path: Path, name: str, what: str) -> None:
    (tmp_path / "messages" / f"0_x.{name}.msg").write_bytes(BROKEN[what])
    queue = broker.SimpleQueue(name)
    queue.put({"n": 1})
    assert queue.get(timeout=5).payload == {"n": 1}


@pytest.mark.parametrize("content", [b"", b"[["])
def test_who_was_killed_while_binding_a_queue_stops_nobody(
    broker: Connection, tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / "control" / f"{name}.exchange").write_bytes(content)
    queue = broker.SimpleQueue(name)
    queue.put({"n": 1})
    assert queue.get(timeout=5).payload == {"n": 1}


def test_a_message_appears_whole_or_not_at_all(broker: Connection, name: str) -> None:
    """One writes, one reads as fast as it can: nothing is lost and nothing is read before it is written."""
    count, seen = 300, []
    big = "x" * 20_000

    def write() -> None:
        with broker.clone() as mine:
            queue = mine.SimpleQueue(name)
            for n in range(count):
                queue.put({"n": n, "text": big})

    queue = broker.SimpleQueue(name)
    writer = threading.Thread(target=write)
    writer.start()
    for _message in range(count):
        message = queue.get(timeout=20)
        seen.append(message.payload["n"])
        message.ack()
    writer.join(20)
    assert sorted(seen) == list(range(count))
