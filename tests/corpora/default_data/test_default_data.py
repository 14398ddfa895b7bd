from __future__ import annotations

import hashlib
import json
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tandem.corpora.default_data.default_data import RATINGS_MEMBER, fetch_default_data
from tandem.corpora.default_data.source_archives import SourceArchive
from tandem.corpora.readers.xlsx import open_sheet
from tandem.errors import TandemError
from tests.corpora.workbooks import read_rows

RATINGS = "1\t2.5\tFine\u0085 film\r\n2\t-0.1\t=dull\r\n3\t0.0\tA film\r\n4\t1\ttab\there".encode()
TEXTS = [
    {
        "full_text": "Anna lives in Lima.",
        "template_id": 7,
        "spans": [
            {"entity_type": "GPE", "start_position": 14, "end_position": 18},
            {"entity_type": "PERSON", "start_position": 0, "end_position": 4},
            {"entity_type": "PERSON", "start_position": 1, "end_position": 3},
        ],
    },
    {"full_text": "34!", "template_id": 8, "spans": []},
]


def tar(name: str, data: bytes) -> bytes:
    content = BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        archive.addfile(entry, BytesIO(data))
    return content.getvalue()


def source(downloads: Path, name: str, data: bytes) -> SourceArchive:
    content = tar("inside", data)
    (downloads / name).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return SourceArchive(package=name, version="1", file_name=name, sha256=digest, member="inside")


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Any]:
    """Two small archives of the shape of the real ones, as keyword arguments."""
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    return {
        "downloads": downloads,
        "sentiment_source": source(downloads, "sentiment", tar(RATINGS_MEMBER, RATINGS)),
        "entities_source": source(downloads, "entities", json.dumps(TEXTS).encode()),
    }


def test_the_sign_of_the_mean_is_the_sentiment(tmp_path: Path, sources: dict[str, Any]) -> None:
    report = fetch_default_data(tmp_path / "raw", **sources)
    sheet = open_sheet(tmp_path / "raw" / "classification_dataset.xlsx")
    assert read_rows(sheet, "review", "sentiment") == [
        (2, "Fine\u0085 film", "positive"),
        (3, "=dull", "negative"),
        (4, "tab\there", "positive"),
    ]
    assert report.sentiment.dropped == {"zero_rating": 1}
    assert report.sentiment.labels == {"positive": 2, "negative": 1}


def test_spans_become_tags_of_words(tmp_path: Path, sources: dict[str, Any]) -> None:
    report = fetch_default_data(tmp_path / "raw", **sources)
    sheet = open_sheet(tmp_path / "raw" / "ner_dataset.xlsx")
    assert read_rows(sheet, "Sentence #", "Word", "Tag", "Template") == [
        (2, "Sentence: 1", "Anna", "B-PERSON", "7"),
        (3, "", "lives", "O", ""),
        (4, "", "in", "O", ""),
        (5, "", "Lima", "B-GPE", ""),
        (6, "", ".", "O", ""),
        (7, "Sentence: 2", "34", "O", "8"),
        (8, "", "!", "O", ""),
    ]
    assert (report.entities.spans_in, report.entities.spans, report.entities.dropped) == (3, 2, {"overlapping": 1})


def test_the_report_says_what_was_written(tmp_path: Path, sources: dict[str, Any]) -> None:
    report = fetch_default_data(tmp_path / "raw", **sources)
    assert report.summary() == "3 reviews (1 without a sign dropped); 2 sentences, 7 words, 2 of 3 spans"
    digest = hashlib.sha256((tmp_path / "raw" / "ner_dataset.xlsx").read_bytes()).hexdigest()
    assert report.as_dict()["entities"]["sha256"] == digest


def test_fetching_again_leaves_the_files_alone(tmp_path: Path, sources: dict[str, Any]) -> None:
    first = fetch_default_data(tmp_path / "raw", **sources)
    times = [path.stat().st_mtime_ns for path in sorted((tmp_path / "raw").iterdir())]
    assert fetch_default_data(tmp_path / "raw", **sources) == first
    assert [path.stat().st_mtime_ns for path in sorted((tmp_path / "raw").iterdir())] == times


def test_a_workbook_of_the_user_is_not_overwritten(tmp_path: Path, sources: dict[str, Any]) -> None:
    own = tmp_path / "raw" / "ner_dataset.xlsx"
    own.parent.mkdir()
    own.write_bytes(b"mine")
    with pytest.raises(TandemError, match=r"ner_dataset\.xlsx exists and is not the default data; it was left as it"):
        fetch_default_data(own.parent, **sources)
    assert own.read_bytes() == b"mine"
    assert list(own.parent.iterdir()) == [own]
