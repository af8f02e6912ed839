"""A mail server that takes everything and notes when: `python -m bench.sink PORT FILE`. A process of its own, and as
small as the protocol allows, so that it does not take part in what is measured."""

import asyncio
import sys
import time
from typing import TextIO

END = b"\r\n.\r\n"
ANSWERS = {b"EHLO": "250 sink", b"DATA": "354 go on", b"QUIT": "221 bye"}


class Sink(asyncio.Protocol):
    """One connection. Each message becomes a line: when it had arrived (seconds since 1970), and to whom."""

    def __init__(self, notes: TextIO) -> None:
        self.notes = notes
        self.waiting, self.to, self.in_message = b"", "", False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._say("220 sink")

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        while (end := self.waiting.find(END if self.in_message else b"\r\n")) >= 0:
            line, self.waiting = self.waiting[:end], self.waiting[end + (len(END) if self.in_message else 2) :]
            self._arrived() if self.in_message else self._command(line)

    def _arrived(self) -> None:
        self.notes.write(f"{time.time():.6f} {self.to}\n")
        self.in_message = False
        self._say("250 OK")

    def _command(self, line: bytes) -> None:
        verb = line[:4].upper()
        if verb == b"RCPT":
            self.to = line.partition(b"<")[2].partition(b">")[0].decode()
        self.in_message = verb == b"DATA"
        self._say(ANSWERS.get(verb, "250 OK"))

    def _say(self, answer: str) -> None:
        self.transport.write(f"{answer}\r\n".encode())


async def main(port: int, path: str) -> None:
    with open(path, "a", buffering=1) as notes:
        server = await asyncio.get_running_loop().create_server(lambda: Sink(notes), "127.0.0.1", port)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
