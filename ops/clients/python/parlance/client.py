"""A client of the service: one Client an endpoint, for as many threads as you like.

Each thread that calls has a socket of its own, which it gets at its first call and which dies with it, so calls of
different threads run side by side and there is no thread of ours that could outlive the program. Nothing waits at
exit: unsent bytes are dropped. Every call raises in its time: Timeout when no answer came, ParlanceError when the
service refused. A call survives what happens to the other side in its time: when the connection breaks, or the service
or its edge dies and comes back, it asks again with the same id, which never generates twice, and goes on at the piece that
is missing, so that each delta comes once, in order. The client in C (ops/clients/c) behaves the same."""

import json
import os
import random
import struct
import threading
import time
import weakref
from collections import deque
from typing import Any, Callable, Deque, Dict, Iterator, Optional, Tuple

import msgpack
import zmq
import zmq.utils.z85

from . import messages as m

FRAME_MAX_BYTES = 262144  # the service takes no larger message
REPLY_MAX_BYTES = 16 * 1024 * 1024
QUEUE_MAX_BYTES = 4 * 1024 * 1024  # that wait to be read, of one stream; what does not fit is asked for again
REACH_S = 10.0  # in which a service that is there has said something
LOST_S = 30.0  # without a connection: then a call without a time-out ends
SILENCE_S = 3.0  # after this long without a word for it a call asks again
SILENCE_MAX_S = 30.0  # doubled up to this
RETRY_MS = 500  # after a refusal that names no time
_TRIES_MAX = 3
_LAST_SEQ = 2**32 - 1  # as resume_from: no deltas, only the end
_NO_ROOM = ("overloaded", "unavailable")
_EVENTS = (zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL |
           zmq.EVENT_DISCONNECTED)


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
    """One socket, and what came on it for each id that is waited for. Belongs to one thread; the lock makes a misuse slow
    and not wrong."""

    def __init__(self, context: "zmq.Context[Any]", endpoint: str, keys: Optional[Dict[str, bytes]]) -> None:
        self.lock = threading.RLock()
        self.endpoint = endpoint
        self.open: Dict[str, "_Open"] = {}
        self.connected = False
        self.losses = 0  # connections that broke
        self.heard = -float("inf")  # monotonic time of the last message, whatever it answered
        self.lost_at = time.monotonic()  # since when there is no connection
        self.barred: Optional[str] = None  # why there will be none
        self.socket = context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RECONNECT_IVL, 20)
        self.socket.setsockopt(zmq.RECONNECT_IVL_MAX, 500)
        self.socket.setsockopt(zmq.HEARTBEAT_IVL, 2000)
        self.socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 6000)
        self.socket.setsockopt(zmq.MAXMSGSIZE, REPLY_MAX_BYTES)
        if keys:
            self.socket.setsockopt(zmq.CURVE_SERVERKEY, keys["server"])
            self.socket.setsockopt(zmq.CURVE_PUBLICKEY, keys["public"])
            self.socket.setsockopt(zmq.CURVE_SECRETKEY, keys["secret"])
        # Without a bound: the socket's own thread waits, for all sockets of the program, where an event has no room.
        # While no call reads them, each broken connection costs some 300 bytes.
        self.events = context.socket(zmq.PAIR)
        self.events.setsockopt(zmq.LINGER, 0)
        self.events.setsockopt(zmq.RCVHWM, 0)
        address = "inproc://parlance-%s" % os.urandom(8).hex()
        self.socket.monitor(address, _EVENTS)
        self.events.connect(address)
        self.poller = zmq.Poller()
        self.poller.register(self.socket, zmq.POLLIN)
        self.poller.register(self.events, zmq.POLLIN)
        self.socket.connect(endpoint)

    def close(self) -> None:
        if not self.socket.closed:
            self.socket.monitor(None, 0)
            self.events.close(linger=0)
            self.socket.close(linger=0)

    def __del__(self) -> None:
        if "events" in self.__dict__:
            self.close()

    def send(self, record: m.Record, id: str, **head: Any) -> None:
        try:
            body = record.to_wire()
            envelope = m.Envelope(type=record.NAME, id=id, body=body, **head).to_wire()
        except m.InvalidMessage as error:
            raise ParlanceError("invalid", error.field, error.text, None, id) from None
        frame = msgpack.packb(envelope)
        if len(frame) > FRAME_MAX_BYTES:
            raise ParlanceError("too_large", "message", "a message is at most %d bytes" % FRAME_MAX_BYTES, None, id)
        with self.lock:
            try:
                self.socket.send(frame, zmq.DONTWAIT)
            except zmq.Again:
                raise ParlanceError("overloaded", None, "the socket takes no more", None, id) from None

    def _route(self, frame: bytes) -> None:
        try:
            wire = msgpack.unpackb(frame, raw=False, strict_map_key=False)
            kind = m.MESSAGES.get(wire["type"])
            waiting = self.open.get(wire.get("correlation"))
            if kind is not None and waiting is not None:
                waiting.put(kind.from_wire(wire.get("body") or {}), len(frame))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ParlanceError("corrupt", None, "the service sent what is no message: %s" % error) from None

    def _event(self, event: int, value: int) -> None:
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self.connected, self.barred = True, None
        elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            self.barred = "it does not know this key"
        elif event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL and value == zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH:
            self.barred = "one side speaks with keys and the other one without"
        elif event == zmq.EVENT_DISCONNECTED and self.connected:
            self.connected = False
            self.losses += 1
            self.lost_at = time.monotonic()

    def pump(self, until: float) -> None:
        """Waits up to UNTIL for anything, and takes in all that is there."""
        left = max(0, min(until - time.monotonic(), 3600.0))
        ready = dict(self.poller.poll(int(left * 1000 + 0.999)))
        try:
            while self.socket in ready:
                frame = self.socket.recv_multipart(zmq.DONTWAIT)[-1]
                self.heard = time.monotonic()
                self._route(frame)
        except zmq.Again:
            pass
        try:
            while self.events in ready:
                self._event(*struct.unpack("=HI", self.events.recv_multipart(zmq.DONTWAIT)[0]))
        except zmq.Again:
            pass


