# python_base.py - what generate.py puts at the head of the Python messages, without these lines: the base class of all
# of them and its checks, which are those of schemas/record.c.
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
