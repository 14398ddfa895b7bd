"""A vocabulary of the training texts: the same in every process, of the wanted size, read as BERT's."""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from tandem.corpora.schema.records import Record, write_records
from tandem.errors import TandemError
from tandem.params import Scratch
from tandem.tokens.pieces.tokenizer import load_tokenizer
from tandem.tokens.word_pieces import PAD_ID, SPECIAL, train_word_pieces, write_vocabulary
from tests import tiny

TEXTS = [
    "The films were filmed in Lodz, filming films!",
    "a lovely, lovelier, loveliest film 2024",
    "żółw 中文 café 😀😀 naïve",
    "x" * 300,
] * 3


def scratch(size: int, *, lower_case: bool = True) -> Scratch:
    return replace(tiny.SCRATCH, vocabulary_size=size, lower_case=lower_case)


@pytest.fixture
def splits(tmp_path: Path) -> Path:
    for corpus, texts in (("a", TEXTS[:6]), ("b", TEXTS[6:])):
        records = [Record(row=row, text=text) for row, text in enumerate(texts, start=1)]
        write_records(tmp_path / "split" / corpus / "train.jsonl", records)
        write_records(tmp_path / "split" / corpus / "test.jsonl", [Record(row=9, text="zzz qqq")])
    return tmp_path / "split"


def test_pieces_are_learnt_from_the_training_texts_alone(splits: Path, tmp_path: Path) -> None:
    said = write_vocabulary(tmp_path / "made", "none", splits, ["a", "b"], scratch=scratch(100))
    tokenizer = load_tokenizer(tmp_path / "made")
    vocabulary = tokenizer.backend.get_vocab()
    assert said.endswith("pieces learnt from the training texts")
    assert len(vocabulary) <= 100
    assert [vocabulary[token] for token in SPECIAL] == [0, 1, 2, 3, 4]
    assert "film" in vocabulary
    assert not {"q", "##q"} & vocabulary.keys()
    assert (tokenizer.prefix, tokenizer.suffix, tokenizer.pad_id, tokenizer.unknown_id) == ((2,), (3,), PAD_ID, 1)
    assert tokenizer.backend.encode("Filming").tokens[1].startswith("film")
    assert tokenizer.backend.encode("qq").tokens == ["[CLS]", "[UNK]", "[SEP]"]


def test_every_process_learns_the_same(splits: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.tokens.test_word_pieces import scratch, write_vocabulary;"
        "write_vocabulary(Path(sys.argv[1]), 'none', Path(sys.argv[2]), ['a', 'b'], scratch=scratch(120))"
    )
    found = set()
    for number in range(3):
        folder = tmp_path / str(number)
        subprocess.run([sys.executable, "-c", code, str(folder), str(splits)], check=True)
        found.add(tuple(hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())))
    assert len(found) == 1


@pytest.mark.parametrize("lower_case", [True, False])
def test_transformers_reads_it_alike(splits: Path, tmp_path: Path, lower_case: bool) -> None:
    write_vocabulary(tmp_path / "made", "none", splits, ["a", "b"], scratch=scratch(150, lower_case=lower_case))
    ours, theirs = load_tokenizer(tmp_path / "made"), AutoTokenizer.from_pretrained(tmp_path / "made")
    texts = [*TEXTS, "Unknown: Ω. [SEP]", ""]
    assert [ours.backend.encode(text).ids for text in texts] == theirs(texts)["input_ids"]
    assert (theirs.pad_token_id, theirs.cls_token_id) == (0, 2)


def test_capitals_are_kept_on_request_and_accents_never() -> None:
    kept, lost = (train_word_pieces(TEXTS, 150, lower_case=lower_case) for lower_case in (False, True))
    assert kept.encode("The cafés").tokens != kept.encode("the cafés").tokens
    assert lost.encode("The cafés").tokens == lost.encode("the cafés").tokens == lost.encode("the cafes").tokens
    assert kept.encode("cafés").tokens == kept.encode("cafes").tokens


def test_a_pretrained_encoder_needs_none(splits: Path, tmp_path: Path) -> None:
    said = write_vocabulary(tmp_path / "made", "package:x", splits / "nowhere", ["a"], scratch=None)
    assert said == "the tokenizer of package:x, nothing to learn"
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["origin.json"]
    assert json.loads((tmp_path / "made/origin.json").read_text()) == {"pretrained": "package:x"}


def test_a_size_below_the_letters_is_refused() -> None:
    with pytest.raises(TandemError, match=r"model\.scratch\.vocabulary_size must be at least \d+, .* got 20"):
        train_word_pieces(TEXTS, 20, lower_case=True)
