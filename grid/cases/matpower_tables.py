"""The text of a MATPOWER case file into its tables of numbers. What the file computes is refused, not overlooked."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from grid.faults import Fault
from grid.time_axis import FloatArray

_BLOCK_COMMENT = re.compile(r"^[ \t]*%\{[ \t]*$.*?^[ \t]*%\}[ \t]*$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"%[^\n]*")
_CONTINUATION = re.compile(r"\.\.\.[^\n]*\n")
_FUNCTION = re.compile(r"^\s*function\s+(\w+)\s*=\s*(\w+)[ \t]*(?:\(\s*\))?[ \t]*;?", re.MULTILINE)
_FAULTS_PER_TABLE = 20


@dataclass(frozen=True, slots=True)
class CaseText:
    """A case file taken apart: ``name`` of its function, ``scalars`` as text, ``tables`` as numbers.

    A table that could not be read is None: it is there, but nothing is known of it.
    """

    name: str
    scalars: dict[str, str]
    tables: dict[str, FloatArray | None]


def read_tables(text: str, faults: list[Fault]) -> CaseText:
    """Take a case file apart; whatever cannot be read is added to ``faults`` and left out.

    Args:
        text: Of a MATPOWER case file in format 2: a function that fills a struct with tables.
    """
    text = _COMMENT.sub("", _BLOCK_COMMENT.sub("", text.replace("\r\n", "\n")))
    text = _CONTINUATION.sub(" ", text)
    found = _FUNCTION.search(text)
    struct, name = (found[1], found[2]) if found else ("mpc", "")
    text = _FUNCTION.sub("", text, count=1)
    field = rf"\b{re.escape(struct)}\.(\w+)\s*=\s*"
    bodies: dict[str, str] = {}
    scalars: dict[str, str] = {}

    def keep_table(match: re.Match[str]) -> str:
        if match[1] in bodies:
            faults.append(Fault(f"{struct}.{match[1]}", "is assigned twice", "keep one of the tables"))
        bodies[match[1]] = match[2]
        return ""

    def keep_scalar(match: re.Match[str]) -> str:
        scalars[match[1]] = match[2].strip().strip("'\"")
        return ""

    text = re.sub(field + r"\[([^\]]*)\]\s*;?", keep_table, text)
    text = re.sub(field + r"\{[^}]*\}\s*;?", "", text)
    text = re.sub(field + r"('[^'\n]*'|\"[^\"\n]*\"|[-+.\w]+)[ \t]*(?:;|$)", keep_scalar, text, flags=re.MULTILINE)
    rest = [line.strip() for line in text.splitlines() if line.strip(" \t;") not in {"", "end", "return"}]
    if rest:
        shown = rest[0] if len(rest[0]) <= 60 else f"{rest[0][:57]}..."
        remedy = "save the case as plain tables, as MATPOWER's savecase writes them"
        faults.append(Fault("the file", f"must hold tables of numbers only, got the statement {shown!r}", remedy))
    return CaseText(name, scalars, {key: _numbers(f"{struct}.{key}", body, faults) for key, body in bodies.items()})


def _numbers(place: str, body: str, faults: list[Fault]) -> FloatArray | None:
    rows = [cells for line in body.replace(",", " ").replace(";", "\n").split("\n") if (cells := line.split())]
    if not rows:
        return np.zeros((0, 0))
    uneven = [i for i, cells in enumerate(rows) if len(cells) != len(rows[0])]
    for i in uneven[:_FAULTS_PER_TABLE]:
        problem = f"must have {len(rows[0])} numbers as the first row has, got {len(rows[i])}"
        faults.append(Fault(f"{place} row {i + 1}", problem, "complete the row"))
    if not uneven:
        try:
            return np.array(rows, dtype=np.float64)
        except ValueError:
            wrong = [
                (i, j, cell) for i, cells in enumerate(rows) for j, cell in enumerate(cells) if not _is_number(cell)
            ]
            for i, j, cell in wrong[:_FAULTS_PER_TABLE]:
                faults.append(
                    Fault(f"{place} row {i + 1}, column {j + 1}", f"must be a number, got {cell!r}", "correct it")
                )
    return None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
