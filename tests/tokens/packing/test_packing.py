"""Words to pieces and back: every word's tag exactly once, whatever the words, the windows and the mode."""

import hashlib
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tandem.corpora.schema.records import Record, write_records
from tandem.corpora.splitting.splitting import spaceless_key
from tandem.errors import TandemError
from tandem.params import TokenizeAlign
from tandem.tokens.packing import packing
from tandem.tokens.packing.packing import Packer, tokenize_corpus
from tandem.tokens.packing.vocabulary import Vocabularies
from tandem.tokens.pieces.alignment import cut_windows, encode_records
from tandem.tokens.pieces.lexicon import Lexicon
from tandem.tokens.pieces.tokenizer import Tokenizer
from tandem.tokens.storage.ragged import IGNORED, starts_of
from tandem.tokens.storage.store import TokenStore
from tests.tokens.conftest import VOCABULARY, settings

TAGS = ("O", "B-X", "I-X", "B-Y", "I-Y")
VOCABULARIES = Vocabularies(kinds={"entities": "tagging"}, names={"entities": TAGS}, train_names={"entities": TAGS})
WORD = st.one_of(
    st.text("abthefilmé", min_size=1, max_size=6),
    st.text("abc", min_size=12, max_size=40),  # longer than a window
    st.sampled_from(
        ["", "\u200b", "\x00", "\x85", " ", "\u00a0", "🙂", "שלום", "e\u0301", "中中", "a.b", "~", "[SEP]"]
    ),
)
TAGGED = st.lists(st.lists(st.tuples(WORD, st.sampled_from(TAGS)), max_size=14), min_size=1, max_size=4)


def tagged(texts: list[list[tuple[str, str]]]) -> list[Record]:
    return [
        Record(row=row, words=tuple(word for word, _ in text), tags={"entities": tuple(tag for _, tag in text)})
        for row, text in enumerate(texts, start=2)
    ]


def read_back(store: TokenStore) -> list[dict[int, list[int]]]:
    """For each text, the training tags found at each word's own place."""
    found: list[dict[int, list[int]]] = [{} for _ in range(store.n_texts)]
    for text, (start, end) in zip(store.window_texts, pairwise(store.window_starts.tolist()), strict=True):
        for place in range(start, end):
            word = int(store.piece_words[place])
            if word >= 0:
                found[text].setdefault(word, []).append(int(store.piece_tags["entities"][place]))
    return found


@pytest.mark.parametrize("family", ["word_piece", "byte_level", "unigram"])
@given(texts=TAGGED, stride=st.integers(0, 4), subwords=st.sampled_from(["first", "all"]))
@hypothesis_settings(deadline=None)
def test_every_word_comes_back_once(
    families: dict[str, Tokenizer], family: str, texts: list[list[tuple[str, str]]], stride: int, subwords: str
) -> None:
    tokenizer = families[family]
    records = tagged(texts)
    chosen = settings(max_length=8, stride=stride, subwords=subwords)
    store, coverage = Packer(tokenizer, chosen, VOCABULARIES).pack(records)
    lost = 0
    for record, found in zip(records, read_back(store), strict=True):
        _, counts = tokenizer.encode(record.words or ())
        tags = record.tags["entities"]
        assert found == {word: [TAGS.index(tags[word])] for word in np.flatnonzero(counts).tolist()}
        lost += int(np.sum(counts == 0))
    assert coverage.words_without_pieces == lost
    assert coverage.words_cut == 0
    assert coverage.as_dict()["coverage"] == {"pieces": 1.0, "words": 1.0}
    assert max(store.window_lengths) <= 8
    gold = [TAGS.index(tag) for record in records for tag in record.tags["entities"]]
    assert store.word_tags["entities"].tolist() == gold
    learnt = store.piece_tags["entities"] != IGNORED
    if subwords == "first":
        assert (learnt == (store.piece_words >= 0)).all()
    else:
        assert learnt.sum() >= (store.piece_words >= 0).sum()


