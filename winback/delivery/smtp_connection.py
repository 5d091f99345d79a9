"""One SMTP connection: the opening words one by one, then messages, each reply read for what it proves."""

import asyncio
import re
from collections import deque
from dataclasses import dataclass
from enum import Enum
from time import monotonic

from winback.delivery.answer import HELD_BACK, Answer, AnswerKind, ErrorKind, from_error
from winback.delivery.mime import eml
from winback.delivery.outgoing import Outgoing
from winback.delivery.pool import AGAIN, FREE, Connection, Pool
from winback.delivery.refusals import is_dead

MOST_OCTETS = 100_000  # of one reply
_ENHANCED = re.compile(rb"[245]\.[0-9]{1,3}\.[0-9]{1,3}\b")  # RFC 3463
_QUEUED_AS = re.compile(rb"(?:queued as|id=) *([A-Za-z0-9.-]{4,80})")  # Postfix; Exim
_WANTS_A_LOGIN = frozenset({530, 534, 535, 538})
_CLOSING = 421


class Step(Enum):
    """What a reply answers."""

    RESET = "RSET"
    SENDER = "MAIL"
    RECIPIENT = "RCPT"
    DATA = "DATA"
    DOT = "."


@dataclass(slots=True)  # several for each message
class Reply:
    """One reply of the server; ``lines`` without their code."""

    code: int
    lines: list[bytes]

    @property
    def reason(self) -> str:
        """``smtp_550:5.1.1``: the text itself may quote an address."""
        enhanced = _ENHANCED.match(self.lines[0])
        return f"smtp_{self.code}" + (f":{enhanced[0].decode()}" if enhanced else "")


def read_fault(step: Step, reply: Reply) -> Answer:
    """What a reply other than the hoped-for one proves.

    A wrong login, sender or relay would refuse everybody's message, so it stops the channel.
    """
    permanent, transient = 500 <= reply.code < 600, 400 <= reply.code < 500
    if permanent and (step is Step.SENDER or reply.code in _WANTS_A_LOGIN or _is_no_relay(step, reply)):
        kind = AnswerKind.CHANNEL_STOP
    elif permanent and step is not Step.RESET:
        kind = AnswerKind.REJECTED
    elif transient or step is not Step.DOT:  # without the dot nothing was sent, whatever the reply means
        kind = AnswerKind.RETRY_LATER
    else:
        kind = AnswerKind.UNCERTAIN
    return Answer(kind=kind, reason=reply.reason, status=reply.code)


def _is_no_relay(step: Step, reply: Reply) -> bool:
    """Whether the server takes no mail from us for anybody elsewhere.

    Not where it knows the mailbox to be none: Postfix says "User unknown in relay recipient table", and some quote
    the address.
    """
    says_so = step is Step.RECIPIENT and b"relay" in b" ".join(reply.lines).lower()
    return says_so and not is_dead(reply.reason)


