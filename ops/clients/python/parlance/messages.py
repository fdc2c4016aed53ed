# Generated from schemas/<unit>.json by schemas/generate.py; do not edit.
"""The messages of the protocol as classes, with the checks that the service makes. See docs/protocol.md."""

from dataclasses import dataclass
from dataclasses import field as _made
from math import isfinite
from typing import Any, ClassVar, Dict, List, NamedTuple, Optional, Tuple, Type


class InvalidMessage(ValueError):
    """A message breaks the protocol. `field` is the path of the field, such as "messages[2].role"."""

    def __init__(self, path: str, text: str) -> None:
        super().__init__("%s: %s" % (path, text) if path else text)
        self.field = path
        self.text = text


class _Field(NamedTuple):
    name: str  # on the wire
    attr: str  # in Python
    form: str  # bool, u32, u64, i64, f64, str, bin, enum, map, rec: of the value or of each item
    is_list: bool
    required: bool
    optional: bool
    low: Any
    high: Any
    max_items: int
    printable: bool
    words: Tuple[str, ...]
    part: Optional[str]  # name of the class


def _kind(value: Any) -> str:
    for types, name in (((bool,), "a bool"), ((int,), "an integer"), ((float,), "a float"), ((str,), "a string"),
                        ((bytes, bytearray), "binary data"), ((list, tuple), "an array"), ((dict,), "a map")):
        if isinstance(value, types):
            return name
    return "nil" if value is None else type(value).__name__


