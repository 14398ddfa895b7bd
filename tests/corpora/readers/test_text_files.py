from __future__ import annotations

import codecs
import gzip
import os
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tandem.corpora.readers import text_files, unpacked_files
from tandem.corpora.readers.text_files import TextFile, open_text
from tandem.errors import TandemError

FRENCH = "Le café était fermé à cause de la grève; les élèves, très déçus, sont rentrés où leur mère attendait.\n"
POLISH = "Wczoraj poszedłem do sklepu, żeby kupić chleb, mleko i masło, ale było już zamknięte. Dzień był piękny.\n"
RUSSIAN = "Привет, мир! Как дела сегодня? Фильм был очень хороший, и актёры играли прекрасно.\n"
JAPANESE = "こんにちは世界、今日はいい天気ですね。映画はとても面白かったです。\n"
CHINESE = "今天天气很好，我们去公园散步。这部电影非常好看，演员也很出色。\n"

Save = Callable[..., TextFile]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Write bytes, then open them as text."""

    def save_(content: bytes, encoding: str | None = None, name: str = "a.txt") -> TextFile:
        (tmp_path / name).write_bytes(content)
        return open_text(tmp_path / name, encoding)

    return save_


def zipped(path: Path, **members: bytes) -> bytes:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return path.read_bytes()


def read(file: TextFile) -> str:
    with file.stream() as stream:
        return stream.read()


def test_lines_end_at_line_ends_alone(save: Save) -> None:
    file = save("a\r\nb\rc\x0bd\x85e\u2028f\x1cg\n\n h ".encode())
    assert list(file.lines()) == ["a", "b", "c\x0bd\x85e\u2028f\x1cg", "", " h "]
    assert read(file) == "a\r\nb\rc\x0bd\x85e\u2028f\x1cg\n\n h "
    assert file.facts == {"encoding": "utf-8"}


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3])
def test_chunks_may_part_lines_and_characters(save: Save, monkeypatch: pytest.MonkeyPatch, chunk_bytes: int) -> None:
    monkeypatch.setattr(text_files, "CHUNK_BYTES", chunk_bytes)
    assert list(save("ä\r\n\r\n😀\rb\n".encode()).lines()) == ["ä", "", "😀", "b"]
    with pytest.raises(TandemError, match=r"line 3: byte 0xE4 is not utf-8"):
        list(save("ä\r\nä\r".encode() + b"\xe4", "utf-8").lines())


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 7, 1 << 16])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_blocks_of_lines_keep_their_ends(
    save: Save, monkeypatch: pytest.MonkeyPatch, chunk_bytes: int, encoding: str
) -> None:
    monkeypatch.setattr(text_files, "CHUNK_BYTES", chunk_bytes)
    lines = ["ä\r\n", "\r\n", "b\r", "c\x0bd\x0ce\x1cf\n", "\n", "\r", "g"]
    file = save("".join(lines).encode(encoding), None if encoding.startswith("utf") else encoding)
    assert [line.decode() for block in file.line_blocks() for line in block] == lines


def test_blocks_are_decoded_when_asked_for(save: Save) -> None:
    file = save(b"a\r\nb\rcaf\xe9\n", "utf-8")
    (block,) = filter(None, file.line_blocks())
    assert file.decoded(block[0]) == "a\r\n"
    with pytest.raises(TandemError, match=r"line 3: byte 0xE9 is not utf-8"):
        file.decoded(block[2])
    with pytest.raises(TandemError, match=r"line 2: a NUL character"):
        list(save(b"a\nb\0").line_blocks())
    with pytest.raises(TandemError, match=r"line 2: byte 0x81 is not cp1252"):
        list(save(b"a\nb\x81", "cp1252").line_blocks())


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
    ],
)
@pytest.mark.parametrize("is_named", [False, True])
def test_a_byte_order_mark_is_no_text(save: Save, mark: bytes, encoding: str, is_named: bool) -> None:
    named = encoding.removesuffix("-le").removesuffix("-be") if is_named else None
    file = save(mark + "café\nb".encode(encoding), named)
    assert list(file.lines()) == ["café", "b"]
    assert file.facts == {"encoding": encoding, "byte_order_mark": True}


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("text,label\ncafé,b\n", "utf-16-le"),
        ("text,label\ncafé,b\n", "utf-16-be"),
        ("文,好\n字,坏\n" * 3, "utf-16-le"),
        ("café\n", "cp1252"),
        ("one “quoted” word\n", "cp1252"),
        (FRENCH, "cp1252"),
        (POLISH * 20, "cp1250"),
        (RUSSIAN, "cp1251"),
        (JAPANESE, "shift_jis"),
        (CHINESE, "gb18030"),
    ],
)
def test_encodings_are_found(save: Save, text: str, encoding: str) -> None:
    file = save(text.encode(encoding))
    assert (file.facts["encoding"], read(file)) == (encoding, text)


def test_latin_1_where_cp1252_has_no_character(save: Save) -> None:
    assert save(b"caf\xe9 \x81\n").facts["encoding"] == "latin-1"


def test_a_named_encoding_overrides_what_is_found(save: Save) -> None:
    assert read(save("ж".encode("koi8-r"), "koi8-r")) == "ж"
    assert read(save("é".encode(), "latin-1")) == "Ã©"


@pytest.mark.parametrize("name", ["klingon", "base64", "undefined", "a\0b", ""])
def test_an_unknown_encoding(save: Save, name: str) -> None:
    with pytest.raises(TandemError, match=r"corpora\.\*\.encoding: no text encoding is called"):
        save(b"a", name)


def test_mixed_encodings_are_an_error(save: Save) -> None:
    content = "éàü\n".encode() * 3 + b"plain\ncaf\xe9\n"
    with pytest.raises(TandemError, match=r"a\.txt, line 5: byte 0xE9 is not utf-8.*set corpora\.\*\.encoding"):
        read(save(content))


def test_a_byte_that_does_not_decode_far_down_is_an_error(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "SAMPLE_BYTES", 100)
    file = save(b"plain line\r\n" * 100_000 + b"caf\xe9\r\n")
    for consume in (lambda: list(file.lines()), lambda: read(file)):
        with pytest.raises(TandemError, match=r"a\.txt, line 100001: byte 0xE9 is not utf-8"):
            consume()


@pytest.mark.parametrize("content", ["café".encode()[:-1], "é".encode("utf-16")[:-1], b"\xff\xfe\x00\xd8a\x00"])
def test_a_text_that_breaks_off_or_is_damaged(save: Save, content: bytes) -> None:
    named = None if content[0] == 0xFF else "utf-8"
    with pytest.raises(TandemError, match=r"line 1: byte .* is not utf-"):
        read(save(content, named))


def test_nul_characters(save: Save) -> None:
    with pytest.raises(TandemError, match=r"a\.txt, line 2: a NUL character.*utf-16"):
        read(save(b"a\r\nb\0c"))


@pytest.mark.parametrize("content", [b"", codecs.BOM_UTF8, gzip.compress(b"", mtime=0)], ids=["", "mark", "gzip"])
def test_an_empty_file(save: Save, content: bytes) -> None:
    with pytest.raises(TandemError, match=r"a\.txt is empty; expected text"):
        save(content)


def test_what_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "locked").write_bytes(b"x")
    for path, message in [
        (tmp_path, r"is a folder; expected a file"),
        (tmp_path / "none", r"none is missing: put the file there"),
        (tmp_path / "locked" / "a", r"cannot read .*Not a directory"),
        (tmp_path / "pipe", r"is a device or a pipe"),
        (tmp_path / "a\0b", r"is no path"),
    ]:
        with pytest.raises(TandemError, match=message):
            open_text(path, None)

    def deny(*args: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", deny)
    with pytest.raises(TandemError, match=r"cannot read .*locked: Permission denied; check its permissions"):
        open_text(tmp_path / "locked", None)


def test_the_bytes_tell_a_compressed_file(save: Save, tmp_path: Path) -> None:
    for content in (gzip.compress(b"a\nb"), gzip.compress(b"a\n") + gzip.compress(b"b")):
        file = save(content, name="a.csv.gz")
        assert list(file.lines()) == ["a", "b"]
        assert (file.name.name, file.facts) == ("a.csv", {"encoding": "utf-8", "compression": "gzip"})
    file = save(zipped(tmp_path / "x", folder__b=b"a\nb"))
    assert list(file.lines()) == ["a", "b"]
    assert file.place.endswith("a.txt!folder/b")
    assert (file.name.name, file.facts["compression"]) == ("b", "zip")


def test_the_one_member_of_a_zip_archive(save: Save, tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {"data/": b"", "__MACOSX/._a.csv": b"junk", "data/a.csv": "é".encode("utf-16")}.items():
            archive.writestr(name, content)
    file = open_text(path, None)
    assert (read(file), file.place) == ("é", f"{path}!data/a.csv")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], r"zip archive of 0 files; expected exactly one"),
        (["a", "b"], r"zip archive of 2 files: 'a', 'b'; expected exactly one\. Unpack it"),
        ([str(number) for number in range(20)], r"of 20 files: '0', .*'9', \.\.\.;"),
        (["../a"], r"'\.\./a', which leads out of the archive; refused"),
        (["/etc/a"], r"'/etc/a', which leads out"),
        (["c:\\a"], r"which leads out"),
        (["a\\..\\..\\b"], r"which leads out"),
    ],
)
def test_archives_that_are_refused(tmp_path: Path, names: list[str], message: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    with pytest.raises(TandemError, match=message):
        open_text(tmp_path / "a.zip", None)


def test_an_encrypted_archive(save: Save, tmp_path: Path) -> None:
    content = bytearray(zipped(tmp_path / "x", a=b"x"))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(TandemError, match=r"protected by a password"):
        save(bytes(content))


def test_damaged_archives(save: Save, tmp_path: Path) -> None:
    plain = b"".join(b"line %d\n" % number for number in range(10_000))
    packed = gzip.compress(plain)
    wrong = bytearray(packed)
    wrong[-8] ^= 1
    with zipfile.ZipFile(tmp_path / "x", "w") as archive:
        archive.writestr("a", plain)
    stored = bytearray((tmp_path / "x").read_bytes())
    stored[1000] ^= 1
    for content in (packed[:-9], packed[:5], packed[:10], bytes(wrong), b"PK\x03\x04abc", bytes(stored)):
        with pytest.raises(TandemError, match=r"a\.txt(!a)? is truncated or damaged \(.*\); copy or download it again"):
            list(save(content).lines())


def test_an_archive_that_unpacks_to_too_much(save: Save, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacked_files, "MOST_BYTES", 1_000_000)
    plain = b"a line\n" * 1_000_000
    for content in (gzip.compress(plain), zipped(tmp_path / "x", a=plain)):
        with pytest.raises(TandemError, match=r"unpacks to more than [0-9,]+ bytes, 200 times its own size"):
            list(save(content).lines())
    monkeypatch.setattr(unpacked_files, "MOST_TIMES", 10_000)
    assert sum(1 for _ in save(gzip.compress(plain)).lines()) == 1_000_000


encodings = st.sampled_from([None, "utf-8", "utf-16", "cp1252", "latin-1", "utf-8-sig", "utf-7", "idna", "shift_jis"])


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.binary(min_size=1, max_size=60), st.sampled_from([b"", b"PK\x03\x04", b"\x1f\x8b\x08", b"\xff\xfe"]), encodings
)
@example(b"\r", b"\xff\xfe", "utf-16")
def test_any_bytes_are_text_or_an_error(save: Save, content: bytes, signature: bytes, encoding: str | None) -> None:
    with suppress(TandemError):
        file = save(signature + content, encoding)
        text = read(file)
        assert "\n".join(file.lines()) == text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_utf8_is_read_as_it_stands(save: Save, text: str) -> None:
    assert read(save(b"x" + text.encode())) == "x" + text


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=8), st.integers(0, 400), st.booleans())
def test_any_damage_to_an_archive_is_an_error(save: Save, tmp_path: Path, patch: bytes, at: int, is_zip: bool) -> None:
    content = bytearray(zipped(tmp_path / "x", a=b"some text\n" * 9) if is_zip else gzip.compress(b"some text\n" * 9))
    content[at : at + len(patch)] = patch
    with suppress(TandemError):
        list(save(bytes(content)).lines())