class _Open:
    """A request that waits for answers on a channel; a context that ends the waiting. `again` is how it asks again: when
    the connection was lost and is back, in silence, when pieces are missing, after a passing refusal. While there is no
    connection nothing is asked: messages for nobody would pile up in the socket."""

    def __init__(self, channel: _Channel, id: str, what: str, timeout: Optional[float], reach: bool = False,
                 retry: bool = False) -> None:
        if id in channel.open:
            raise ParlanceError("invalid", "id", "a stream of this thread waits for the same id", None, id)
        self.channel = channel
        self.id = id
        self.what = what
        self.since = time.monotonic()
        self.until = float("inf") if timeout is None else self.since + timeout
        self.reach = min(self.until, self.since + REACH_S) if reach else None  # somebody must be heard until then
        self.retry = retry  # refusals for lack of room are waited out
        self.again: Callable[[], None] = lambda: None
        self.queue: Deque[Tuple[m.Record, int]] = deque()
        self.queued_bytes = 0
        self.cut = False  # the queue was full; what came since is to be asked for
        self.silence = SILENCE_S
        self.asked_again = False
        self._asked()
        channel.open[id] = self

    def __enter__(self) -> "_Open":
        return self

    def __exit__(self, *_: Any) -> None:
        if self.channel.open.get(self.id) is self:
            del self.channel.open[self.id]
        self.queue.clear()

    def put(self, record: m.Record, size: int) -> None:
        self.cut = self.cut or (bool(self.queue) and self.queued_bytes + size > QUEUE_MAX_BYTES)
        if not self.cut:
            self.queue.append((record, size))
            self.queued_bytes += size

    def _asked(self) -> None:
        self.losses = self.channel.losses
        self.ask_at = time.monotonic() + self.silence

    def ask_soon(self) -> None:
        self.ask_at = 0.0

    def _ask_if_due(self, now: float) -> None:
        channel = self.channel
        if not channel.connected or not (self.losses != channel.losses or self.cut or now >= self.ask_at):
            return
        self.asked_again, self.cut = True, False
        self.silence = min(2 * self.silence, SILENCE_MAX_S)
        self._asked()
        try:
            self.again()
        except ParlanceError as error:
            if error.code != "overloaded":  # a socket that takes no more is asked again later
                raise

    def _unreached(self) -> bool:
        return self.reach is not None and self.channel.heard < self.since

    def _check_time(self, now: float) -> None:
        channel = self.channel
        if channel.barred and not channel.connected:
            raise ParlanceError("forbidden", "keys", "no connection to %s: %s" % (channel.endpoint, channel.barred), None, self.id)
        if self.reach is not None and self._unreached() and now >= self.reach:
            raise Timeout(self.what, self.id,
                          "no service at %s said a word in %g s" % (channel.endpoint, round(self.reach - self.since, 3)))
        if now >= self.until:
            raise Timeout(self.what, self.id)
        if self.until == float("inf") and not channel.connected and now >= max(channel.lost_at, self.since) + LOST_S:
            raise ParlanceError("gone", None, "there is no connection to %s any more" % channel.endpoint, None, self.id)

    def _wake_at(self) -> float:
        channel = self.channel
        at = self.until
        if self.reach is not None and self._unreached():
            at = min(at, self.reach)
        if channel.connected:
            at = min(at, self.ask_at)
        elif at == float("inf"):
            at = max(channel.lost_at, self.since) + LOST_S
        return at

    def _receive(self) -> m.Record:
        with self.channel.lock:
            while not self.queue:
                now = time.monotonic()
                self._check_time(now)
                self._ask_if_due(now)
                self.channel.pump(self._wake_at())
            record, size = self.queue.popleft()
            self.queued_bytes -= size
            self.ask_at = time.monotonic() + self.silence
            return record

    def next(self, known: bool = False) -> m.Record:
        """The next message. Timeout, or ParlanceError for chat.error. KNOWN: the service has the request on disk, so that
        a passing refusal is no answer; after an asking again nobody can tell, so it is none either."""
        while True:
            record = self._receive()
            if not isinstance(record, m.ChatError):
                return record
            passing = record.code in _NO_ROOM and (known or self.asked_again or self.retry)
            if not passing:
                raise ParlanceError(record.code, record.field, record.message, record.retry_after_ms, self.id)
            wait = (record.retry_after_ms or RETRY_MS) / 1000
            # A fifth more or less, so that those who were refused together do not come again together.
            self.ask_at = time.monotonic() + wait * random.uniform(0.8, 1.2)

    def next_of(self, *kinds: type, known: bool = False) -> Any:
        while True:
            record = self.next(known)
            if isinstance(record, kinds):
                return record


