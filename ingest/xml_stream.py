"""Reading XML of any size in bounded memory, from senders whom nobody trusts.

Document type declarations are refused, and with them every entity beyond the five of XML itself: no file outside is
ever opened, and nothing expands. Depth, the length of a text or a tag, and the number of different names are bounded,
so that a hostile file costs no more than reading it once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from xml.parsers import expat

CHUNK_BYTES = 256 * 1024
MAX_TOKEN_BYTES = 1024 * 1024  # a tag or comment: the parser begins anew at it with every chunk, until it is whole
MAX_TEXT = 10_000  # characters of one element that are kept for the reader; longer ones are refused
MAX_DEPTH = 64
MAX_NAMES = 10_000  # different names of elements and attributes: the parser keeps each


class XmlRefusedError(ValueError):
    """The file is not XML, or none that is read here.

    Attributes:
        line: Where, counted from 1.
        remedy: What its sender should do.
    """

    def __init__(self, line: int, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.line = line
        self.remedy = remedy


class XmlStream:
    """Calls back for each element of a file.

    Names are ``<namespace> <name>``, parted by a blank. ``end`` gets the text that stands directly before the end tag,
    without blanks around it; an element with children has none to speak of.
    """

    def __init__(self, start: Callable[[str, Mapping[str, str]], None], end: Callable[[str, str], None]) -> None:
        self._start, self._end = start, end
        self._names: dict[str, str] = {}
        self._parser = expat.ParserCreate(namespace_separator=" ", intern=self._names)
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._on_start
        self._parser.EndElementHandler = self._on_end
        self._parser.CharacterDataHandler = self._on_text
        self._parser.StartDoctypeDeclHandler = self._on_doctype
        self._text: list[str] = []
        self._length = self._depth = 0

    @property
    def line(self) -> int:
        """Where the parser stands."""
        return self._parser.CurrentLineNumber

    def read(self, path: Path) -> Iterator[None]:
        """Read the file; yields after every chunk, so that the caller can hand on what was found.

        Raises:
            XmlRefusedError: At the first thing that is wrong with it as XML.
            OSError: If it cannot be read.
        """
        fed = 0
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                self._feed(chunk, final=False)
                fed += len(chunk)
                if fed - self._parser.CurrentByteIndex > MAX_TOKEN_BYTES + CHUNK_BYTES:
                    raise self._refusal(f"holds a tag or comment of more than {MAX_TOKEN_BYTES} bytes", "shorten it")
                yield
            self._feed(b"", final=True)
            yield

    def _feed(self, chunk: bytes, *, final: bool) -> None:
        try:
            self._parser.Parse(chunk, final)
        except expat.ExpatError as error:
            said = expat.ErrorString(error.code)
            raise XmlRefusedError(error.lineno, f"is no well-formed XML: {said}", "export it again, whole") from error
        except (LookupError, UnicodeError, ValueError) as error:
            if isinstance(error, XmlRefusedError):
                raise
            raise self._refusal(f"has an encoding that is not read here: {error}", "save it as UTF-8") from error

    def _refusal(self, problem: str, remedy: str) -> XmlRefusedError:
        return XmlRefusedError(self.line, problem, remedy)

    def _on_start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._refusal(f"nests elements more than {MAX_DEPTH} deep", "export it as the standard has it")
        if len(self._names) > MAX_NAMES:
            raise self._refusal(f"has more than {MAX_NAMES} different names", "export it as the standard has it")
        self._forget_text()
        self._start(name, attributes)

    def _on_end(self, name: str) -> None:
        self._depth -= 1
        text = "".join(self._text).strip()
        self._forget_text()
        self._end(name, text)

    def _on_text(self, text: str) -> None:
        self._length += len(text)
        if self._length > MAX_TEXT:
            raise self._refusal(f"holds a text of more than {MAX_TEXT} characters", "shorten it")
        self._text.append(text)

    def _forget_text(self) -> None:
        if self._length:
            self._text.clear()
            self._length = 0

    def _on_doctype(self, name: str, system_id: str | None, public_id: str | None, internal_subset: int) -> None:
        raise self._refusal(
            "has a document type declaration (<!DOCTYPE), which is refused: it could define entities",
            "remove it; Green Button files need none",
        )
