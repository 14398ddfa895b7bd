"""The default data: two workbooks made from two pinned archives of the package index.

- Sentiment: `movieReviewSnippets_GroundTruth.txt` in `vaderSentiment` 3.3.2 (MIT; Hutto and Gilbert 2014): 10,605
  sentences of film reviews, each with the mean of twenty people's ratings from -4 to 4. The texts are those of
  rt-polarity (Pang and Lee 2005; CC BY 4.0). The sign of the mean is the label.
- Entities: `synth_dataset_v2.json` in `presidio-evaluator` 0.3.2 (MIT; Microsoft): 1,500 synthetic texts with
  2,863 spans of 17 kinds of personal data, filled into 209 templates.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tandem.artifacts import atomic_file
from tandem.corpora.default_data.source_archives import SourceArchive, archive_bytes, member_bytes
from tandem.corpora.default_data.workbook_writing import workbook_bytes
from tandem.corpora.schema.span_tags import Span, tag_words
from tandem.errors import TandemError

SENTIMENT_SOURCE = SourceArchive(
    package="vaderSentiment",
    version="3.3.2",
    file_name="vaderSentiment-3.3.2.tar.gz",
    sha256="5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
    member="vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz",
)
RATINGS_MEMBER = "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"

ENTITIES_SOURCE = SourceArchive(
    package="presidio-evaluator",
    version="0.3.2",
    file_name="presidio_evaluator-0.3.2.tar.gz",
    sha256="2ec1be3710a2843553a5fb185916d85b0fa174fb9e1927e03ea83152fdc95eb1",
    member="presidio_evaluator-0.3.2/data/synth_dataset_v2.json",
)


@dataclass(frozen=True, kw_only=True)
class SentimentReport:
    """What became of the rated texts."""

    texts_in: int
    rows: int
    labels: dict[str, int]
    dropped: dict[str, int]
    sha256: str


@dataclass(frozen=True, kw_only=True)
class EntitiesReport:
    """What became of the texts with spans."""

    sentences: int
    words: int
    spans_in: int
    spans: int
    dropped: dict[str, int]
    sha256: str


@dataclass(frozen=True, kw_only=True)
class FetchReport:
    """What is in the two workbooks, and what is not."""

    sentiment: SentimentReport
    entities: EntitiesReport

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers as metrics."""
        return asdict(self)

    def summary(self) -> str:
        """Return one line for the log."""
        zeros = self.sentiment.dropped["zero_rating"]
        return (
            f"{self.sentiment.rows:,} reviews ({zeros} without a sign dropped); {self.entities.sentences:,} "
            f"sentences, {self.entities.words:,} words, {self.entities.spans:,} of {self.entities.spans_in:,} spans"
        )


def fetch_default_data(
    raw: Path,
    *,
    downloads: Path,
    sentiment_source: SourceArchive = SENTIMENT_SOURCE,
    entities_source: SourceArchive = ENTITIES_SOURCE,
) -> FetchReport:
    """Write `classification_dataset.xlsx` and `ner_dataset.xlsx` into `raw`, the same bytes every time.

    Raises `TandemError` if an archive cannot be had or has another hash, and if a workbook of that name with other
    content is there already: it is left as it is.
    """
    sentiment_content = archive_bytes(sentiment_source, downloads)
    entities_content = archive_bytes(entities_source, downloads)
    ratings = member_bytes(member_bytes(sentiment_content, sentiment_source.member), RATINGS_MEMBER)
    reviews, sentiment = _sentiment_workbook(ratings)
    sentences, entities = _entities_workbook(member_bytes(entities_content, entities_source.member))
    workbooks = {raw / "classification_dataset.xlsx": reviews, raw / "ner_dataset.xlsx": sentences}
    for path, content in workbooks.items():
        _check_unclaimed(path, content)
    for path, content in workbooks.items():
        _write_once(path, content)
    return FetchReport(sentiment=sentiment, entities=entities)


def _sentiment_workbook(ratings: bytes) -> tuple[bytes, SentimentReport]:
    """Turn lines of id, mean rating and text into rows of text and label."""
    lines = [line.decode().split("\t", 2) for line in ratings.splitlines()]
    rated = [(text, float(mean)) for _, mean, text in lines]
    rows = [(text, "positive" if mean > 0 else "negative") for text, mean in rated if mean]
    content = workbook_bytes(("review", "sentiment"), rows)
    return content, SentimentReport(
        texts_in=len(rated),
        rows=len(rows),
        labels=dict(Counter(label for _, label in rows)),
        dropped={"zero_rating": len(rated) - len(rows)},
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _entities_workbook(document: bytes) -> tuple[bytes, EntitiesReport]:
    """Turn texts with character spans into one row a word."""
    rows: list[tuple[str, ...]] = []
    dropped: Counter[str] = Counter()
    texts = json.loads(document)
    for number, entry in enumerate(texts, start=1):
        spans = [Span(span["start_position"], span["end_position"], span["entity_type"]) for span in entry["spans"]]
        tagged = tag_words(entry["full_text"], spans)
        dropped += tagged.dropped
        rows.extend(_word_rows(number, tagged.words, tagged.tags, str(entry["template_id"])))
    spans_in = sum(len(entry["spans"]) for entry in texts)
    content = workbook_bytes(("Sentence #", "Word", "Tag", "Template"), rows)
    return content, EntitiesReport(
        sentences=len(texts),
        words=len(rows),
        spans_in=spans_in,
        spans=spans_in - dropped.total(),
        dropped=dict(dropped),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _word_rows(number: int, words: Sequence[str], tags: Sequence[str], template: str) -> Iterator[tuple[str, ...]]:
    """The mark and the template stand on the first row alone."""
    for position, (word, tag) in enumerate(zip(words, tags, strict=True)):
        yield ("" if position else f"Sentence: {number}", word, tag, "" if position else template)


def _check_unclaimed(path: Path, content: bytes) -> None:
    if path.exists() and path.read_bytes() != content:
        raise TandemError(
            f"{path} exists and is not the default data; it was left as it is. If it is your own, store it under "
            "another name and set `corpora.<name>.path` in params.yaml to it; if you do not need it, delete it"
        )


def _write_once(path: Path, content: bytes) -> None:
    if not path.exists():
        with atomic_file(path) as handle:
            handle.write(content)
