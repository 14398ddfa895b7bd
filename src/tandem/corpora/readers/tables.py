"""A table, whatever file it stands in: columns found by name or number, and read in blocks of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from tandem.corpora.readers.entries import Notes
from tandem.errors import TandemError
from tandem.params.schema import FieldName

COLUMNS_LISTED = 20
CHARACTERS_LISTED = 40


class Block(NamedTuple):
    """Neighbouring rows: for each its number in the file, and for each column the texts."""

    rows: Sequence[int]
    columns: list[list[str]]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table whose header is known and whose rows are still to come, once: `read` takes positions of columns.

    `facts` are what was found out about the file; `header_row` and `hint` complete messages about columns.
    """

    place: str
    unit: Literal["row", "line"]
    header: Sequence[str]
    read: Callable[[Sequence[int]], Iterator[Block]]
    facts: dict[str, object]
    notes: Notes
    header_row: int | None = None
    hint: str = ""

    def read_columns(self, names: Sequence[FieldName]) -> Iterator[Block]:
        """Yield the texts of the columns `names`, some hundred rows at a time.

        Raises `TandemError` at once if a column is missing or ambiguous.
        """
        return self.read([self.position(name) for name in names])

    def position(self, name: FieldName) -> int:
        """Where a column stands; raises `TandemError` if it is missing or ambiguous."""
        if isinstance(name, int):
            return self._checked_number(name)
        if name not in self.header:
            raise TandemError(
                f"{self._head}: no column {name!r}; columns found: {self.found()}. "
                f"Rename the column, or name yours under `corpora` in params.yaml{self.hint}"
            )
        if self.header.count(name) > 1:
            raise TandemError(
                f"{self._head}: {self.header.count(name)} columns are called {name!r}; columns found: {self.found()}. "
                "Rename all but one, or give the column's number (0 is the first) in params.yaml"
            )
        return self.header.index(name)

    def _checked_number(self, number: int) -> int:
        width = len(self.header)
        if not -width <= number < width:
            raise TandemError(
                f"{self._head}: no column number {number}; there are {width}: {self.found()}. "
                f"Correct the number under `corpora` in params.yaml: 0 is the first, -1 the last{self.hint}"
            )
        return number % width

    @property
    def _head(self) -> str:
        return self.place if self.header_row is None else f"{self.place}, {self.unit} {self.header_row}"

    def found(self) -> str:
        """List the columns, for messages."""
        names = [name if len(name) <= CHARACTERS_LISTED else name[:CHARACTERS_LISTED] + "..." for name in self.header]
        return ", ".join(map(repr, names[:COLUMNS_LISTED])) + (", ..." if len(names) > COLUMNS_LISTED else "")