def _integer(f: _Field, value: Any, path: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidMessage(path, "expected an integer, got %s" % _kind(value))
    if not f.low <= value <= f.high:
        raise InvalidMessage(path, "expected an integer from %d to %d, got %d" % (f.low, f.high, value))
    return value


def _float(f: _Field, value: Any, path: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise InvalidMessage(path, "expected a number, got %s" % _kind(value))
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if not isfinite(number):
        raise InvalidMessage(path, "expected a finite number")
    if (f.low is not None and number < f.low) or (f.high is not None and number > f.high):
        raise InvalidMessage(path, "expected a number from %s to %s, got %r" % (f.low, f.high, number))
    return number


def _length(f: _Field, what: str, size: int, path: str) -> None:
    if not f.low <= size <= f.high:
        raise InvalidMessage(path, "expected %s of %d to %d bytes, got %d bytes" % (what, f.low, f.high, size))


def _string(f: _Field, value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise InvalidMessage(path, "expected a string, got %s" % _kind(value))
    try:
        size = len(value.encode("utf-8"))
    except UnicodeEncodeError:
        raise InvalidMessage(path, "the string is not valid UTF-8") from None
    _length(f, "a string", size, path)
    if f.printable and any(c < " " or "\x7f" <= c <= "\x9f" for c in value):
        raise InvalidMessage(path, "expected a string without control characters")
    return value


def _binary(f: _Field, value: Any, path: str) -> bytes:
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogatepass")
    if not isinstance(value, (bytes, bytearray)):
        raise InvalidMessage(path, "expected binary data, got %s" % _kind(value))
    _length(f, "binary data", len(value), path)
    return bytes(value)


def _word(f: _Field, value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise InvalidMessage(path, "expected a string, got %s" % _kind(value))
    if value not in f.words:
        raise InvalidMessage(path, "expected one of %s, got %r" % (", ".join(f.words), value[:32]))
    return value


def _bool(f: _Field, value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidMessage(path, "expected a bool, got %s" % _kind(value))
    return value


def _map(f: _Field, value: Any, path: str) -> Dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise InvalidMessage(path, "expected a map with strings as keys")
    return value


_CHECKS = {"bool": _bool, "u32": _integer, "u64": _integer, "i64": _integer, "f64": _float, "str": _string,
           "bin": _binary, "enum": _word, "map": _map}


def _below(path: str, name: str) -> str:
    return path + "." + name if path else name


class Record:
    """What all messages have: to_wire() gives the dict to pack, from_wire() reads one. Both check every limit.

    `unknown` holds keys of a later version; they are kept and sent again."""

    NAME: ClassVar[str] = ""
    EDGE: ClassVar[str] = ""
    FIELDS: ClassVar[Tuple[_Field, ...]] = ()

    def to_wire(self, path: str = "") -> Dict[str, Any]:
        out: Dict[str, Any] = {}
        for f in self.FIELDS:
            value = getattr(self, f.attr)
            if value is not None or not f.optional:
                out[f.name] = self._pack(f, value, _below(path, f.name))
        for key, value in self.unknown.items():  # type: ignore[attr-defined]
            out.setdefault(key, value)
        return out

    @classmethod
    def _items(cls, f: _Field, value: Any, path: str) -> List[Any]:
        if not isinstance(value, (list, tuple)):
            raise InvalidMessage(path, "expected an array, got %s" % _kind(value))
        if len(value) > f.max_items:
            raise InvalidMessage(path, "expected at most %d items, got %d" % (f.max_items, len(value)))
        return list(value)

    @classmethod
    def _pack(cls, f: _Field, value: Any, path: str) -> Any:
        if f.is_list:
            one = f._replace(is_list=False)
            return [cls._pack(one, v, "%s[%d]" % (path, i)) for i, v in enumerate(cls._items(f, value, path))]
        if f.part is None:
            return _CHECKS[f.form](f, value, path)
        if not isinstance(value, _CLASSES[f.part]):
            raise InvalidMessage(path, "expected a %s, got %s" % (f.part, _kind(value)))
        return value.to_wire(path)

    @classmethod
    def from_wire(cls, wire: Any, path: str = "") -> "Record":
        if not isinstance(wire, dict):
            raise InvalidMessage(path, "expected a map, got %s" % _kind(wire))
        values: Dict[str, Any] = {}
        known = set()
        for f in cls.FIELDS:
            known.add(f.name)
            if f.name not in wire:
                if f.required:
                    raise InvalidMessage(_below(path, f.name), "the field is missing")
            elif wire[f.name] is not None or not f.optional:
                values[f.attr] = cls._unpack(f, wire[f.name], _below(path, f.name))
        values["unknown"] = {key: value for key, value in wire.items() if key not in known}
        return cls(**values)

    @classmethod
    def _unpack(cls, f: _Field, value: Any, path: str) -> Any:
        if f.is_list:
            one = f._replace(is_list=False)
            return [cls._unpack(one, v, "%s[%d]" % (path, i)) for i, v in enumerate(cls._items(f, value, path))]
        if f.part is None:
            return _CHECKS[f.form](f, value, path)
        return _CLASSES[f.part].from_wire(value, path)


@dataclass
class Envelope(Record):
    """The envelope."""

    NAME: ClassVar[str] = 'envelope'
    EDGE: ClassVar[str] = ''
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('v', 'v', 'u32', False, False, False, 1, 1, 0, False, (), None),
        _Field('id', 'id', 'str', False, False, True, 1, 64, 0, True, (), None),
        _Field('type', 'type', 'str', False, True, False, 1, 64, 0, False, (), None),
        _Field('from', 'from_', 'str', False, False, True, 0, 64, 0, False, (), None),
        _Field('to', 'to', 'str', False, False, True, 0, 64, 0, False, (), None),
        _Field('reply_to', 'reply_to', 'str', False, False, True, 0, 64, 0, False, (), None),
        _Field('correlation', 'correlation', 'str', False, False, True, 0, 64, 0, False, (), None),
        _Field('session', 'session', 'str', False, False, True, 0, 128, 0, True, (), None),
        _Field('user', 'user', 'str', False, False, True, 0, 128, 0, True, (), None),
        _Field('tenant', 'tenant', 'str', False, False, True, 0, 64, 0, True, (), None),
        _Field('key', 'key', 'str', False, False, True, 0, 64, 0, False, (), None),
        _Field('budget_ms', 'budget_ms', 'u64', False, False, True, 0, 86400000, 0, False, (), None),
        _Field('attempt', 'attempt', 'u32', False, False, True, 0, 1000000, 0, False, (), None),
        _Field('trace', 'trace', 'str', False, False, True, 0, 64, 0, False, (), None),
        _Field('body', 'body', 'map', False, False, True, None, None, 0, False, (), None),
    )
    type: str  # Name of the message, such as chat.request; 1 to 64 bytes
    v: int = 1  # Version of the protocol; 1; 1 to 1; default 1
    id: Optional[str] = None  # Chosen by the producer, unique in its tenant; the clients draw a UUIDv7 when none is given. Replies carry none; 1 to 64 bytes, no control characters
    from_: Optional[str] = None  # Actor that sent it; empty outside the service; at most 64 bytes
    to: Optional[str] = None  # Actor that shall receive it; empty outside the service; at most 64 bytes
    reply_to: Optional[str] = None  # Actor that shall receive the answer when it is not the sender; at most 64 bytes
    correlation: Optional[str] = None  # In a reply: the id of the request; at most 64 bytes
    session: Optional[str] = None  # Name of the dialogue; at most 128 bytes, no control characters
    user: Optional[str] = None  # Who speaks; default: the session's user, else the session's name; at most 128 bytes, no control characters
    tenant: Optional[str] = None  # Set by the service from the authenticated key; a sender's own word counts only where that is allowed; at most 64 bytes, no control characters
    key: Optional[str] = None  # Name of the sender's key, set by the service for its audit record; a sender's own word counts nowhere; at most 64 bytes
    budget_ms: Optional[int] = None  # Time left for the work, from the moment of sending. Absent: no deadline; in ms; at most 86400000
    attempt: Optional[int] = None  # 0 for the first delivery; at most 1000000
    trace: Optional[str] = None  # W3C traceparent; at most 64 bytes
    body: Optional[Dict[str, Any]] = None  # The record that the type names
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class ChatMessagePart(Record):
    """One message of a dialogue."""

    NAME: ClassVar[str] = 'message'
    EDGE: ClassVar[str] = ''
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('role', 'role', 'enum', False, True, False, None, None, 0, False, ('system', 'user', 'assistant', 'tool'), None),
        _Field('content', 'content', 'str', False, True, False, 0, 262144, 0, False, (), None),
    )
    role: str  # Who speaks; one of system, user, assistant, tool
    content: str  # What is said; at most 262144 bytes
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class ChatRequest(Record):
    """Ask. Exactly one of text and messages."""

    NAME: ClassVar[str] = 'chat.request'
    EDGE: ClassVar[str] = 'in'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('text', 'text', 'str', False, False, True, 1, 262144, 0, False, (), None),
        _Field('messages', 'messages', 'rec', True, False, True, None, None, 256, False, (), 'ChatMessagePart'),
        _Field('system', 'system', 'str', False, False, True, 0, 65536, 0, False, (), None),
        _Field('tools', 'tools', 'str', True, False, True, 0, 64, 16, False, (), None),
        _Field('max_tokens', 'max_tokens', 'u32', False, False, False, 1, 131072, 0, False, (), None),
        _Field('temperature', 'temperature', 'f64', False, False, False, 0, 2, 0, False, (), None),
        _Field('top_p', 'top_p', 'f64', False, False, False, 0, 1, 0, False, (), None),
        _Field('top_k', 'top_k', 'u32', False, False, False, 0, 1000000, 0, False, (), None),
        _Field('min_p', 'min_p', 'f64', False, False, False, 0, 1, 0, False, (), None),
        _Field('repetition_penalty', 'repetition_penalty', 'f64', False, False, False, 0.01, 10, 0, False, (), None),
        _Field('presence_penalty', 'presence_penalty', 'f64', False, False, False, -2, 2, 0, False, (), None),
        _Field('frequency_penalty', 'frequency_penalty', 'f64', False, False, False, -2, 2, 0, False, (), None),
        _Field('seed', 'seed', 'u64', False, False, True, 0, 18446744073709551615, 0, False, (), None),
        _Field('stop', 'stop', 'str', True, False, True, 0, 256, 16, False, (), None),
        _Field('resume_from', 'resume_from', 'u32', False, False, False, 0, 4294967295, 0, False, (), None),
    )
    text: Optional[str] = None  # What the user says; 1 to 262144 bytes
    messages: Optional[List[ChatMessagePart]] = None  # Instead of text. A new session may begin with a system message and hold earlier turns; at most 256 items
    system: Optional[str] = None  # System prompt of a session that begins here; at most 65536 bytes
    tools: Optional[List[str]] = None  # Names of tools of the service that the model may call; at most 16 items, each at most 64 bytes
    max_tokens: int = 512  # Most tokens to generate; in tokens; 1 to 131072; default 512
    temperature: float = 0.7  # 0 is greedy; 0 to 2; default 0.7
    top_p: float = 0.9  # Nucleus; 0 to 1; default 0.9
    top_k: int = 0  # Best k only; 0 is off; at most 1000000; default 0
    min_p: float = 0.0  # Drop what is less likely than this share of the best; 0 to 1; default 0
    repetition_penalty: float = 1.0  # Over prompt and answer; 1 is off; 0.01 to 10; default 1
    presence_penalty: float = 0.0  # Over the answer; 0 is off; -2 to 2; default 0
    frequency_penalty: float = 0.0  # Over the answer; 0 is off; -2 to 2; default 0
    seed: Optional[int] = None  # Drawn at acceptance when absent
    stop: Optional[List[str]] = None  # Texts that end the answer; they are not part of it; at most 16 items, each at most 256 bytes
    resume_from: int = 0  # The first seq of interest: pieces before it are not sent. 4294967295: none at all; default 0
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class ChatAccepted(Record):
    """The request is on disk: it will be answered, also after a crash."""

    NAME: ClassVar[str] = 'chat.accepted'
    EDGE: ClassVar[str] = 'out'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('session', 'session', 'str', False, True, False, 0, 128, 0, False, (), None),
        _Field('seed', 'seed', 'u64', False, True, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('credit', 'credit', 'u32', False, True, False, 0, 4294967295, 0, False, (), None),
    )
    session: str  # Its session; at most 128 bytes
    seed: int  # Seed of the sampling
    credit: int  # Requests that may be sent now without a refusal; in requests
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class ChatDelta(Record):
    """A piece of the answer. Never splits a UTF-8 character."""

    NAME: ClassVar[str] = 'chat.delta'
    EDGE: ClassVar[str] = 'out'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('seq', 'seq', 'u32', False, True, False, 0, 4294967295, 0, False, (), None),
        _Field('kind', 'kind', 'enum', False, True, False, None, None, 0, False, ('answer', 'reasoning', 'tool'), None),
        _Field('text', 'text', 'str', False, True, False, 0, 262144, 0, False, (), None),
    )
    seq: int  # Counts from 0, without gaps
    kind: str  # What the text belongs to; one of answer, reasoning, tool
    text: str  # The piece; at most 262144 bytes
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class Usage(Record):
    """Token counts of an answer."""

    NAME: ClassVar[str] = 'usage'
    EDGE: ClassVar[str] = ''
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('prompt_tokens', 'prompt_tokens', 'u32', False, True, False, 0, 4294967295, 0, False, (), None),
        _Field('cached_tokens', 'cached_tokens', 'u32', False, True, False, 0, 4294967295, 0, False, (), None),
        _Field('completion_tokens', 'completion_tokens', 'u32', False, True, False, 0, 4294967295, 0, False, (), None),
    )
    prompt_tokens: int  # Tokens of the prompt, history included
    cached_tokens: int  # Of those, taken from the KV cache
    completion_tokens: int  # Tokens that were generated
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class ToolRecord(Record):
    """A tool call that was made for an answer."""

    NAME: ClassVar[str] = 'tool_record'
    EDGE: ClassVar[str] = ''
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('tool', 'tool', 'str', False, True, False, 0, 64, 0, False, (), None),
        _Field('arguments', 'arguments', 'str', False, True, False, 0, 65536, 0, False, (), None),
        _Field('result', 'result', 'str', False, True, False, 0, 65536, 0, False, (), None),
        _Field('code', 'code', 'str', False, True, False, 0, 32, 0, False, (), None),
    )
    tool: str  # Name; at most 64 bytes
    arguments: str  # JSON; at most 65536 bytes
    result: str  # What the tool answered, or the error's sentence; at most 65536 bytes
    code: str  # ok, or an error code; at most 32 bytes
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class ChatDone(Record):
    """The whole answer, once it is on disk."""

    NAME: ClassVar[str] = 'chat.done'
    EDGE: ClassVar[str] = 'out'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('text', 'text', 'str', False, True, False, 0, 1048576, 0, False, (), None),
        _Field('reasoning', 'reasoning', 'str', False, False, True, 0, 1048576, 0, False, (), None),
        _Field('turn', 'turn', 'str', False, True, False, 0, 64, 0, False, (), None),
        _Field('session', 'session', 'str', False, True, False, 0, 128, 0, False, (), None),
        _Field('finish_reason', 'finish_reason', 'enum', False, True, False, None, None, 0, False, ('stop', 'length', 'cancelled', 'deadline', 'error'), None),
        _Field('usage', 'usage', 'rec', False, True, False, None, None, 0, False, (), 'Usage'),
        _Field('model_digest', 'model_digest', 'str', False, True, False, 0, 64, 0, False, (), None),
        _Field('template_digest', 'template_digest', 'str', False, True, False, 0, 64, 0, False, (), None),
        _Field('adapter_digest', 'adapter_digest', 'str', False, False, True, 0, 64, 0, False, (), None),
        _Field('dropped_turns', 'dropped_turns', 'u32', False, False, False, 0, 4294967295, 0, False, (), None),
        _Field('tools', 'tools', 'rec', True, False, True, None, None, 64, False, (), 'ToolRecord'),
        _Field('seed', 'seed', 'u64', False, True, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('error', 'error', 'str', False, False, True, 0, 32, 0, False, (), None),
    )
    text: str  # The answer; at most 1048576 bytes
    turn: str  # Name of the turn, unique in the store; at most 64 bytes
    session: str  # Its session; at most 128 bytes
    finish_reason: str  # Why it ended; one of stop, length, cancelled, deadline, error
    usage: Usage  # Token counts
    model_digest: str  # SHA-256 of the model file; at most 64 bytes
    template_digest: str  # SHA-256 of the chat template; at most 64 bytes
    seed: int  # Seed of the sampling
    reasoning: Optional[str] = None  # Text of the reasoning blocks; at most 1048576 bytes
    adapter_digest: Optional[str] = None  # Of the LoRA adapter; absent: none; at most 64 bytes
    dropped_turns: int = 0  # Oldest turns of the session that were left out of the prompt; default 0
    tools: Optional[List[ToolRecord]] = None  # Tool calls that were made; at most 64 items
    error: Optional[str] = None  # With finish_reason error: the error code; at most 32 bytes
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class ChatError(Record):
    """The request was refused or failed; nothing of it is stored, unless it says so."""

    NAME: ClassVar[str] = 'chat.error'
    EDGE: ClassVar[str] = 'out'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('code', 'code', 'str', False, True, False, 0, 32, 0, False, (), None),
        _Field('message', 'message', 'str', False, True, False, 0, 512, 0, False, (), None),
        _Field('field', 'field', 'str', False, False, True, 0, 64, 0, False, (), None),
        _Field('retry_after_ms', 'retry_after_ms', 'u32', False, False, True, 0, 4294967295, 0, False, (), None),
    )
    code: str  # One of the list of errors; at most 32 bytes
    message: str  # For a person; at most 512 bytes
    field: Optional[str] = None  # Field at fault; at most 64 bytes
    retry_after_ms: Optional[int] = None  # When it may work; in ms
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class ChatCancel(Record):
    """Stop the answer to the request with this id. Answered with chat.done (cancelled) or the stored answer."""

    NAME: ClassVar[str] = 'chat.cancel'
    EDGE: ClassVar[str] = 'in'
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class ChatResume(Record):
    """Send the running or stored answer to the request with this id, from a seq on."""

    NAME: ClassVar[str] = 'chat.resume'
    EDGE: ClassVar[str] = 'in'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('resume_from', 'resume_from', 'u32', False, False, False, 0, 4294967295, 0, False, (), None),
    )
    resume_from: int = 0  # First seq of interest; default 0
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class Ping(Record):
    """Are you there?"""

    NAME: ClassVar[str] = 'ping'
    EDGE: ClassVar[str] = 'in'
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class Pong(Record):
    """Yes."""

    NAME: ClassVar[str] = 'pong'
    EDGE: ClassVar[str] = 'out'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('version', 'version', 'str', False, True, False, 0, 32, 0, False, (), None),
        _Field('model', 'model', 'str', False, True, False, 0, 128, 0, False, (), None),
        _Field('model_digest', 'model_digest', 'str', False, True, False, 0, 64, 0, False, (), None),
        _Field('ready', 'ready', 'bool', False, True, False, None, None, 0, False, (), None),
        _Field('credit', 'credit', 'u32', False, True, False, 0, 4294967295, 0, False, (), None),
        _Field('role', 'role', 'str', False, False, True, 0, 16, 0, False, (), None),
    )
    version: str  # Of the program; at most 32 bytes
    model: str  # Name of the model; at most 128 bytes
    model_digest: str  # Of the model; at most 64 bytes
    ready: bool  # The model is loaded
    credit: int  # Requests that may be sent now; in requests
    role: Optional[str] = None  # standby: it only reads, until it takes over. Absent: the service itself; at most 16 bytes
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class FeedbackAdd(Record):
    """Rate an answer."""

    NAME: ClassVar[str] = 'feedback.add'
    EDGE: ClassVar[str] = 'in'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('turn', 'turn', 'str', False, True, False, 1, 64, 0, False, (), None),
        _Field('stars', 'stars', 'u32', False, True, False, 1, 5, 0, False, (), None),
        _Field('comment', 'comment', 'str', False, False, True, 0, 8192, 0, False, (), None),
        _Field('correction', 'correction', 'str', False, False, True, 0, 65536, 0, False, (), None),
    )
    turn: str  # Turn of chat.done; 1 to 64 bytes
    stars: int  # 1 (bad) to 5 (good); in stars; 1 to 5
    comment: Optional[str] = None  # In the user's words; at most 8192 bytes
    correction: Optional[str] = None  # The answer that would have been right; at most 65536 bytes
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class FeedbackStored(Record):
    """The rating is on disk."""

    NAME: ClassVar[str] = 'feedback.stored'
    EDGE: ClassVar[str] = 'out'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('turn', 'turn', 'str', False, True, False, 0, 64, 0, False, (), None),
        _Field('feedback', 'feedback', 'u64', False, True, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('ratings_below_3', 'ratings_below_3', 'u32', False, True, False, 0, 4294967295, 0, False, (), None),
        _Field('due', 'due', 'bool', False, True, False, None, None, 0, False, (), None),
    )
    turn: str  # The turn; at most 64 bytes
    feedback: int  # Number in the feedback log
    ratings_below_3: int  # Since the last snapshot
    due: bool  # A retraining is due
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class SessionsList(Record):
    """List sessions."""

    NAME: ClassVar[str] = 'sessions.list'
    EDGE: ClassVar[str] = 'admin'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('limit', 'limit', 'u32', False, False, False, 1, 1000, 0, False, (), None),
        _Field('after', 'after', 'str', False, False, True, 0, 1024, 0, False, (), None),
    )
    limit: int = 100  # Most rows; 1 to 1000; default 100
    after: Optional[str] = None  # Continue after this one (next of the answer before); at most 1024 bytes
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class SessionRow(Record):
    """A session in a list."""

    NAME: ClassVar[str] = 'session_row'
    EDGE: ClassVar[str] = ''
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('session', 'session', 'str', False, True, False, 0, 128, 0, False, (), None),
        _Field('user', 'user', 'str', False, True, False, 0, 128, 0, False, (), None),
        _Field('tenant', 'tenant', 'str', False, True, False, 0, 64, 0, False, (), None),
        _Field('turns', 'turns', 'u32', False, True, False, 0, 4294967295, 0, False, (), None),
        _Field('created_ms', 'created_ms', 'u64', False, True, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('updated_ms', 'updated_ms', 'u64', False, True, False, 0, 18446744073709551615, 0, False, (), None),
    )
    session: str  # Name; at most 128 bytes
    user: str  # User; at most 128 bytes
    tenant: str  # Tenant; at most 64 bytes
    turns: int  # Turns
    created_ms: int  # Wall clock; in ms
    updated_ms: int  # Wall clock; in ms
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class SessionsListed(Record):
    """Sessions."""

    NAME: ClassVar[str] = 'sessions.listed'
    EDGE: ClassVar[str] = 'out'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('sessions', 'sessions', 'rec', True, False, False, None, None, 1000, False, (), 'SessionRow'),
        _Field('next', 'next', 'str', False, False, True, 0, 1024, 0, False, (), None),
    )
    sessions: List[SessionRow] = _made(default_factory=list)  # Rows; at most 1000 items
    next: Optional[str] = None  # Give as after for more; empty: no more; at most 1024 bytes
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class SessionsShow(Record):
    """Turns of one session (in the envelope), or of all."""

    NAME: ClassVar[str] = 'sessions.show'
    EDGE: ClassVar[str] = 'admin'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('limit', 'limit', 'u32', False, False, False, 1, 1000, 0, False, (), None),
        _Field('after', 'after', 'str', False, False, True, 0, 1024, 0, False, (), None),
        _Field('export', 'export', 'bool', False, False, False, None, None, 0, False, (), None),
    )
    limit: int = 100  # Most rows; 1 to 1000; default 100
    after: Optional[str] = None  # Continue after this one (next of the answer before); at most 1024 bytes
    export: bool = False  # The first page of an export, which goes into the audit record; default false
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class TurnRow(Record):
    """A turn in a list or an export."""

    NAME: ClassVar[str] = 'turn_row'
    EDGE: ClassVar[str] = ''
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('turn', 'turn', 'str', False, True, False, 0, 64, 0, False, (), None),
        _Field('id', 'id', 'str', False, True, False, 0, 64, 0, False, (), None),
        _Field('session', 'session', 'str', False, True, False, 0, 128, 0, False, (), None),
        _Field('user', 'user', 'str', False, True, False, 0, 128, 0, False, (), None),
        _Field('prompt', 'prompt', 'str', False, True, False, 0, 1048576, 0, False, (), None),
        _Field('text', 'text', 'str', False, True, False, 0, 1048576, 0, False, (), None),
        _Field('finish_reason', 'finish_reason', 'str', False, True, False, 0, 16, 0, False, (), None),
        _Field('reasoning', 'reasoning', 'str', False, False, True, 0, 1048576, 0, False, (), None),
        _Field('created_ms', 'created_ms', 'u64', False, True, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('usage', 'usage', 'rec', False, True, False, None, None, 0, False, (), 'Usage'),
        _Field('tools', 'tools', 'rec', True, False, True, None, None, 64, False, (), 'ToolRecord'),
        _Field('logits_hashes', 'logits_hashes', 'u64', True, False, True, 0, 18446744073709551615, 131072, False, (), None),
        _Field('model_digest', 'model_digest', 'str', False, True, False, 0, 64, 0, False, (), None),
        _Field('adapter_digest', 'adapter_digest', 'str', False, False, True, 0, 64, 0, False, (), None),
        _Field('seed', 'seed', 'u64', False, True, False, 0, 18446744073709551615, 0, False, (), None),
    )
    turn: str  # Name of the turn; at most 64 bytes
    id: str  # Id of the request; at most 64 bytes
    session: str  # Session; at most 128 bytes
    user: str  # User; at most 128 bytes
    prompt: str  # What the user said; at most 1048576 bytes
    text: str  # The answer; at most 1048576 bytes
    finish_reason: str  # Why it ended; at most 16 bytes
    created_ms: int  # Wall clock; in ms
    usage: Usage  # Token counts
    model_digest: str  # Of the model; at most 64 bytes
    seed: int  # Seed
    reasoning: Optional[str] = None  # Reasoning text; at most 1048576 bytes
    tools: Optional[List[ToolRecord]] = None  # Tool calls; at most 64 items
    logits_hashes: Optional[List[int]] = None  # Of the answer's ids, with --logits-hash; at most 131072 items
    adapter_digest: Optional[str] = None  # Of the adapter; at most 64 bytes
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class SessionsShown(Record):
    """Turns."""

    NAME: ClassVar[str] = 'sessions.shown'
    EDGE: ClassVar[str] = 'out'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('turns', 'turns', 'rec', True, False, False, None, None, 1000, False, (), 'TurnRow'),
        _Field('next', 'next', 'str', False, False, True, 0, 1024, 0, False, (), None),
    )
    turns: List[TurnRow] = _made(default_factory=list)  # Rows; at most 1000 items
    next: Optional[str] = None  # Give as after for more; at most 1024 bytes
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class SessionsDelete(Record):
    """Delete the session in the envelope with its turns."""

    NAME: ClassVar[str] = 'sessions.delete'
    EDGE: ClassVar[str] = 'admin'
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class SessionsDeleted(Record):
    """It is gone."""

    NAME: ClassVar[str] = 'sessions.deleted'
    EDGE: ClassVar[str] = 'out'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('turns', 'turns', 'u32', False, True, False, 0, 4294967295, 0, False, (), None),
    )
    turns: int  # Turns deleted
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class SessionsForget(Record):
    """Forget a user: end its requests and destroy the key of all that is stored of it, so that no data, log or backup can be read any more."""

    NAME: ClassVar[str] = 'sessions.forget'
    EDGE: ClassVar[str] = 'admin'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('user', 'user', 'str', False, True, False, 0, 128, 0, False, (), None),
    )
    user: str  # User; of a session without one the session's name; at most 128 bytes
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class SessionsForgotten(Record):
    """The key is destroyed."""

    NAME: ClassVar[str] = 'sessions.forgotten'
    EDGE: ClassVar[str] = 'out'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('found', 'found', 'bool', False, True, False, None, None, 0, False, (), None),
        _Field('cancelled', 'cancelled', 'u32', False, True, False, 0, 4294967295, 0, False, (), None),
    )
    found: bool  # There was something of this user
    cancelled: int  # Requests that were ended for it
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class KeysRotate(Record):
    """Wrap the data keys anew: a tenant's with a new key of its own, or everything with a new master key. Values are not written again."""

    NAME: ClassVar[str] = 'keys.rotate'
    EDGE: ClassVar[str] = 'admin'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('tenant', 'tenant', 'str', False, False, True, 0, 64, 0, False, (), None),
        _Field('file', 'file', 'str', False, False, True, 0, 1024, 0, False, (), None),
    )
    tenant: Optional[str] = None  # Whose key; absent: the master key; at most 64 bytes
    file: Optional[str] = None  # Path, for the service, of the new master key's file; at most 1024 bytes
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class KeysRotated(Record):
    """The vault is on disk with the new key."""

    NAME: ClassVar[str] = 'keys.rotated'
    EDGE: ClassVar[str] = 'out'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('replaced', 'replaced', 'bool', False, False, False, None, None, 0, False, (), None),
    )
    replaced: bool = False  # The master key's own file holds the new key; else the service has to be started with the new one; default false
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class FeedbackList(Record):
    """List ratings."""

    NAME: ClassVar[str] = 'feedback.list'
    EDGE: ClassVar[str] = 'admin'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('limit', 'limit', 'u32', False, False, False, 1, 1000, 0, False, (), None),
        _Field('after', 'after', 'str', False, False, True, 0, 1024, 0, False, (), None),
    )
    limit: int = 100  # Most rows; 1 to 1000; default 100
    after: Optional[str] = None  # Continue after this one (next of the answer before); at most 1024 bytes
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class FeedbackRow(Record):
    """A rating in a list."""

    NAME: ClassVar[str] = 'feedback_row'
    EDGE: ClassVar[str] = ''
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('feedback', 'feedback', 'u64', False, True, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('turn', 'turn', 'str', False, True, False, 0, 64, 0, False, (), None),
        _Field('session', 'session', 'str', False, True, False, 0, 128, 0, False, (), None),
        _Field('user', 'user', 'str', False, True, False, 0, 128, 0, False, (), None),
        _Field('stars', 'stars', 'u32', False, True, False, 0, 4294967295, 0, False, (), None),
        _Field('comment', 'comment', 'str', False, False, True, 0, 8192, 0, False, (), None),
        _Field('correction', 'correction', 'str', False, False, True, 0, 65536, 0, False, (), None),
        _Field('created_ms', 'created_ms', 'u64', False, True, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('model_digest', 'model_digest', 'str', False, True, False, 0, 64, 0, False, (), None),
        _Field('adapter_digest', 'adapter_digest', 'str', False, False, True, 0, 64, 0, False, (), None),
    )
    feedback: int  # Number in the log
    turn: str  # Turn; at most 64 bytes
    session: str  # Session; at most 128 bytes
    user: str  # Who rated; at most 128 bytes
    stars: int  # 1 to 5; in stars
    created_ms: int  # Wall clock; in ms
    model_digest: str  # Of the model that answered; at most 64 bytes
    comment: Optional[str] = None  # Words; at most 8192 bytes
    correction: Optional[str] = None  # Better answer; at most 65536 bytes
    adapter_digest: Optional[str] = None  # Of its adapter; at most 64 bytes
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class FeedbackListed(Record):
    """Ratings."""

    NAME: ClassVar[str] = 'feedback.listed'
    EDGE: ClassVar[str] = 'out'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('feedback', 'feedback', 'rec', True, False, False, None, None, 1000, False, (), 'FeedbackRow'),
        _Field('next', 'next', 'str', False, False, True, 0, 1024, 0, False, (), None),
    )
    feedback: List[FeedbackRow] = _made(default_factory=list)  # Rows; at most 1000 items
    next: Optional[str] = None  # Give as after for more; at most 1024 bytes
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class FeedbackStats(Record):
    """Counts of ratings."""

    NAME: ClassVar[str] = 'feedback.stats'
    EDGE: ClassVar[str] = 'admin'
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class FeedbackCounted(Record):
    """Counts."""

    NAME: ClassVar[str] = 'feedback.counted'
    EDGE: ClassVar[str] = 'out'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('total', 'total', 'u64', False, True, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('stars', 'stars', 'u64', True, False, False, 0, 18446744073709551615, 5, False, (), None),
        _Field('mean', 'mean', 'f64', False, False, False, None, None, 0, False, (), None),
        _Field('corrections', 'corrections', 'u64', False, True, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('ratings_below_3', 'ratings_below_3', 'u32', False, True, False, 0, 4294967295, 0, False, (), None),
        _Field('due', 'due', 'bool', False, True, False, None, None, 0, False, (), None),
    )
    total: int  # Ratings in the log
    corrections: int  # With a correction
    ratings_below_3: int  # Since the last snapshot
    due: bool  # A retraining is due
    stars: List[int] = _made(default_factory=list)  # Ratings with 1, 2, 3, 4, 5 stars; at most 5 items
    mean: float = 0.0  # Mean of the stars; default 0
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class RetrainRequest(Record):
    """Record that a retraining is due."""

    NAME: ClassVar[str] = 'retrain.request'
    EDGE: ClassVar[str] = 'admin'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('reason', 'reason', 'str', False, False, True, 0, 1024, 0, False, (), None),
    )
    reason: Optional[str] = None  # Why; at most 1024 bytes
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class RetrainStatus(Record):
    """Is a retraining due?"""

    NAME: ClassVar[str] = 'retrain.status'
    EDGE: ClassVar[str] = 'admin'
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class RetrainState(Record):
    """The trigger's state."""

    NAME: ClassVar[str] = 'retrain.state'
    EDGE: ClassVar[str] = 'out'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('due', 'due', 'bool', False, True, False, None, None, 0, False, (), None),
        _Field('ratings_below_3', 'ratings_below_3', 'u32', False, True, False, 0, 4294967295, 0, False, (), None),
        _Field('threshold', 'threshold', 'u32', False, True, False, 0, 4294967295, 0, False, (), None),
        _Field('reason', 'reason', 'str', False, False, True, 0, 1024, 0, False, (), None),
        _Field('since_ms', 'since_ms', 'u64', False, False, True, 0, 18446744073709551615, 0, False, (), None),
    )
    due: bool  # A retraining is due
    ratings_below_3: int  # Since the last snapshot
    threshold: int  # More ratings below 3 than this make it due
    reason: Optional[str] = None  # Why it is due; at most 1024 bytes
    since_ms: Optional[int] = None  # Wall clock of when it became due; in ms
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class NodeTop(Record):
    """What every node of the service is doing."""

    NAME: ClassVar[str] = 'node.top'
    EDGE: ClassVar[str] = 'admin'
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class NodeRow(Record):
    """A node: a process, or a thread of one, with its actors."""

    NAME: ClassVar[str] = 'node_row'
    EDGE: ClassVar[str] = ''
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('node', 'node', 'str', False, True, False, 0, 64, 0, False, (), None),
        _Field('up', 'up', 'bool', False, True, False, None, None, 0, False, (), None),
        _Field('pid', 'pid', 'u64', False, False, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('rss_bytes', 'rss_bytes', 'u64', False, False, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('cpu_ms', 'cpu_ms', 'u64', False, False, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('open_files', 'open_files', 'u32', False, False, False, 0, 4294967295, 0, False, (), None),
        _Field('up_ms', 'up_ms', 'u64', False, False, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('restarts', 'restarts', 'u32', False, False, False, 0, 4294967295, 0, False, (), None),
        _Field('sent', 'sent', 'u64', False, False, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('handled', 'handled', 'u64', False, False, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('refused', 'refused', 'u64', False, False, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('dead', 'dead', 'u64', False, False, False, 0, 18446744073709551615, 0, False, (), None),
    )
    node: str  # Name; at most 64 bytes
    up: bool  # False: it is down, or said nothing within half a second; the rest is then empty
    pid: int = 0  # Its process; 0: not known; default 0
    rss_bytes: int = 0  # Memory of its process; default 0
    cpu_ms: int = 0  # Processor time of its process; in ms; default 0
    open_files: int = 0  # File descriptors of its process; 0: not known; default 0
    up_ms: int = 0  # Since its start; in ms; default 0
    restarts: int = 0  # Of the child that it is; default 0
    sent: int = 0  # Messages: sent = handled + refused + dead + in flight; default 0
    handled: int = 0  # Messages; default 0
    refused: int = 0  # Messages that met a full mailbox; default 0
    dead: int = 0  # Dead letters; default 0
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class ActorRow(Record):
    """An actor. Times are of the last 10 to 20 seconds, exact to a quarter."""

    NAME: ClassVar[str] = 'actor_row'
    EDGE: ClassVar[str] = ''
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('actor', 'actor', 'str', False, True, False, 0, 64, 0, False, (), None),
        _Field('node', 'node', 'str', False, True, False, 0, 64, 0, False, (), None),
        _Field('state', 'state', 'enum', False, True, False, None, None, 0, False, ('new', 'up', 'waiting', 'down', 'stopped'), None),
        _Field('mailbox', 'mailbox', 'u32', False, True, False, 0, 4294967295, 0, False, (), None),
        _Field('mailbox_system', 'mailbox_system', 'u32', False, True, False, 0, 4294967295, 0, False, (), None),
        _Field('limit', 'limit', 'u32', False, True, False, 0, 4294967295, 0, False, (), None),
        _Field('high_water', 'high_water', 'u32', False, True, False, 0, 4294967295, 0, False, (), None),
        _Field('handled', 'handled', 'u64', False, True, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('restarts', 'restarts', 'u64', False, True, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('wait_p50_us', 'wait_p50_us', 'u64', False, True, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('wait_p99_us', 'wait_p99_us', 'u64', False, True, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('run_p50_us', 'run_p50_us', 'u64', False, True, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('run_p99_us', 'run_p99_us', 'u64', False, True, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('slow', 'slow', 'u64', False, True, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('stalls', 'stalls', 'u64', False, True, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('last_error', 'last_error', 'str', False, False, True, 0, 192, 0, False, (), None),
        _Field('last_error_ms', 'last_error_ms', 'u64', False, False, True, 0, 18446744073709551615, 0, False, (), None),
        _Field('message', 'message', 'str', False, False, True, 0, 64, 0, False, (), None),
        _Field('message_age_us', 'message_age_us', 'u64', False, False, True, 0, 18446744073709551615, 0, False, (), None),
    )
    actor: str  # Name; at most 64 bytes
    node: str  # Where it lives; at most 64 bytes
    state: str  # waiting: for its restart; one of new, up, waiting, down, stopped
    mailbox: int  # Messages that wait in the user lane
    mailbox_system: int  # Messages that wait in the system lane
    limit: int  # Of the user lane
    high_water: int  # Most messages that ever waited
    handled: int  # Messages
    restarts: int  # After failures
    wait_p50_us: int  # From arrival to handler; in us
    wait_p99_us: int  # The same; in us
    run_p50_us: int  # Of its handlers; in us
    run_p99_us: int  # The same; in us
    slow: int  # Handlers that took 5 ms or more; always 0 of an actor that may block
    stalls: int  # Of these, handlers that took 50 ms or more
    last_error: Optional[str] = None  # Code of its last failure and the message that it failed on; at most 192 bytes
    last_error_ms: Optional[int] = None  # Wall clock of it; in ms
    message: Optional[str] = None  # Type of the message that is next; at most 64 bytes
    message_age_us: Optional[int] = None  # How long it waits already; in us
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class FigureRow(Record):
    """A number of /metrics."""

    NAME: ClassVar[str] = 'figure_row'
    EDGE: ClassVar[str] = ''
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('name', 'name', 'str', False, True, False, 0, 128, 0, False, (), None),
        _Field('labels', 'labels', 'str', False, True, False, 0, 512, 0, False, (), None),
        _Field('node', 'node', 'str', False, True, False, 0, 64, 0, False, (), None),
        _Field('kind', 'kind', 'enum', False, True, False, None, None, 0, False, ('counter', 'gauge', 'histogram'), None),
        _Field('value', 'value', 'f64', False, True, False, None, None, 0, False, (), None),
        _Field('count', 'count', 'u64', False, False, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('p50', 'p50', 'f64', False, False, False, None, None, 0, False, (), None),
        _Field('p99', 'p99', 'f64', False, False, False, None, None, 0, False, (), None),
    )
    name: str  # As in /metrics; at most 128 bytes
    labels: str  # As in /metrics; may be empty; at most 512 bytes
    node: str  # Whose; at most 64 bytes
    kind: str  # What it is; one of counter, gauge, histogram
    value: float  # Of a histogram the sum
    count: int = 0  # Of a histogram: what was observed; default 0
    p50: float = 0.0  # Of a histogram, within its buckets; default 0
    p99: float = 0.0  # The same; default 0
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class NodeState(Record):
    """Nodes, actors and numbers at one moment."""

    NAME: ClassVar[str] = 'node.state'
    EDGE: ClassVar[str] = 'out'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('at_ms', 'at_ms', 'u64', False, True, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('nodes', 'nodes', 'rec', True, False, False, None, None, 64, False, (), 'NodeRow'),
        _Field('actors', 'actors', 'rec', True, False, False, None, None, 512, False, (), 'ActorRow'),
        _Field('figures', 'figures', 'rec', True, False, False, None, None, 16384, False, (), 'FigureRow'),
    )
    at_ms: int  # Wall clock; in ms
    nodes: List[NodeRow] = _made(default_factory=list)  # The service first; at most 64 items
    actors: List[ActorRow] = _made(default_factory=list)  # Of all nodes; at most 512 items
    figures: List[FigureRow] = _made(default_factory=list)  # Of all nodes; at most 16384 items
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class LettersList(Record):
    """Dead letters of all nodes: the newest 1,024 of each."""

    NAME: ClassVar[str] = 'letters.list'
    EDGE: ClassVar[str] = 'admin'
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class LetterRow(Record):
    """A dead letter; its text is kept in memory for a replay, and never shown."""

    NAME: ClassVar[str] = 'letter_row'
    EDGE: ClassVar[str] = ''
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('letter', 'letter', 'str', False, True, False, 0, 96, 0, False, (), None),
        _Field('at_ms', 'at_ms', 'u64', False, True, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('cause', 'cause', 'str', False, True, False, 0, 32, 0, False, (), None),
        _Field('type', 'type', 'str', False, True, False, 0, 64, 0, False, (), None),
        _Field('from', 'from_', 'str', False, True, False, 0, 64, 0, False, (), None),
        _Field('to', 'to', 'str', False, True, False, 0, 64, 0, False, (), None),
        _Field('trace', 'trace', 'str', False, False, True, 0, 64, 0, False, (), None),
        _Field('bytes', 'bytes', 'u64', False, True, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('kept', 'kept', 'bool', False, True, False, None, None, 0, False, (), None),
        _Field('replayed', 'replayed', 'bool', False, False, False, None, None, 0, False, (), None),
    )
    letter: str  # Its name: node and number; at most 96 bytes
    at_ms: int  # Wall clock of its death; in ms
    cause: str  # Error code; at most 32 bytes
    type: str  # Of the message; at most 64 bytes
    from_: str  # Sender; at most 64 bytes
    to: str  # Receiver; at most 64 bytes
    bytes: int  # Memory that it takes
    kept: bool  # False: too large or too old to be replayed
    trace: Optional[str] = None  # W3C traceparent; at most 64 bytes
    replayed: bool = False  # It was sent again; default false
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class LettersListed(Record):
    """Dead letters, oldest first."""

    NAME: ClassVar[str] = 'letters.listed'
    EDGE: ClassVar[str] = 'out'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('total', 'total', 'u64', False, True, False, 0, 18446744073709551615, 0, False, (), None),
        _Field('letters', 'letters', 'rec', True, False, False, None, None, 16384, False, (), 'LetterRow'),
    )
    total: int  # Since the nodes' start, also those that are no longer listed
    letters: List[LetterRow] = _made(default_factory=list)  # Rows; at most 16384 items
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class LettersReplay(Record):
    """Send a dead letter again to its receiver, once, with no deadline."""

    NAME: ClassVar[str] = 'letters.replay'
    EDGE: ClassVar[str] = 'admin'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('letter', 'letter', 'str', False, True, False, 1, 96, 0, False, (), None),
    )
    letter: str  # Its name; 1 to 96 bytes
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class LettersReplayed(Record):
    """It was sent again; what becomes of it is told like of any message."""

    NAME: ClassVar[str] = 'letters.replayed'
    EDGE: ClassVar[str] = 'out'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('letter', 'letter', 'str', False, True, False, 0, 96, 0, False, (), None),
        _Field('to', 'to', 'str', False, True, False, 0, 64, 0, False, (), None),
    )
    letter: str  # Its name; at most 96 bytes
    to: str  # Receiver; at most 64 bytes
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class BackupCreate(Record):
    """Make a checkpoint of the store, which `parlance backup create` then hashes and moves into place. Only useful on the machine of the service."""

    NAME: ClassVar[str] = 'backup.create'
    EDGE: ClassVar[str] = 'admin'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('name', 'name', 'str', False, True, False, 1, 64, 0, True, (), None),
        _Field('dir', 'dir', 'str', False, False, True, 0, 1024, 0, False, (), None),
    )
    name: str  # Letters, digits, dots, dashes; no dot in front; 1 to 64 bytes, no control characters
    dir: Optional[str] = None  # Where the backup will lie, for the audit record; at most 1024 bytes
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


@dataclass
class BackupCreated(Record):
    """The checkpoint is on disk and holds every write that was acknowledged before."""

    NAME: ClassVar[str] = 'backup.created'
    EDGE: ClassVar[str] = 'out'
    FIELDS: ClassVar[Tuple[_Field, ...]] = (
        _Field('path', 'path', 'str', False, True, False, 0, 1200, 0, False, (), None),
        _Field('time', 'time', 'str', False, True, False, 0, 32, 0, False, (), None),
        _Field('sequence', 'sequence', 'u64', False, True, False, 0, 18446744073709551615, 0, False, (), None),
    )
    path: str  # DATA/backups/.NAME.partial, with store/ in it; at most 1200 bytes
    time: str  # RFC 3339, UTC; at most 32 bytes
    sequence: int  # Number of the newest write in it
    unknown: Dict[str, Any] = _made(default_factory=dict, repr=False)


_CLASSES: Dict[str, Type[Record]] = {
    'Envelope': Envelope,
    'ChatMessagePart': ChatMessagePart,
    'ChatRequest': ChatRequest,
    'ChatAccepted': ChatAccepted,
    'ChatDelta': ChatDelta,
    'Usage': Usage,
    'ToolRecord': ToolRecord,
    'ChatDone': ChatDone,
    'ChatError': ChatError,
    'ChatCancel': ChatCancel,
    'ChatResume': ChatResume,
    'Ping': Ping,
    'Pong': Pong,
    'FeedbackAdd': FeedbackAdd,
    'FeedbackStored': FeedbackStored,
    'SessionsList': SessionsList,
    'SessionRow': SessionRow,
    'SessionsListed': SessionsListed,
    'SessionsShow': SessionsShow,
    'TurnRow': TurnRow,
    'SessionsShown': SessionsShown,
    'SessionsDelete': SessionsDelete,
    'SessionsDeleted': SessionsDeleted,
    'SessionsForget': SessionsForget,
    'SessionsForgotten': SessionsForgotten,
    'KeysRotate': KeysRotate,
    'KeysRotated': KeysRotated,
    'FeedbackList': FeedbackList,
    'FeedbackRow': FeedbackRow,
    'FeedbackListed': FeedbackListed,
    'FeedbackStats': FeedbackStats,
    'FeedbackCounted': FeedbackCounted,
    'RetrainRequest': RetrainRequest,
    'RetrainStatus': RetrainStatus,
    'RetrainState': RetrainState,
    'NodeTop': NodeTop,
    'NodeRow': NodeRow,
    'ActorRow': ActorRow,
    'FigureRow': FigureRow,
    'NodeState': NodeState,
    'LettersList': LettersList,
    'LetterRow': LetterRow,
    'LettersListed': LettersListed,
    'LettersReplay': LettersReplay,
    'LettersReplayed': LettersReplayed,
    'BackupCreate': BackupCreate,
    'BackupCreated': BackupCreated,
}

# Messages by their name on the wire.
MESSAGES: Dict[str, Type[Record]] = {
    'chat.request': ChatRequest,
    'chat.accepted': ChatAccepted,
    'chat.delta': ChatDelta,
    'chat.done': ChatDone,
    'chat.error': ChatError,
    'chat.cancel': ChatCancel,
    'chat.resume': ChatResume,
    'ping': Ping,
    'pong': Pong,
    'feedback.add': FeedbackAdd,
    'feedback.stored': FeedbackStored,
    'sessions.list': SessionsList,
    'sessions.listed': SessionsListed,
    'sessions.show': SessionsShow,
    'sessions.shown': SessionsShown,
    'sessions.delete': SessionsDelete,
    'sessions.deleted': SessionsDeleted,
    'sessions.forget': SessionsForget,
    'sessions.forgotten': SessionsForgotten,
    'keys.rotate': KeysRotate,
    'keys.rotated': KeysRotated,
    'feedback.list': FeedbackList,
    'feedback.listed': FeedbackListed,
    'feedback.stats': FeedbackStats,
    'feedback.counted': FeedbackCounted,
    'retrain.request': RetrainRequest,
    'retrain.status': RetrainStatus,
    'retrain.state': RetrainState,
    'node.top': NodeTop,
    'node.state': NodeState,
    'letters.list': LettersList,
    'letters.listed': LettersListed,
    'letters.replay': LettersReplay,
    'letters.replayed': LettersReplayed,
    'backup.create': BackupCreate,
    'backup.created': BackupCreated,
}

# Error codes on the wire, with their default sentences.
ERRORS: Dict[str, str] = {
    'invalid': 'the request is not valid',
    'too_large': 'larger than the limit',
    'unknown_type': 'no such message type',
    'unsupported': 'not supported',
    'not_found': 'not found',
    'conflict': 'conflicts with what is stored',
    'context_length_exceeded': 'the prompt does not fit the context',
    'overloaded': 'no room now; try again later',
    'deadline_exceeded': 'the budget ran out',
    'cancelled': 'cancelled',
    'unavailable': 'a part of the service is not up',
    'forbidden': 'not allowed here',
    'numeric_error': 'the model produced a value that is not finite',
    'tool_failed': 'the tool failed',
    'tool_timeout': 'the tool did not answer in time',
    'corrupt': 'stored or received data is damaged',
    'storage': 'the store cannot write',
    'no_memory': 'out of memory',
    'io': 'input or output failed',
    'gone': 'the peer is gone',
    'again': 'would block',
    'model_unsupported': 'this model file cannot be served',
    'internal': 'an error of Parlance itself',
    'storage_full': 'there is no room on the disk',
    'quota_exceeded': "the tenant's tokens of this day are used up",
}