@given(texts=TAGGED)
@hypothesis_settings(deadline=None)
def test_all_subwords_of_a_word_carry_its_entity(tokenizer: Tokenizer, texts: list[list[tuple[str, str]]]) -> None:
    """In a window that holds everything, each piece has its word's tag, and later ones go on with I-."""
    records = tagged(texts)
    store, _ = Packer(tokenizer, settings(max_length=2000, subwords="all"), VOCABULARIES).pack(records)
    expected: list[int] = []
    for record in records:
        _, counts = tokenizer.encode(record.words or ())
        expected.append(IGNORED)
        for tag, count in zip(record.tags["entities"], counts.tolist(), strict=True):
            rest = tag.replace("B-", "I-")
            expected += [TAGS.index(name) for name in [tag, *[rest] * (count - 1)][:count]]
        expected.append(IGNORED)
    assert store.piece_tags["entities"].tolist() == expected


@given(texts=st.lists(st.text("ab th🙂é.\n\u200b", max_size=60), min_size=1, max_size=4), stride=st.integers(0, 4))
@hypothesis_settings(deadline=None)
def test_windows_hold_the_whole_text(tokenizer: Tokenizer, texts: list[str], stride: int) -> None:
    records = [Record(row=1, text=text) for text in texts]
    store, coverage = Packer(tokenizer, settings(max_length=8, stride=stride), VOCABULARIES).pack(records)
    whole = [tokenizer.backend.encode(text, add_special_tokens=False).ids for text in texts]
    pieces, text_starts = list(chain.from_iterable(whole)), starts_of([len(text) for text in whole])
    encoded = encode_records(records, tokenizer, Lexicon(tokenizer))
    windows = cut_windows(encoded, width=6, stride=stride, use_windows=True)
    assert encoded.text_starts.tolist() == text_starts.tolist()
    bounds = pairwise(store.window_starts.tolist())
    for (start, end), first, last in zip(bounds, windows.starts, windows.ends, strict=True):
        assert store.pieces[start:end].tolist() == [2, *pieces[first:last], 3]
    assert coverage.pieces == coverage.pieces_read
    assert (store.piece_words == -1).all()
    assert store.word_starts.tolist() == [0] * (len(texts) + 1)


def test_cut_counts_what_is_lost(tokenizer: Tokenizer) -> None:
    records = tagged([[("the", "O")] * 10, [("a", "B-X"), ("\u200b", "O")]])
    store, coverage = Packer(tokenizer, settings(max_length=8, long_texts="cut"), VOCABULARIES).pack(records)
    assert store.window_lengths.tolist() == [8, 3]
    report = coverage.as_dict()
    assert (report["long_texts"], report["words_cut"], report["words_without_pieces"]) == (1, 4, 1)
    assert report["coverage"] == {"pieces": 7 / 11, "words": 7 / 11}
    assert len(store.word_tags["entities"]) == 12


def test_unknown_pieces_are_counted(tokenizer: Tokenizer) -> None:
    _, coverage = Packer(tokenizer, settings(), VOCABULARIES).pack([Record(row=1, text="the ~ film 🙂")])
    assert coverage.as_dict()["unknown_share"] == 0.5