class Stream:
    """Yields the deltas of an answer, each once and in order; afterwards `answer` is the whole. cancel() stops the answer."""

    def __init__(self, waiting: _Open, request: m.ChatRequest, head: Dict[str, Any], seq: int = 0) -> None:
        self.id = waiting.id
        self.answer: Optional[Answer] = None
        self.accepted = False
        self._open = waiting
        self._request = request
        self._head = head
        self._seq = seq  # the next one
        self._said = {"answer": 0, "reasoning": 0}  # characters that were given on
        self._tries = 0  # ends that came since the last piece, though some are missing
        self._asked = False  # for the gap that is seen now
        self._over = False
        weak = weakref.ref(self)
        waiting.again = lambda: (lambda stream: stream and stream._again())(weak())
        waiting.channel.send(request, waiting.id, **head)

    def __iter__(self) -> Iterator[Delta]:
        return self

    def _again(self) -> None:
        if self.accepted:
            self._open.channel.send(m.ChatResume(resume_from=self._seq), self.id, tenant=self._head.get("tenant"))
        else:
            self._open.channel.send(self._request, self.id, **self._head)

    def _missing(self) -> bool:
        """Asks for what is missing; False after several askings that brought nothing."""
        self._tries += 1
        if self._tries <= _TRIES_MAX:
            self._open.ask_soon()
        return self._tries <= _TRIES_MAX

    def _take(self, record: m.ChatDelta) -> Optional[Delta]:
        """A delta whose turn it is. An earlier one came before; a later one shows a gap."""
        if record.seq != self._seq:
            if record.seq > self._seq and not self._asked:
                self._asked = True  # once: what follows the gap shows it again with each piece
                self._open.ask_soon()
            return None
        self._seq += 1
        self._asked = False
        self.accepted = True  # only what is on disk has pieces
        self._tries = 0
        self._open.silence = SILENCE_S
        if record.kind in self._said:
            self._said[record.kind] += len(record.text)
        delta = Delta(record.text)
        delta.seq, delta.kind = record.seq, record.kind
        return delta

    def _end(self, done: m.ChatDone) -> None:
        whole = self._seq == _LAST_SEQ or self._said == {"answer": len(done.text), "reasoning": len(done.reasoning or "")}
        if not whole and self._missing():
            self.accepted = True
            return
        self.answer = Answer(done, self.id)
        self.close()

    def __next__(self) -> Delta:
        while not self._over:
            try:
                record = self._open.next(self.accepted)
            except BaseException as error:
                if not isinstance(error, KeyboardInterrupt):
                    self.close()
                raise
            if isinstance(record, m.ChatAccepted):
                self.accepted = True
            elif isinstance(record, m.ChatDone):
                self._end(record)
            elif isinstance(record, m.ChatDelta):
                delta = self._take(record)
                if delta is not None:
                    return delta
        raise StopIteration

    def cancel(self) -> None:
        """Asks the service to stop; the stream then ends by itself, with what there is as its answer."""
        if not self._over:
            self._open.channel.send(m.ChatCancel(), self.id, tenant=self._head.get("tenant"))

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


