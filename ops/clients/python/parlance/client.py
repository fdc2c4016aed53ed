"""A client of the service: one Client an endpoint, for as many threads as you like.

Each thread that calls has a socket of its own, which it gets at its first call and which dies with it, so calls of
different threads run side by side and there is no thread of ours that could outlive the program. Nothing waits at
exit: unsent bytes are dropped. Every call raises in its time: Timeout when no answer came, ParlanceError when the
service refused. A request that was accepted is answered also after a restart of the service; while a call waits in
silence it asks again by the same id, which never generates twice."""

import os
import threading
import time
import weakref
from collections import deque
from typing import Any, Callable, Deque, Dict, Iterator, Optional

import msgpack
import zmq

from . import messages as m

REPLY_MAX_BYTES = 16 * 1024 * 1024
REACH_S = 10.0  # in which a service that is there has said something
SILENCE_S = 3.0  # after this long without a word for it a call asks again
_LAST_SEQ = 2**32 - 1  # as resume_from: no deltas, only the end
_NO_ROOM = ("overloaded", "unavailable")


class ParlanceError(Exception):
    """The service refused, or the message breaks the protocol. `code` is one of messages.ERRORS."""

    def __init__(self, code: str, field: Optional[str] = None, message: str = "", retry_after_ms: Optional[int] = None,
                 id: Optional[str] = None) -> None:
        super().__init__(code, field, message)
        self.code = code
        self.field = field
        self.message = message or m.ERRORS.get(code, code)
        self.retry_after_ms = retry_after_ms
        self.id = id  # of the request

    def __str__(self) -> str:
        return "%s: %s%s" % (self.code, self.field + ": " if self.field else "", self.message)


class Timeout(ParlanceError, TimeoutError):
    """No answer in time. What was accepted goes on in the service: result(error.id) brings its answer."""

    def __init__(self, what: str, id: Optional[str] = None, message: str = "") -> None:
        super().__init__("deadline_exceeded", None, message or "no answer in time to " + what, None, id)


