"""Words to pieces and back on tokenizers of three families, trained here on many scripts."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import tokenizers
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tokenizers import models, normalizers, pre_tokenizers, processors, trainers

from tandem.corpora.schema.records import Record
from tandem.corpora.schema.span_tags import Span, tag_words
from tandem.corpora.schema.tag_schemes import spans_of
from tandem.evaluation.scoring.predicting import Predictions, predict
from tandem.evaluation.scoring.scores import score_entities
from tandem.params import Task
from tandem.tokens.batches.batching import PassSize
from tandem.tokens.batches.examples import ALL, Batch, Examples, Part, gather_examples
from tandem.tokens.packing.packing import Packer
from tandem.tokens.packing.vocabulary import Vocabularies
from tandem.tokens.pieces.alignment import encode_records
from tandem.tokens.pieces.lexicon import Lexicon
from tandem.tokens.pieces.tokenizer import Tokenizer, wrap_tokenizer
from tandem.tokens.storage.ragged import IGNORED, Ints
from tandem.tokens.storage.store import TokenStore
from tests.tokens.conftest import LINES, settings

MANY_SCRIPTS = [*LINES, "שלום עולם", "مرحبا بالعالم", "Привет мир", "你好 世界", "café naïve", "नमस्ते दुनिया"] * 3
TAGS = ("O", "B-X", "I-X", "B-Y", "I-Y")
VOCABULARIES = Vocabularies(kinds={"names": "tagging"}, names={"names": TAGS}, train_names={"names": TAGS})
TASKS = {"names": Task(kind="tagging", labels=("X", "Y"), scheme="iob2")}
FAMILIES = ["word_piece", "byte_level", "unigram"]

LOST = ["\u200b", "\x00", "\x01\x02", "\u200d\ufeff", "\x85"]
"""Words of which nothing is seen."""
ODD = [
    *("שלום", "مَرْحَبًا", "🙂", "👩\u200d👩\u200d👧", "🇳🇴", "e\u0301\u0323", "ﬁn", "नमस्ते", "中文字", "ß", "İ"),
    *("don't", "a.b@c.de", "...", "1,000.50", "[SEP]", "</s>", "▁", "Ġ", "##ing", "a\u00a0b", "New York"),
    "overlong" * 9,
]
WORD = st.one_of(st.sampled_from([*ODD, *LOST]), st.text(max_size=5), st.text("abeilno", min_size=1, max_size=6))
TAGGED = st.lists(st.lists(st.tuples(WORD, st.sampled_from(TAGS)), max_size=14), min_size=1, max_size=4)


def trained_word_piece() -> tokenizers.Tokenizer:
    backend = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    trainer = trainers.WordPieceTrainer(vocab_size=250, special_tokens=special, show_progress=False)
    backend.train_from_iterator(MANY_SCRIPTS, trainer)
    backend.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return backend


def trained_byte_level() -> tokenizers.Tokenizer:
    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<s>", "<pad>", "</s>"]
    trainer = trainers.BpeTrainer(
        vocab_size=330, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    backend.train_from_iterator(MANY_SCRIPTS, trainer)
    backend.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=True)
    return backend


def trained_unigram() -> tokenizers.Tokenizer:
    backend = tokenizers.Tokenizer(models.Unigram())
    backend.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=140, special_tokens=special, unk_token="<unk>", show_progress=False)
    backend.train_from_iterator(MANY_SCRIPTS, trainer)
    ends = [(name, backend.token_to_id(name)) for name in ("<s>", "</s>")]
    backend.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    return backend


@pytest.fixture(scope="module")
def trained() -> dict[str, Tokenizer]:
    return {
        "word_piece": wrap_tokenizer(trained_word_piece()),
        "byte_level": wrap_tokenizer(trained_byte_level(), pad_token="<pad>"),
        "unigram": wrap_tokenizer(trained_unigram(), pad_token="<pad>"),
    }


def tagged(texts: list[list[tuple[str, str]]]) -> list[Record]:
    return [
        Record(row=row, words=tuple(word for word, _ in text), tags={"names": tuple(tag for _, tag in text)})
        for row, text in enumerate(texts, start=1)
    ]


def sizes_of(tokenizer: Tokenizer, *words: str) -> list[int]:
    return encode_records([Record(row=1, words=words)], tokenizer, Lexicon(tokenizer)).unit_sizes.tolist()


def test_words_that_become_no_piece(trained: dict[str, Tokenizer]) -> None:
    words = ("the", *LOST, "film")
    found = {family: sizes_of(tokenizer, *words)[1:-1] for family, tokenizer in trained.items()}
    assert found["word_piece"] == [0] * len(LOST)
    assert all(size > 0 for size in found["byte_level"])  # it knows every byte
    for family, tokenizer in trained.items():
        records = tagged([[("the", "O"), *((word, "B-X") for word in LOST)], [(word, "B-Y") for word in LOST]])
        store, coverage = Packer(tokenizer, settings(), VOCABULARIES).pack(records)
        assert coverage.words_without_pieces == 2 * found[family].count(0)
        assert store.word_tags["names"].tolist() == [0, *[1] * len(LOST), *[3] * len(LOST)]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_word_longer_than_the_window_is_read_once(trained: dict[str, Tokenizer], family: str) -> None:
    records = tagged([[("Anna", "B-X"), (ODD[-1], "I-X"), ("sings", "O")]])
    for subwords in ("first", "all"):
        chosen = settings(max_length=8, stride=2, subwords=subwords)
        store, coverage = Packer(trained[family], chosen, VOCABULARIES).pack(records)
        assert store.n_windows > 2
        assert sorted(store.piece_words[store.piece_words >= 0]) == [0, 1, 2]
        assert coverage.as_dict()["coverage"] == {"pieces": 1.0, "words": 1.0}


@pytest.mark.parametrize("family", FAMILIES)
@given(words=st.lists(WORD, max_size=8))
@hypothesis_settings(deadline=None, max_examples=60)
def test_words_equal_the_reference(trained: dict[str, Tokenizer], family: str, words: list[str]) -> None:
    tokenizer = trained[family]
    expected = tokenizer.backend.encode(words, is_pretokenized=True, add_special_tokens=False)
    encoded = encode_records([Record(row=1, words=tuple(words))], tokenizer, Lexicon(tokenizer))
    assert encoded.pieces.tolist() == expected.ids
    assert encoded.unit_sizes.tolist() == [expected.word_ids.count(number) for number in range(len(words))]


class Oracle:
    """A model that gives each word where it is read the logits of its own tag."""

    def __init__(self, examples: Examples) -> None:
        self.examples = examples
        self.owners: list[int] = []

    def batches(self, chosen: dict[str, Ints], *, size: PassSize, part: Part = ALL) -> Iterator[Batch]:
        return self.examples.batches(chosen, size=size, reading=True, part=part)

    def __call__(self, batch: Batch, draw: Any = None) -> dict[str, torch.Tensor]:
        targets = batch.targets["names"]
        self.owners += targets.owners.tolist()
        return {"names": torch.nn.functional.one_hot(torch.from_numpy(targets.answers), len(TAGS)).float()}


def there_and_back(store: TokenStore) -> tuple[Predictions, list[int]]:
    examples = gather_examples([store], TASKS, {"names": TAGS})
    oracle = Oracle(examples)
    return predict(oracle, examples, size=PassSize(64, True))["names"], oracle.owners


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("long_texts", ["windows", "cut"])
@given(texts=TAGGED, stride=st.integers(0, 4), subwords=st.sampled_from(["first", "all"]))
@hypothesis_settings(deadline=None, max_examples=60)
def test_every_tag_comes_back_once(
    trained: dict[str, Tokenizer],
    family: str,
    long_texts: str,
    texts: list[list[tuple[str, str]]],
    stride: int,
    subwords: str,
) -> None:
    """What no window holds counts as missed: it is among the gold answers, and predicted as `O`."""
    chosen = settings(max_length=8, stride=stride, long_texts=long_texts, subwords=subwords)
    store, coverage = Packer(trained[family], chosen, VOCABULARIES).pack(tagged(texts))
    gold = [TAGS.index(tag) for text in texts for _, tag in text]
    if not gold:
        return
    found, owners = there_and_back(store)
    assert found.gold.tolist() == gold
    assert len(owners) == len(set(owners)) == coverage.words_read == found.read.sum()
    assert found.answers().tolist() == [tag if read else 0 for tag, read in zip(gold, found.read, strict=True)]
    n_unread = coverage.words_cut + coverage.words_without_pieces
    assert len(gold) - len(owners) == n_unread
    assert coverage.words_cut == 0 or long_texts == "cut"
    if long_texts == "cut":
        assert store.n_windows == len(texts)
        for start, end in pairwise(store.word_starts.tolist()):
            lost = np.flatnonzero(~found.read[start:end])
            sizes = np.array(sizes_of(trained[family], *[word for text in texts for word, _ in text]))[start:end]
            assert set(lost) == set(np.flatnonzero((sizes == 0) | (np.cumsum(sizes) - sizes >= 6)))


@pytest.mark.parametrize("family", FAMILIES)
def test_cut_entities_are_missed(trained: dict[str, Tokenizer], family: str) -> None:
    texts = [[*[("the", "O")] * 20, ("Anna", "B-X")], [("Anna", "B-X"), ("lives", "O")]]
    for long_texts, recall in (("windows", 1.0), ("cut", 0.5)):
        store, _ = Packer(trained[family], settings(long_texts=long_texts), VOCABULARIES).pack(tagged(texts))
        assert score_entities(there_and_back(store)[0]).headline["recall"] == recall


@pytest.mark.parametrize("family", FAMILIES)
@given(words=st.lists(st.sampled_from([*ODD, *LOST, "Anna", "x"]), min_size=1, max_size=10), data=st.data())
@hypothesis_settings(deadline=None, max_examples=60)
def test_spans_come_back_in_characters(
    trained: dict[str, Tokenizer], family: str, words: list[str], data: st.DataObject
) -> None:
    text = " ".join(words)
    marked = data.draw(st.sets(st.integers(0, len(words) - 1)))
    begins = np.cumsum([0, *(len(word) + 1 for word in words)]).tolist()
    spans = [Span(begins[place], begins[place] + len(words[place]), "X") for place in sorted(marked)]
    cut = tag_words(text, spans)
    record = Record(row=1, text=text, words=cut.words, starts=cut.starts, tags={"names": cut.tags})
    store, _ = Packer(trained[family], settings(max_length=8), VOCABULARIES).pack([record])
    if not cut.words:
        return
    found, _ = there_and_back(store)
    back = [
        TAGS[answer] if read else TAGS[gold]
        for answer, gold, read in zip(found.answers(), found.gold, found.read, strict=True)
    ]
    in_text = [(int(store.word_begins[first]), int(store.word_ends[after - 1])) for first, after, _ in spans_of(back)]
    kept = [(span.start, span.end) for span in spans if (span.start in cut.starts and span.end in store.word_ends)]
    assert in_text == kept
    assert len(spans) - len(kept) == cut.dropped.total()
    assert (store.piece_tags["names"] != IGNORED).sum() == found.read.sum()
