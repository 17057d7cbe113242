"""Alerts by mail, through the district's own SMTP server.

Guarantees: encrypted before anything is said, unless the server is this machine;
the server's certificate is checked; the password is read from its file for every
mail and appears in no log; a server that hangs holds up mail alone, in a thread,
and for ``timeout_s`` a step at most.

Verdicts: a message or sender refused with 5xx is refused for good; everything else
(no connection, wrong password or one that SMTP cannot carry, 4xx, all recipients
refused) is tried again, for it is mended on the server's side or in the configuration.
A mail that some recipients got is told.
"""

from __future__ import annotations

import asyncio
import logging
import smtplib
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Literal

from homeroute_collector.alert_delivery import Refused, Retryable
from homeroute_collector.alert_messages import Place, mail
from homeroute_collector.alert_notices import Notice

log = logging.getLogger(__name__)

Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, slots=True)
class Server:
    """An SMTP server; ``password`` is asked for each mail, and may raise OSError."""

    host: str
    port: int
    security: Security
    timeout_s: float
    username: str | None = None
    password: Callable[[], str] | None = None
    ca_file: Path | None = None


class Mail:
    """Mails one list of recipients."""

    def __init__(
        self, place: Place, server: Server, *, sender: str, recipients: Sequence[str]
    ) -> None:
        self._place = place
        self._server = server
        self._sender = sender
        self._recipients = tuple(recipients)

    @property
    def where(self) -> str:
        """Host and port; no recipient, for that is a person's address."""
        return f"smtp://{self._server.host}:{self._server.port}"

    async def send(self, notices: Sequence[Notice], now_ms: int) -> None:
        """Raises Retryable or Refused."""
        message = mail(
            self._place,
            notices,
            sender=self._sender,
            recipients=self._recipients,
            now=datetime.fromtimestamp(now_ms / 1000, UTC),
        )
        missed = await asyncio.to_thread(self._deliver, message)
        if missed:
            log.warning("%s took a mail for all but %d recipients", self.where, missed)

    def _deliver(self, message: EmailMessage) -> int:
        try:
            with self._connect() as connection:
                return len(connection.send_message(message, self._sender, self._recipients))
        except smtplib.SMTPRecipientsRefused as error:
            codes = sorted({code for code, _ in error.recipients.values()})
            raise Retryable(f"every recipient was refused ({codes[0] if codes else '?'})") from None
        except smtplib.SMTPAuthenticationError as error:
            raise Retryable(f"user name or password was refused ({error.smtp_code})") from None
        except (smtplib.SMTPDataError, smtplib.SMTPSenderRefused) as error:
            verdict = Refused if error.smtp_code >= 500 else Retryable
            raise verdict(f"it answered {error.smtp_code}") from None
        except smtplib.SMTPServerDisconnected as error:
            # smtplib wraps a time limit that passed within a conversation.
            late = "timed out" in str(error)
            raise Retryable(self._late() if late else "it hung up") from None
        except smtplib.SMTPNotSupportedError as error:
            raise Retryable(str(error)) from None
        except smtplib.SMTPException as error:
            raise Retryable(type(error).__name__) from None
        except ssl.SSLCertVerificationError as error:
            raise Retryable(f"its certificate is not trusted: {error.verify_message}") from None
        except TimeoutError:
            raise Retryable(self._late()) from None
        except UnicodeError:
            # Its text would quote what it stumbled over. SMTP signs in with ASCII alone.
            raise Retryable("host, user name or password is not plain ASCII text") from None
        except OSError as error:
            named = f"{error.filename}: " if error.filename else ""
            raise Retryable(f"{named}{error.strerror or type(error).__name__}") from None

    def _late(self) -> str:
        return f"no answer within {self._server.timeout_s:g} s"

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        password = server.password() if server.password else None
        if server.security == "tls":
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=server.timeout_s, context=self._context()
            )
        else:
            connection = smtplib.SMTP(server.host, server.port, timeout=server.timeout_s)
        try:
            if server.security == "starttls":
                connection.starttls(context=self._context())
            if server.username is not None and password is not None:
                connection.login(server.username, password)
        except BaseException:
            connection.close()
            raise
        return connection

    def _context(self) -> ssl.SSLContext:
        ca_file = self._server.ca_file
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
