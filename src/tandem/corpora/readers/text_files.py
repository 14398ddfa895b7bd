"""Opening a text file in any encoding, plain or compressed, as lines or as a stream, in constant memory."""

from __future__ import annotations

import codecs
import io
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TextIO

from tandem.corpora.readers.text_encodings import check_encoding, find_encoding
from tandem.corpora.readers.unpacked_files import PackedFile, TextChecks, find_packing
from tandem.errors import TandemError

SAMPLE_BYTES = 1 << 20
CHUNK_BYTES = 1 << 16

_ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b", bytes.fromhex("d0cf11e0"))
_TAR_MARK = slice(257, 262)


@dataclass(frozen=True, kw_only=True)
class TextFile:
    """A text file whose encoding is known; each way to read it begins at its beginning.

    All raise `TandemError`, with the line, for a byte that does not decode, a NUL character, and a damaged archive.
    """

    packed: PackedFile
    encoding: str
    mark_bytes: int

    @property
    def place(self) -> str:
        """The file, and its member (`path!member`) if it is a zip archive, for messages."""
        return self.packed.place

    @property
    def name(self) -> PurePosixPath:
        """The name of the text itself: the archive's member, or the file without the ending `.gz`."""
        if self.packed.member is not None:
            return PurePosixPath(PurePosixPath(self.packed.member).name)
        return PurePosixPath(self.packed.path.name.removesuffix(".gz"))

    @property
    def facts(self) -> Mapping[str, object]:
        """What was found out: `encoding`; `byte_order_mark` and `compression` where there is one."""
        facts: dict[str, object] = {"encoding": self.encoding}
        if self.mark_bytes:
            facts["byte_order_mark"] = True
        if self.packed.compression:
            facts["compression"] = self.packed.compression
        return facts

    def lines(self) -> Iterator[str]:
        """Yield the lines without their ends, which are LF, CR LF and CR alone."""
        pending: list[str] = []
        for text in self._texts():
            first, *others = text.split("\n")
            pending.append(first)
            if others:
                yield "".join(pending)
                pending = [others.pop()]
                yield from others
        if last := "".join(pending):
            yield last

    def line_blocks(self) -> Iterator[list[bytes]]:
        """Yield the lines of `whole_lines`, many at a time, with their ends, which are LF, CR LF and CR alone."""
        return (block.splitlines(keepends=True) for block in self.whole_lines())

    def whole_lines(self) -> Iterator[bytes]:
        """Yield many lines at a time, with the same ends as they have, in UTF-8 whatever the file is in.

        As `utf8_chunks`, it does not look whether all bytes decode.
        """
        pending: list[bytes] = []
        for chunk in self.utf8_chunks():
            end = 1 + (chunk.rfind(b"\n") if b"\n" in chunk else chunk.rfind(b"\r", 0, -1))  # CR may go on with LF
            if end:
                yield b"".join([*pending, memoryview(chunk)[:end]])
                pending = []
            pending.append(chunk[end:])
        if last := b"".join(pending):
            yield last

    def utf8_chunks(self) -> Iterator[bytes]:
        """Yield its bytes, in UTF-8 whatever it is in; what does not decode is left to `decoded` or `check` to find."""
        checks = None if codecs.lookup(self.encoding).name == "utf-8" else self._checks()
        with self.packed.open(skipped=self.mark_bytes) as content:
            while chunk := content.read(CHUNK_BYTES):
                if checks is not None:
                    yield checks.decode(chunk).encode()
                elif b"\0" in chunk:
                    self.check()
                else:
                    yield chunk
        if checks is not None:
            yield checks.decode(b"").encode()

    def decoded(self, part: bytes) -> str:
        """Decode a part of what `line_blocks` or `utf8_chunks` yielded; half a character at its end is replaced."""
        try:
            return part.decode()
        except UnicodeDecodeError:
            self.check()
            return part.decode(errors="replace")

    def check(self) -> None:
        """Read all of it, only to raise what is wrong with its bytes."""
        deque(self._texts(), maxlen=0)

    def stream(self) -> TextIO:
        """Return the text with its line ends as they are, to be closed by the caller."""
        content = self.packed.open(skipped=self.mark_bytes, checks=self._checks())
        return io.TextIOWrapper(io.BufferedReader(content, CHUNK_BYTES), encoding=self.encoding, newline="")

    def _texts(self) -> Iterator[str]:
        checks, newlines = self._checks(), io.IncrementalNewlineDecoder(None, translate=True)
        with self.packed.open(skipped=self.mark_bytes) as content:
            while chunk := content.read(CHUNK_BYTES):
                yield newlines.decode(checks.decode(chunk))
        yield newlines.decode(checks.decode(b""), final=True)

    def _checks(self) -> TextChecks:
        return TextChecks(self.place, self.encoding)


def open_text(path: Path, encoding: str | None) -> TextFile:
    """Find out how to read the file at `path`, whose text may be compressed; `encoding` overrides what is found.

    Raises `TandemError` if it is missing, empty, no file or not readable, for an archive that does not hold exactly
    one file or holds another archive, and for an encoding that is not known.
    """
    if encoding is not None:
        check_encoding(encoding)
    packed = find_packing(path)
    with packed.open() as content:
        sample = io.BufferedReader(content).read(SAMPLE_BYTES + 1)
    check_no_archive(sample, packed.place)
    is_whole = len(sample) <= SAMPLE_BYTES
    found, mark_bytes = find_encoding(sample[:SAMPLE_BYTES], is_whole=is_whole, named=encoding)
    if len(sample) == mark_bytes:
        raise TandemError(f"{packed.place} is empty; expected text: copy or download it again")
    return TextFile(packed=packed, encoding=found, mark_bytes=mark_bytes)


def check_no_archive(sample: bytes, place: str) -> None:
    """Raise `TandemError` if what begins so is an archive or a workbook."""
    if sample.startswith(_ARCHIVES) or sample[_TAR_MARK] == b"ustar":
        raise TandemError(
            f"{place} holds another archive or a workbook; unpack it and name the file (or the folder) in "
            "`corpora.*.path`"
        )
