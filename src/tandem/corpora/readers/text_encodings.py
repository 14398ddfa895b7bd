"""Finding the encoding of a text file from its first bytes."""

from __future__ import annotations

import codecs
import re

import charset_normalizer

from tandem.errors import TandemError

BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",  # begins like UTF-16's, so it is tried first
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
LEAST_ASCII_IN_UTF16 = 0.05
"""Of 20 code units of a UTF-16 table at least one is a space, a comma or a line end, whatever the script."""
EVIDENCE_BYTES = 1 << 16
LEAST_EVIDENCE = 100

_HIGH = re.compile(rb"[\x80-\xff]")
_RUN_OF_HIGH = re.compile(rb"[\x80-\xff]{3,}")
_OF_CODE = ("utf-7", "unicode-escape", "raw-unicode-escape", "punycode")
"""Their texts may hold what cannot be written again: halves of surrogate pairs."""
_WESTERN = ("cp1252", "latin-1")
_CENTRAL_EUROPEAN = "cp1250"
_OTHER_SCRIPTS = ["cp1251", "cp1253", "cp1255", "cp1256", "koi8_r", "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr"]


def check_encoding(name: str) -> None:
    """Raise `TandemError` unless Python knows a text encoding called `name`."""
    try:
        b"a".decode(name, errors="replace")
        known = codecs.lookup(name)
        is_known = known.incrementaldecoder is not None and known.name not in _OF_CODE
    except (LookupError, ValueError):
        is_known = False
    if not is_known:
        raise TandemError(
            f"params.yaml: corpora.*.encoding: no text encoding is called {name!r}; "
            "expected a name such as utf-8, utf-16, cp1252, latin-1, cp1251, shift_jis or gb18030, or null to find it"
        )


def find_encoding(sample: bytes, *, is_whole: bool, named: str | None) -> tuple[str, int]:
    """Return the encoding of the file that begins with `sample`, and the length of its byte order mark.

    `is_whole` says that no byte follows. A `named` encoding is only completed by the byte order it leaves open.
    """
    mark = next((mark for mark in BYTE_ORDER_MARKS if sample.startswith(mark)), b"")
    marked = BYTE_ORDER_MARKS.get(mark)
    if named is not None:
        agrees = marked is not None and _family(named) in (marked, marked[:6])
        return (marked, len(mark)) if marked and agrees else (named, 0)
    if marked is not None:
        return marked, len(mark)
    return _utf16(sample) or _utf8(sample, is_whole) or _legacy(sample, is_whole), 0


def _family(name: str) -> str:
    return codecs.lookup(name).name.removesuffix("-sig")


def _utf16(sample: bytes) -> str | None:
    """Recognise UTF-16 without a byte order mark by the zero bytes of its ASCII characters."""
    sample = sample[: len(sample) // 2 * 2]
    zeros = {"utf-16-be": sample[::2].count(0), "utf-16-le": sample[1::2].count(0)}
    (few, _), (many, name) = sorted((count, name) for name, count in zeros.items())
    if few or many < max(2, LEAST_ASCII_IN_UTF16 * len(sample) / 2):
        return None
    return name if _decodes(sample, name, is_whole=False) else None


def _utf8(sample: bytes, is_whole: bool) -> str | None:
    """Say UTF-8 also where half of what is not ASCII is, so that the faulty bytes are an error, not garbled text."""
    if _decodes(sample, "utf-8", is_whole=is_whole):
        return "utf-8"
    text = sample.decode("utf-8", errors="replace")
    n_faulty = text.count("\N{REPLACEMENT CHARACTER}")
    n_others = sum(not character.isascii() for character in text) - n_faulty
    return "utf-8" if n_others >= n_faulty else None


def _legacy(sample: bytes, is_whole: bool) -> str:
    """Weigh the encodings of one byte a letter and of East Asia; Western ones where nothing speaks for another."""
    lines = (line for line in sample.splitlines(keepends=True) if _HIGH.search(line))
    evidence = b"".join(lines)[:EVIDENCE_BYTES]
    n_high = len(_HIGH.findall(evidence))
    is_other_script = sum(map(len, _RUN_OF_HIGH.findall(evidence))) > n_high / 2
    if is_other_script or n_high >= LEAST_EVIDENCE:
        candidates = _OTHER_SCRIPTS if is_other_script else [_WESTERN[0], _CENTRAL_EUROPEAN]
        best = charset_normalizer.from_bytes(evidence, cp_isolation=candidates).best()
        if (
            best is not None
            and _differs(evidence, best.encoding)
            and _decodes(sample, best.encoding, is_whole=is_whole)
        ):
            return best.encoding
    western, fallback = _WESTERN
    return western if _decodes(sample, western, is_whole=is_whole) else fallback


def _differs(evidence: bytes, encoding: str) -> bool:
    return evidence.decode(encoding, errors="replace") != evidence.decode(_WESTERN[0], errors="replace")


def _decodes(sample: bytes, encoding: str, *, is_whole: bool) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(sample, final=is_whole)
    except UnicodeDecodeError:
        return False
    return True