class SmtpConnection(Connection[Outgoing, Answer]):
    """A connection that is opened with ``command``, made ready, and then carries one message at a time."""

    def __init__(self, pool: Pool[Outgoing, Answer]) -> None:
        super().__init__(pool)
        self._unread = b""
        self._lines: list[bytes] = []
        self._opening: asyncio.Queue[Reply | None] | None = asyncio.Queue()
        self._pipelining = self._eight_bit = self._dirty = self._delivered = False
        self._awaited: deque[Step] = deque()
        self._unwritten: deque[tuple[Step, bytes]] = deque()

    # --- opening -------------------------------------------------------------------------------------------------

    async def command(self, line: str = "") -> Reply:
        """Say one line, or nothing, and wait for the reply; ConnectionResetError when there will be none."""
        assert self._opening
        if line:
            self.transport.write(line.encode() + b"\r\n")
        reply = await self._opening.get()
        if reply is None:
            raise ConnectionResetError
        return reply

    def has_heard_all(self) -> bool:
        """Whether nothing is left of what came in: words before TLS must not count after it."""
        return self._unread == b"" and self._lines == [] and self._opening is not None and self._opening.empty()

    def make_ready(self, extensions: frozenset[str]) -> None:
        """From now on it carries messages; ``extensions``: the words of the reply to EHLO."""
        self._opening = None
        self._pipelining, self._eight_bit = "PIPELINING" in extensions, "8BITMIME" in extensions

    # --- one message ---------------------------------------------------------------------------------------------

    def begin(self, asked: Outgoing) -> None:
        """Say who writes to whom; the message follows when the server has agreed."""
        self._fault: Answer | None = None
        self._keep, self._on_its_way = True, False
        body = " BODY=8BITMIME" if self._eight_bit else ""
        said = [
            (Step.SENDER, f"MAIL FROM:<{asked.from_address}>{body}\r\n".encode()),
            (Step.RECIPIENT, f"RCPT TO:<{asked.to}>\r\n".encode()),
            (Step.DATA, b"DATA\r\n"),
        ]
        if self._dirty:
            said.insert(0, (Step.RESET, b"RSET\r\n"))
            self._dirty = False
        self._unwritten.extend(said)
        self._speak()
        content = eml(asked, eight_bit=self._eight_bit)
        self._content = (content.replace(b"\r\n.", b"\r\n..") if b"\r\n." in content else content) + b".\r\n"

    def _speak(self) -> None:
        """Write what may be written now: everything, or one line to a server that takes no more."""
        count = len(self._unwritten) if self._pipelining else 1
        said = [self._unwritten.popleft() for _ in range(count)]
        self._awaited.extend(step for step, _ in said)
        self.transport.write(b"".join(line for _, line in said))

    def data_received(self, data: bytes) -> None:
        """Take the lines that are whole, and act on each reply."""
        *lines, self._unread = (self._unread + data).split(b"\r\n")
        for line in lines:
            self._lines.append(line[4:])
            if line[3:4] != b"-":
                reply, self._lines = Reply(_code(line), self._lines), []
                self._heard(reply)
        if len(self._unread) + len(self._lines) > MOST_OCTETS:
            self.transport.abort()

    def _heard(self, reply: Reply) -> None:
        if self._opening:
            self._opening.put_nowait(reply)
        elif self.item is FREE:  # nobody asked: the server says good-bye
            self.pool.lost(self)
            self.transport.abort()
        else:
            self._advance(self._awaited.popleft(), reply)

    def _advance(self, step: Step, reply: Reply) -> None:
        if reply.code // 100 != (3 if step is Step.DATA else 2):
            self._fault = self._fault or read_fault(step, reply)
            self._keep = self._keep and 400 <= reply.code < 600 and reply.code != _CLOSING
        elif step is Step.DOT:
            self._delivered = True
            self.finish(_accepted(reply), keep=True)
            return
        elif step is Step.DATA and not self._fault:
            self._hand_over()
            return
        elif step is Step.DATA:  # it wants a message that it must not get
            self._keep = False
        self._go_on()

    def _go_on(self) -> None:
        """End the exchange when no reply is missing and something was refused; else say the next line."""
        if self._awaited:
            return
        if self._fault:
            self._unwritten.clear()
            self._dirty = True
            self.finish(AGAIN if self._has_had_enough() else self._fault, keep=self._keep)
        else:
            self._speak()

    def _hand_over(self) -> None:
        """Write the message, which without its last line is none; where it may not leave any more, leave it."""
        if not self.pool.may_begin():
            self.finish(HELD_BACK, keep=False)
            return
        self._on_its_way = True
        self._awaited.append(Step.DOT)
        self.deadline = monotonic() + self.pool.timeout_seconds
        self.transport.write(self._content)

    def _has_had_enough(self) -> bool:
        """Whether the server ends the connection between two letters: many take only so many on each."""
        closing = self._fault is None or self._fault.status == _CLOSING
        return self._delivered and closing and not self._on_its_way

    def failure(self, kind: ErrorKind) -> Answer:
        """Without the final dot nothing was sent; with it nobody knows. AGAIN where another connection will do."""
        if kind is ErrorKind.BROKEN_OFF and self._has_had_enough():
            return AGAIN  # type: ignore[no-any-return]  # a mark of the pool's
        if self._fault:
            return self._fault
        answer = from_error(kind)
        return answer if self._on_its_way else answer._replace(kind=AnswerKind.RETRY_LATER)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits for a reply."""
        if self._opening:
            self._opening.put_nowait(None)
        super().connection_lost(exc)

    def leave(self) -> None:
        """Say good-bye and go."""
        self.transport.write(b"QUIT\r\n")
        self.transport.abort()


def _code(line: bytes) -> int:
    return int(line[:3]) if line[:3].isdigit() else 0


def _accepted(reply: Reply) -> Answer:
    queued = _QUEUED_AS.search(reply.lines[-1])
    return Answer(kind=AnswerKind.ACCEPTED, provider_id=queued[1].decode() if queued else None, status=reply.code)