def _read_keys(path: str) -> Dict[str, bytes]:
    """The file that `parlance keys new --out FILE` writes."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        keys = {name: found[name].encode() for name in ("server", "public", "secret")}
        for name, key in keys.items():
            if len(key) != 40 or len(zmq.utils.z85.decode(key)) != 32:
                raise ValueError("%s is no key of 40 characters" % name)
        return keys
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        text = "%s holds no keys server, public and secret: %s" % (path, error)
        raise ParlanceError("invalid", "keys", text) from None


class Client:
    """Talks to the service at ENDPOINT ("tcp://127.0.0.1:5580", "ipc:///path"). Never blocks when it is made.

    KEYS: the file that `parlance keys new --out FILE` wrote; without it nothing is encrypted. TENANT: for whom a key
    speaks that may act for others. RETRY: a refusal for lack of room is waited out, by its retry_after_ms give or take a
    fifth, and asked again until the time is over; else it is an error of the call. A timeout of None is none: the call
    then fails, code gone, when there was no connection for 30 s."""

    def __init__(self, endpoint: str = "tcp://127.0.0.1:5580", keys: Optional[str] = None, tenant: Optional[str] = None,
                 retry: bool = False) -> None:
        self.endpoint = endpoint
        self.retry = retry
        self._keys = _read_keys(keys) if keys is not None else None
        self._tenant = tenant
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
        channel = _Channel(self._context, self.endpoint, self._keys)
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

    def _stream(self, text: Optional[str], session: Optional[str], user: Optional[str], id: Optional[str],
                timeout: Optional[float], budget_ms: Optional[int], trace: Optional[str], options: Dict[str, Any],
                seq: int = 0) -> Stream:
        request = self._request(text, dict(options, resume_from=seq) if seq else options)
        head = {"session": session, "user": user, "budget_ms": budget_ms, "trace": trace, "tenant": self._tenant}
        waiting = _Open(self._channel(), id or draw_id(), "chat", timeout, True, self.retry)
        try:
            return Stream(waiting, request, head, seq)
        except BaseException:
            waiting.__exit__()
            raise

    def stream(self, text: Optional[str] = None, session: Optional[str] = None, user: Optional[str] = None,
               id: Optional[str] = None, timeout: Optional[float] = 300, budget_ms: Optional[int] = None,
               trace: Optional[str] = None, **options: Any) -> Stream:
        """Asks, and gives an iterator over the deltas. TIMEOUT bounds the whole. Options are the fields of chat.request:
        messages (instead of text), system, tools, max_tokens, temperature, top_p, top_k, min_p, repetition_penalty,
        presence_penalty, frequency_penalty, seed, stop. TRACE: a W3C traceparent."""
        return self._stream(text, session, user, id, timeout, budget_ms, trace, options)

    def chat(self, text: Optional[str] = None, session: Optional[str] = None, user: Optional[str] = None,
             id: Optional[str] = None, timeout: Optional[float] = 300, budget_ms: Optional[int] = None,
             trace: Optional[str] = None, **options: Any) -> Answer:
        """Asks and waits for the answer. See stream() for the options."""
        return self._stream(text, session, user, id, timeout, budget_ms, trace, options, _LAST_SEQ).finish()

    def submit(self, text: Optional[str] = None, session: Optional[str] = None, user: Optional[str] = None,
               id: Optional[str] = None, timeout: Optional[float] = 10, budget_ms: Optional[int] = None,
               trace: Optional[str] = None, **options: Any) -> str:
        """Asks, and returns the request's id as soon as the request is on the service's disk: from then on it will
        be answered. result(id) brings the answer."""
        request = self._request(text, dict(options, resume_from=_LAST_SEQ))
        head = {"session": session, "user": user, "budget_ms": budget_ms, "trace": trace}
        waiting = self._ask(request, "submit", timeout, id, reach=True, **head)
        with waiting:
            waiting.next_of(m.ChatAccepted, m.ChatDone)
            return waiting.id

    def result(self, id: str, timeout: Optional[float] = 300) -> Answer:
        """The answer to an accepted request: the stored one, or the running one when it is done. Works after a
        restart of either side. ParlanceError with code not_found when the service does not know the id. Refusals for
        lack of room are waited out."""
        with self._ask(m.ChatResume(resume_from=_LAST_SEQ), "result", timeout, id) as waiting:
            return Answer(waiting.next_of(m.ChatDone, known=True), id)

    def cancel(self, id: str, timeout: Optional[float] = 10) -> Answer:
        """Stops an answer and returns what there is of it."""
        with self._ask(m.ChatCancel(), "cancel", timeout, id) as waiting:
            return Answer(waiting.next_of(m.ChatDone), id)

    # --- the rest ---

    def _ask(self, record: m.Record, what: str, timeout: Optional[float], id: Optional[str] = None, reach: bool = False,
             **head: Any) -> _Open:
        channel = self._channel()
        waiting = _Open(channel, id or draw_id(), what, timeout, reach, self.retry)
        waiting.again = lambda: channel.send(record, waiting.id, tenant=self._tenant, **head)
        try:
            waiting.again()
        except BaseException:
            waiting.__exit__()
            raise
        return waiting

    def ping(self, timeout: Optional[float] = 2) -> m.Pong:
        """Who is there: version, model, model_digest, ready, credit."""
        with self._ask(m.Ping(), "ping", timeout) as waiting:
            return waiting.next_of(m.Pong)

    def rate(self, turn: str, stars: int, user: Optional[str] = None, comment: Optional[str] = None,
             correction: Optional[str] = None, timeout: Optional[float] = 10, id: Optional[str] = None) -> m.FeedbackStored:
        """Rates an answer, 1 (bad) to 5 (good); returns when the rating is on the service's disk."""
        rating = m.FeedbackAdd(turn=turn, stars=stars, comment=comment, correction=correction)
        with self._ask(rating, "rate", timeout, id, user=user) as waiting:
            return waiting.next_of(m.FeedbackStored)

