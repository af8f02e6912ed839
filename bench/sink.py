"""A mail server that takes everything and notes when: `python -m bench.sink PORT FILE`. A process of its own, so that it
does not take part in what is measured."""

import sys
import time

from aiosmtpd.controller import UnthreadedController
from aiosmtpd.smtp import SMTP, Envelope, Session

OK = "250 OK"


class Notes:
    """One line for each message: when it had arrived (seconds since 1970), and to whom."""

    def __init__(self, path: str) -> None:
        self.path = path

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        with open(self.path, "a") as notes:
            notes.write(f"{time.time():.6f} {envelope.rcpt_tos[0]}\n")
        return OK


def main(port: int, path: str) -> None:
    controller = UnthreadedController(Notes(path), hostname="127.0.0.1", port=port)
    controller.begin()
    controller.loop.run_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
