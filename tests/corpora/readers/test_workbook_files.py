from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from msoffcrypto.format.ooxml import OOXMLFile

from tandem.corpora.readers.xlsx import open_sheet
from tandem.errors import TandemError
from tests.corpora.workbooks import save_texts


def refused(path: Path, message: str) -> None:
    with pytest.raises(TandemError, match=message):
        open_sheet(path)


def test_a_missing_file(tmp_path: Path) -> None:
    refused(tmp_path / "a.xlsx", r"a\.xlsx is missing: put the workbook there, or set `corpora\.\*\.path`")


def test_a_folder(tmp_path: Path) -> None:
    refused(tmp_path, "is a folder; expected an xlsx workbook")


@pytest.mark.parametrize(
    ("content", "description"),
    [(b"", "an empty file"), (b"review,sentiment\nfine,positive\n", "it begins with b'review,s'")],
)
def test_not_a_workbook(tmp_path: Path, content: bytes, description: str) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    refused(path, rf"a\.xlsx is not a workbook \({description}.*expected format: xlsx.*save it as \.xlsx")


def test_an_encrypted_workbook(tmp_path: Path) -> None:
    encrypted = BytesIO()
    plain = save_texts(tmp_path / "plain.xlsx", ["review"], ["fine"])
    with plain.open("rb") as handle:
        OOXMLFile(handle).encrypt("secret", encrypted)
    path = tmp_path / "a.xlsx"
    path.write_bytes(encrypted.getvalue())
    refused(path, "is protected by a password; expected a plain xlsx: open it and save it without one")


def test_an_old_workbook(tmp_path: Path) -> None:
    path = tmp_path / "a.xls"
    path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(512) + "Workbook".encode("utf-16-le"))
    refused(path, r"is an old \.xls workbook; expected format: xlsx\. Open it and save it as \.xlsx")


def test_another_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "<document/>")
    refused(path, "is a zip archive without an xlsx workbook in it")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_workbook(tmp_path: Path, share: float) -> None:
    path = save_texts(tmp_path / "a.xlsx", ["review"], *([f"text {number}"] for number in range(500)))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    refused(path, r"a\.xlsx is truncated or damaged \(.*\); copy or download it again")


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels"])
@pytest.mark.parametrize("damage", [b"<row", b"", None])
def test_a_workbook_with_a_broken_part(tmp_path: Path, part: str, damage: bytes | None) -> None:
    path = save_texts(tmp_path / "a.xlsx", ["review"], ["fine"])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    del parts[part]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
        if damage is not None:
            archive.writestr(part, damage)
    refused(path, r"a\.xlsx.*(damaged|empty|without an xlsx)")


def test_flipped_bytes_are_noticed(tmp_path: Path) -> None:
    path = save_texts(tmp_path / "a.xlsx", ["review"], *(["abcdefgh" * 9] for _ in range(50)))
    path.write_bytes(path.read_bytes().replace(b"abcdefgh", b"abcdefgx", 1))
    refused(path, r"truncated or damaged \(Bad CRC-32")