class _Part(dict):
    """A part of an answer: a dict whose keys are attributes too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Usage(_Part):
    """prompt_tokens, cached_tokens, completion_tokens."""


class Delta(str):
    """A piece of an answer: its text, with `seq` and `kind` (answer, reasoning, tool)."""

    seq: int
    kind: str

    @property
    def text(self) -> str:
        return str(self)


class Answer:
    """An answer: `id`, `text`, `turn` (what rate() takes), `session`, `usage`, `finish_reason`, `reasoning`, `tools`,
    `dropped_turns`, `seed`, `model_digest`, `template_digest`, `adapter_digest`, `error`."""

    def __init__(self, done: m.ChatDone, id: str) -> None:
        self.id = id
        self.text = done.text
        self.turn = done.turn
        self.session = done.session
        self.finish_reason = done.finish_reason
        self.usage = Usage(done.usage.to_wire())
        self.reasoning = done.reasoning
        self.tools = [_Part(t.to_wire()) for t in done.tools or []]
        self.dropped_turns = done.dropped_turns
        self.seed = done.seed
        self.model_digest = done.model_digest
        self.template_digest = done.template_digest
        self.adapter_digest = done.adapter_digest
        self.error = done.error

    def __repr__(self) -> str:
        return "Answer(turn=%r, text=%r)" % (self.turn, self.text)

    def __str__(self) -> str:
        return self.text


def draw_id() -> str:
    """A UUIDv7 (RFC 9562)."""
    ms = time.time_ns() // 1000000
    value = (ms & (2**48 - 1)) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    text = "%032x" % value
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


class _Channel:
    """A socket and what came for each open request. One thread at a time reads or writes it."""

    def __init__(self, context: "zmq.Context[Any]", endpoint: str) -> None:
        self.lock = threading.RLock()
        self.heard = 0.0  # when the last bytes came
        self.inbox: Dict[str, Deque[m.Record]] = {}
        self.socket = context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RECONNECT_IVL, 50)
        self.socket.setsockopt(zmq.RECONNECT_IVL_MAX, 1000)
        self.socket.setsockopt(zmq.HEARTBEAT_IVL, 5000)
        self.socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 15000)
        self.socket.setsockopt(zmq.MAXMSGSIZE, REPLY_MAX_BYTES)
        self.socket.connect(endpoint)

    def close(self) -> None:
        self.socket.close(linger=0)

    def __del__(self) -> None:
        if "socket" in self.__dict__ and not self.socket.closed:
            self.socket.close(linger=0)

    def send(self, record: m.Record, id: str, **head: Any) -> None:
        try:
            body = record.to_wire()
            envelope = m.Envelope(type=record.NAME, id=id, body=body, **head).to_wire()
        except m.InvalidMessage as error:
            raise ParlanceError("invalid", error.field, error.text, None, id) from None
        with self.lock:
            try:
                self.socket.send(msgpack.packb(envelope), zmq.DONTWAIT)
            except zmq.Again:
                raise ParlanceError("overloaded", None, "the socket takes no more", None, id) from None

    def _route(self, frame: bytes) -> None:
        try:
            wire = msgpack.unpackb(frame, raw=False, strict_map_key=False)
            kind = m.MESSAGES.get(wire["type"])
            waiting = self.inbox.get(wire.get("correlation"))
            if kind is not None and waiting is not None:
                waiting.append(kind.from_wire(wire.get("body") or {}))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ParlanceError("corrupt", None, "the service sent what is no message: %s" % error) from None

    def receive(self, id: str, until: float) -> Optional[m.Record]:
        """The next message for ID; None when there is none until then."""
        with self.lock:
            waiting = self.inbox[id]
            while not waiting:
                left = until - time.monotonic()
                if not self.socket.poll(max(0, int(left * 1000 + 0.999))):
                    return None
                self.heard = time.monotonic()
                self._route(self.socket.recv_multipart(zmq.DONTWAIT)[-1])
            return waiting.popleft()


class _Open:
    """A request that waits for answers on a channel; a context that ends the waiting."""

    def __init__(self, channel: _Channel, id: str, what: str, timeout: float, endpoint: Optional[str] = None) -> None:
        self.channel = channel
        self.id = id
        self.what = what
        self.endpoint = endpoint  # given: somebody must be heard soon
        self.since = time.monotonic()
        self.until = self.since + timeout
        self.reach = min(timeout, REACH_S)
        self.again: Callable[[], None] = lambda: None
        channel.inbox.setdefault(id, deque())

    def __enter__(self) -> "_Open":
        return self

    def __exit__(self, *_: Any) -> None:
        self.channel.inbox.pop(self.id, None)

    def _unreached(self) -> bool:
        """True while nobody was heard since the asking began, which matters only when an endpoint was given."""
        return self.endpoint is not None and self.channel.heard < self.since

    def next(self) -> m.Record:
        """The next message; asks again in silence. Timeout, or ParlanceError for chat.error."""
        while True:
            now = time.monotonic()
            until = min(self.until, now + SILENCE_S)
            if self._unreached():
                until = min(until, self.since + self.reach)
            record = self.channel.receive(self.id, until)
            if isinstance(record, m.ChatError):
                raise ParlanceError(record.code, record.field, record.message, record.retry_after_ms, self.id)
            if record is not None:
                return record
            now = time.monotonic()
            if self._unreached() and now >= self.since + self.reach:
                raise Timeout(self.what, self.id, "no service at %s said a word in %g s" % (self.endpoint, self.reach))
            if now >= self.until:
                raise Timeout(self.what, self.id)
            self.again()

    def next_of(self, *kinds: type) -> Any:
        while True:
            record = self.next()
            if isinstance(record, kinds):
                return record


class Stream:
    """Yields the deltas of an answer; afterwards `answer` is the whole. cancel() stops the answer."""

    def __init__(self, waiting: _Open, head: Dict[str, Any]) -> None:
        self.id = waiting.id
        self.answer: Optional[Answer] = None
        self.accepted = False
        self._open = waiting
        self._head = head
        self._seq = 0
        self._asked_again = False
        self._over = False

    def __iter__(self) -> Iterator[Delta]:
        return self

    def _again(self, request: Optional[m.ChatRequest]) -> None:
        self._asked_again = True
        if self.accepted or request is None:
            self._open.channel.send(m.ChatResume(resume_from=self._seq), self.id)
        else:
            self._open.channel.send(request, self.id, **self._head)

    def _next(self) -> m.Record:
        try:
            return self._open.next()
        except ParlanceError as error:
            # A refusal for lack of room, of an asking again, means only that the service is there.
            if not (self._asked_again and self.accepted and error.code in _NO_ROOM):
                self.close()
                raise
            return m.ChatAccepted(session="", seed=0, credit=0)

    def __next__(self) -> Delta:
        while not self._over:
            record = self._next()
            if isinstance(record, m.ChatAccepted):
                self.accepted = True
            elif isinstance(record, m.ChatDone):
                self.answer = Answer(record, self.id)
                self.close()
            elif isinstance(record, m.ChatDelta) and record.seq >= self._seq:
                self._seq = record.seq + 1
                delta = Delta(record.text)
                delta.seq, delta.kind = record.seq, record.kind
                return delta
        raise StopIteration

    def cancel(self) -> None:
        """Asks the service to stop; the stream then ends by itself, with what there is as its answer."""
        self._open.channel.send(m.ChatCancel(), self.id)

    def finish(self) -> Answer:
        """Reads to the end."""
        for _ in self:
            pass
        if self.answer is None:
            raise ParlanceError("gone", None, "the stream was closed before its end", None, self.id)
        return self.answer

    def close(self) -> None:
        """Reads no more. The service goes on; result(id) brings the answer."""
        self._over = True
        self._open.__exit__()

    def __del__(self) -> None:
        self.close()


class Client:
    """Talks to the service at ENDPOINT ("tcp://127.0.0.1:5580", "ipc:///path"). Never blocks when it is made."""

    def __init__(self, endpoint: str = "tcp://127.0.0.1:5580") -> None:
        self.endpoint = endpoint
        # The program's own context: it is never terminated, because that would wait for the sockets of all threads.
        self._context: "zmq.Context[Any]" = zmq.Context.instance()
        self._mine = threading.local()
        self._all: "weakref.WeakSet[_Channel]" = weakref.WeakSet()
        self._closed = False
        try:
            self._channel()
        except zmq.ZMQError as error:
            self.close()
            raise ParlanceError("invalid", "endpoint", "cannot connect to %s: %s" % (endpoint, error)) from None

    # --- life ---

    def _make(self) -> _Channel:
        if self._closed:
            raise ParlanceError("gone", None, "this client is closed")
        channel = _Channel(self._context, self.endpoint)
        self._all.add(channel)
        return channel

    def _channel(self) -> _Channel:
        channel = getattr(self._mine, "channel", None)
        if channel is None or channel.socket.closed:
            channel = self._mine.channel = self._make()
        return channel

    def close(self) -> None:
        """Closes the sockets of all threads: call it when they are done. Does not wait."""
        self._closed = True
        for channel in list(self._all):
            channel.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __del__(self) -> None:
        if "_context" in self.__dict__ and not self._closed:
            self.close()

    # --- asking ---

    @staticmethod
    def _request(text: Optional[str], options: Dict[str, Any]) -> m.ChatRequest:
        known = {f.name for f in m.ChatRequest.FIELDS}
        for name in options:
            if name not in known:
                raise TypeError("chat has no option %r" % name)
        parts = options.get("messages")
        if parts is not None:
            parts = [p if isinstance(p, m.ChatMessagePart) else m.ChatMessagePart(**p) for p in parts]
            options = dict(options, messages=parts)
        options = {name: value for name, value in options.items() if value is not None}
        return m.ChatRequest(text=text, **options)

    def stream(self, text: Optional[str] = None, session: Optional[str] = None, user: Optional[str] = None,
               id: Optional[str] = None, timeout: float = 300, budget_ms: Optional[int] = None, **options: Any) -> Stream:
        """Asks, and gives an iterator over the deltas. TIMEOUT bounds the whole. Options are the fields of chat.request:
        messages (instead of text), system, tools, max_tokens, temperature, top_p, top_k, min_p, repetition_penalty,
        presence_penalty, frequency_penalty, seed, stop, resume_from."""
        request = self._request(text, options)
        head = {"session": session, "user": user, "budget_ms": budget_ms}
        waiting = _Open(self._channel(), id or draw_id(), "chat", timeout, self.endpoint)
        stream = Stream(waiting, head)
        waiting.again = lambda weak=weakref.ref(stream): weak() and weak()._again(request)
        waiting.channel.send(request, waiting.id, **head)
        return stream

    def chat(self, text: Optional[str] = None, session: Optional[str] = None, user: Optional[str] = None,
             id: Optional[str] = None, timeout: float = 300, **options: Any) -> Answer:
        """Asks and waits for the answer. See stream() for the options."""
        return self.stream(text, session, user, id, timeout, **options).finish()

    def submit(self, text: Optional[str] = None, session: Optional[str] = None, user: Optional[str] = None,
               id: Optional[str] = None, timeout: float = 10, budget_ms: Optional[int] = None, **options: Any) -> str:
        """Asks, and returns the request's id as soon as the request is on the service's disk: from then on it will
        be answered. result(id) brings the answer."""
        request = self._request(text, options)
        head = {"session": session, "user": user, "budget_ms": budget_ms}
        channel = self._make()  # of its own: the deltas that follow are for nobody
        try:
            with _Open(channel, id or draw_id(), "submit", timeout, self.endpoint) as waiting:
                waiting.again = lambda: channel.send(request, waiting.id, **head)
                waiting.again()
                waiting.next_of(m.ChatAccepted, m.ChatDone)
                return waiting.id
        finally:
            channel.close()

    def result(self, id: str, timeout: float = 300) -> Answer:
        """The answer to an accepted request: the stored one, or the running one when it is done. Works after a
        restart of either side. ParlanceError with code not_found when the service does not know the id."""
        channel = self._channel()
        with _Open(channel, id, "result", timeout) as waiting:
            waiting.again = lambda: channel.send(m.ChatResume(resume_from=_LAST_SEQ), id)
            waiting.again()
            while True:
                try:
                    return Answer(waiting.next_of(m.ChatDone), id)
                except ParlanceError as error:
                    if error.code not in _NO_ROOM or time.monotonic() >= waiting.until:
                        raise
                    pause = time.monotonic() + (error.retry_after_ms or 200) / 1000
                    if channel.receive(id, min(waiting.until, pause)) is None:
                        waiting.again()

    def cancel(self, id: str, timeout: float = 10) -> Answer:
        """Stops an answer and returns what there is of it."""
        channel = self._channel()
        with _Open(channel, id, "cancel", timeout) as waiting:
            waiting.again = lambda: channel.send(m.ChatCancel(), id)
            waiting.again()
            return Answer(waiting.next_of(m.ChatDone), id)

    # --- the rest ---

    def _call(self, record: m.Record, kind: type, what: str, timeout: float, **head: Any) -> Any:
        channel = self._channel()
        with _Open(channel, draw_id(), what, timeout) as waiting:
            waiting.again = lambda: channel.send(record, waiting.id, **head)
            waiting.again()
            return waiting.next_of(kind)

    def ping(self, timeout: float = 2) -> m.Pong:
        """Who is there: version, model, model_digest, ready, credit."""
        return self._call(m.Ping(), m.Pong, "ping", timeout)

    def rate(self, turn: str, stars: int, user: Optional[str] = None, comment: Optional[str] = None,
             correction: Optional[str] = None, timeout: float = 10) -> m.FeedbackStored:
        """Rates an answer, 1 (bad) to 5 (good); returns when the rating is on the service's disk."""
        rating = m.FeedbackAdd(turn=turn, stars=stars, comment=comment, correction=correction)
        return self._call(rating, m.FeedbackStored, "rate", timeout, user=user)