def corpus(folder: Path, **splits: list[Record]) -> Path:
    for split in ("train", "valid", "test"):
        write_records(folder / f"{split}.jsonl", splits.get(split, []))
    return folder


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Texts with a label, with tags, with both and with none."""
    return corpus(
        tmp_path / "split",
        train=[
            Record(row=2, text="The film " * 30, labels={"mood": "good"}),
            Record(row=3, words=("Anna", "\u200b", "lives"), tags={"entities": ("B-PER", "O", "O")}),
            Record(row=5, words=("ab", "cd"), labels={"mood": "bad"}, tags={"entities": ("O", "B-LOC")}),
        ],
        test=[
            Record(row=9, text="a", labels={"mood": "awful"}),
            Record(row=11, words=("x",), tags={"entities": ("B-ORG",)}),
            Record(row=12, words=("x", "y")),
        ],
    )


def test_tokenize_corpus(mixed: Path, tmp_path: Path, tokenizer: Tokenizer) -> None:
    report = tokenize_corpus(mixed, tmp_path / "tokens", tokenizer, settings())
    train, valid, test = (TokenStore.open(tmp_path / "tokens" / name) for name in ("train", "valid", "test"))
    tags = ["O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER"]
    assert train.vocabularies == {"mood": ["awful", "bad", "good"], "entities": tags}
    assert train.train_labels == {"mood": ["bad", "good"], "entities": [*tags[:3], *tags[5:]]}
    assert train.meta.kinds == {"mood": "classification", "entities": "tagging"}
    assert train.corpus == "tokens"
    assert train.text_labels["mood"].tolist() == [2, IGNORED, 1]
    assert train.word_tags["entities"].tolist() == [5, 0, 0, 0, 1]
    assert train.word_starts.tolist() == [0, 0, 3, 5]
    assert train.text_rows.tolist() == [2, 3, 5]
    assert train.text_keys.tolist()[1] == spaceless_key(Record(row=1, text="ANNA \u200b lives"))
    assert test.word_tags["entities"].tolist() == [3, IGNORED, IGNORED]
    assert test.text_labels["mood"].tolist() == [0, IGNORED, IGNORED]
    assert (valid.n_texts, valid.n_windows, valid.n_pieces) == (0, 0, 0)
    assert valid.window_lengths.tolist() == []
    assert train.window_texts.tolist() == sorted(train.window_texts.tolist())
    assert train.meta.counts["train"] == {
        "texts": 3, "windows": train.n_windows, "pieces": train.n_pieces, "words": 5
    }  # fmt: skip
    assert report.as_dict()["total"]["words_without_pieces"] == 1
    assert report.summary().startswith("6 texts, ")


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("subwords", ["first", "all"])
def test_bytes_do_not_depend_on_the_run_or_on_the_batches(
    mixed: Path, tmp_path: Path, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch, subwords: str
) -> None:
    for name, n_characters in (("one", 10**6), ("two", 10**6), ("small", 1)):
        monkeypatch.setattr(packing, "_CHARACTERS_AT_ONCE", n_characters)
        tokenize_corpus(mixed, tmp_path / name, tokenizer, settings(subwords=subwords))
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two") == hashes(tmp_path / "small")


def test_a_new_run_replaces_the_old_folder(mixed: Path, tmp_path: Path, tokenizer: Tokenizer) -> None:
    (tmp_path / "tokens").mkdir()
    (tmp_path / "tokens" / "stale").touch()
    tokenize_corpus(mixed, tmp_path / "tokens", tokenizer, settings())
    assert not (tmp_path / "tokens" / "stale").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_words_and_tags_that_do_not_pair_up(tmp_path: Path, tokenizer: Tokenizer) -> None:
    split = corpus(tmp_path / "split", train=[Record(row=7, words=("a", "b"), tags={"entities": ("O",)})])
    with pytest.raises(TandemError, match="row 7 has 2 words but 1 entities tags"):
        tokenize_corpus(split, tmp_path / "tokens", tokenizer, settings())
    assert not (tmp_path / "tokens").exists()


def test_a_missing_split(tmp_path: Path, tokenizer: Tokenizer) -> None:
    with pytest.raises(TandemError, match="run `dvc repro`"):
        tokenize_corpus(tmp_path, tmp_path / "tokens", tokenizer, settings())


def test_a_text_of_a_million_characters(tokenizer: Tokenizer) -> None:
    chosen: TokenizeAlign = settings(max_length=128, stride=32)
    records = [Record(row=1, text="a" * 500_000 + "." * 500_000), Record(row=2, text="🙂")]
    store, coverage = Packer(tokenizer, chosen, VOCABULARIES).pack(records)
    assert coverage.pieces == 500_002
    assert coverage.pieces_read == 500_002
    assert store.pieces[-2] == VOCABULARY.index("[UNK]")
