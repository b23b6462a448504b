"""A mail server that keeps what it is given, and the installed alerts and reports as the tests need them."""

from __future__ import annotations

import email
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from typing import Any

import psycopg
from aiosmtpd.controller import Controller

from tenure.settings import Settings

READERS = {"en": "board@operator.example", "zh": "dongshi@operator.example, caiwu@operator.example"}
FORGET = """
delete from report_execution_log;
update report_schedule set last_state = 'Not triggered', last_value_row_json = null
where extra_json like '%"tenure"%'
"""


@dataclass(frozen=True)
class Mail:
    """What one reader got: who, the subject, the text of the HTML part, the pictures."""

    to: str
    subject: str
    html: str
    pictures: tuple[bytes, ...]


class Catcher:
    """Takes every mail over SMTP, as a mail server would, and keeps it."""

    def __init__(self, port: int) -> None:
        self._mails: list[Mail] = []
        self._lock = threading.Lock()
        self._controller = Controller(self, hostname="127.0.0.1", port=port)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        message = email.message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        parts = list(message.walk())
        mail = Mail(
            to=", ".join(envelope.rcpt_tos),
            subject=str(message["subject"]),
            html="".join(part.get_content() for part in parts if part.get_content_type() == "text/html"),
            pictures=tuple(part.get_content() for part in parts if part.get_content_type() == "image/png"),
        )
        with self._lock:
            self._mails.append(mail)
        return "250 OK"

    @contextmanager
    def listening(self) -> Iterator[Catcher]:
        """Serve until the end of the block."""
        self._controller.start()
        try:
            yield self
        finally:
            self._controller.stop()

    def taken(self) -> list[Mail]:
        """What came since the last call."""
        with self._lock:
            mails, self._mails = self._mails, []
        return mails

    def wait(self, seconds: float) -> list[Mail]:
        """What came since the last call, as soon as there is something."""
        deadline = time.monotonic() + seconds
        while not (mails := self.taken()) and time.monotonic() < deadline:
            time.sleep(0.2)
        return mails


def forget_what_was_told(settings: Settings) -> None:
    """As if no alert had been looked at yet."""
    with psycopg.connect(settings.url("superset")) as connection:
        connection.execute(FORGET)


@contextmanager
def marts_changed(settings: Settings, change: str, back: str) -> Iterator[None]:
    """The published marts as `change` makes them; `back` undoes it."""
    with psycopg.connect(settings.url("owner"), autocommit=True) as connection:
        assert connection.execute(change).rowcount == 1, change
        try:
            yield
        finally:
            assert connection.execute(back).rowcount == 1, back
