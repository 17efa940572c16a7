"""XML to a dynamic value, as parse_xml() describes it."""

import re
from typing import Any, Final
from xml.parsers import expat

MAX_LENGTH: Final = 1 << 20
_MAX_DEPTH: Final = 60
_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d{0,17})(\.\d{1,17})?", re.ASCII)


def parse_xml(text: str) -> Any:
    """Return the elements, attributes and texts of a document; null for what is none."""
    if len(text) > MAX_LENGTH:
        return None
    reader = _Reader()
    try:
        # What is declared as another encoding is text all the same.
        reader.parser.Parse(text.encode("utf-8", "replace"), True)
    except (expat.ExpatError, _RefusedError):
        return None
    return reader.result


class _RefusedError(Exception):
    """A document type, whose entities may multiply, or an element too deep."""


class _Reader:
    def __init__(self) -> None:
        self.result: dict[str, Any] | None = None
        self.parser = expat.ParserCreate("utf-8")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self._open: list[tuple[dict[str, Any], list[str]]] = []

    def _refuse(self, *_: object) -> None:
        raise _RefusedError

    def _start(self, _: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= _MAX_DEPTH:
            raise _RefusedError
        self._open.append(({f"@{name}": value for name, value in attributes.items()}, []))

    def _text(self, text: str) -> None:
        self._open[-1][1].append(text)

    def _end(self, name: str) -> None:
        members, texts = self._open.pop()
        text = "".join(texts).strip()
        value: Any = _value(text)
        if members:
            value = members | ({"#text": value} if text else {})
        if not self._open:
            self.result = {name: value}
            return
        above = self._open[-1][0]
        if name not in above:
            above[name] = value
        elif isinstance(above[name], list):
            above[name].append(value)
        else:
            above[name] = [above[name], value]


def _value(text: str) -> Any:
    if not text:
        return None
    found = _NUMBER.fullmatch(text)
    if found is None:
        return text
    return float(text) if found[1] else int(text)
