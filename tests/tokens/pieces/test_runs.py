"""Words of a running text have the pieces that the tokenizer gives the text, and every word keeps a place."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tandem.corpora.schema.records import Record
from tandem.corpora.schema.span_tags import cut_words
from tandem.tokens.pieces.alignment import encode_records
from tandem.tokens.pieces.lexicon import Lexicon
from tandem.tokens.pieces.runs import Run, runs_of
from tandem.tokens.pieces.tokenizer import Tokenizer
from tests.tokens.test_any_tokenizer import FAMILIES, LOST, ODD, trained

__all__ = ["trained"]

PARTS = [*"abnle059.,'()-€™²🙂中文éß", "\u0301", "\u200b", *ODD[:7], "don't", "end.", *LOST]
TEXTS = st.lists(st.lists(st.sampled_from(PARTS), max_size=5).map("".join), max_size=6).map(" ".join)


def in_text(text: str) -> Record:
    words, starts = cut_words(text)
    return Record(row=1, text=text, words=words, starts=starts)


def pieces_by_word(record: Record, tokenizer: Tokenizer) -> list[list[str]]:
    encoded = encode_records([record], tokenizer, Lexicon(tokenizer))
    names = [tokenizer.backend.id_to_token(piece) for piece in encoded.pieces.tolist()]
    return [names[start:end] for start, end in pairwise(encoded.unit_starts.tolist())]


def alone(record: Record, tokenizer: Tokenizer) -> list[list[str]]:
    return pieces_by_word(Record(row=1, words=record.words), tokenizer)


def test_runs() -> None:
    assert list(runs_of(in_text('"So," she said: no'))) == [Run(0, ('"', "So", ",", '"')), Run(5, ("said", ":"))]
    assert list(runs_of(in_text("no run  here"))) == list(runs_of(in_text(""))) == []
    assert list(runs_of(Record(row=1, words=("a", ".")))) == list(runs_of(Record(row=1, text="a."))) == []


def test_a_full_stop_is_read_as_after_no_space(trained: dict[str, Tokenizer]) -> None:
    record = in_text("the film. (the)")
    assert record.words == ("the", "film", ".", "(", "the", ")")
    found = {family: pieces_by_word(record, tokenizer) for family, tokenizer in trained.items()}
    assert found["byte_level"] == [["Ġthe"], ["Ġfilm"], ["."], ["Ġ", "("], ["the"], [")"]]
    assert alone(record, trained["unigram"])[2] == ["▁", "<unk>"]
    assert found["unigram"][2] == ["<unk>"]
    assert found["word_piece"] == alone(record, trained["word_piece"])


def test_a_piece_over_two_words_is_parted(trained: dict[str, Tokenizer]) -> None:
    record = in_text("5€ a")
    word_piece, unigram = (pieces_by_word(record, trained[family]) for family in ("word_piece", "unigram"))
    assert trained["word_piece"].backend.encode("5€").tokens[1:-1] == ["[UNK]"]
    assert word_piece == [["[UNK]"], ["[UNK]"], ["a"]]
    assert trained["unigram"].backend.encode("5€").tokens[1:-1] == ["▁", "5€"]
    assert [len(pieces) > 0 for pieces in unigram] == [True] * 3
    assert "▁" not in unigram[1]


def crossed(words: tuple[str, ...], offsets: list[tuple[int, int]]) -> bool:
    edges = {len("".join(words[:number])) for number in range(1, len(words))}
    return any(start < edge < end for start, end in offsets for edge in edges)


@pytest.mark.parametrize("family", FAMILIES)
@given(text=TEXTS)
@hypothesis_settings(deadline=None, max_examples=150)
def test_a_text_has_the_pieces_of_the_tokenizer(trained: dict[str, Tokenizer], family: str, text: str) -> None:
    """Stretch by stretch, unless a piece reaches over a word's edge; and no word loses its place."""
    tokenizer, record = trained[family], in_text(text)
    assert record.words is not None
    found, single = pieces_by_word(record, tokenizer), alone(record, tokenizer)
    for ours, own in zip(found, single, strict=True):
        assert bool(ours) >= bool(own)
    runs = {run.first: run.words for run in runs_of(record)}
    for first, words in runs.items():
        expected = tokenizer.backend.encode("".join(words), add_special_tokens=False)
        ours = found[first : first + len(words)]
        if not crossed(words, expected.offsets) and all(ours):
            known = [tokenizer.backend.id_to_token(piece) for piece in expected.ids]
            assert [piece for own in ours for piece in own] == known
    within = {place for first, words in runs.items() for place in range(first, first + len(words))}
    assert all(found[place] == single[place] for place in range(len(found)) if place not in within)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_whole_text_equals_the_reference(trained: dict[str, Tokenizer], family: str) -> None:
    text = "Anna Kowalska lives in London, 12 Mill Lane. (a dull, overlong mess!)"
    record, tokenizer = in_text(text), trained[family]
    ours = encode_records([record, Record(row=2, text=text)], tokenizer, Lexicon(tokenizer))
    expected = tokenizer.backend.encode(text, add_special_tokens=False).ids
    assert ours.pieces.tolist() == expected * 2
