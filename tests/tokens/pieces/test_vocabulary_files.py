"""Checkpoints without a `tokenizer.json`: RoBERTa's vocabulary files give what `transformers` makes of them."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import models, pre_tokenizers, trainers
from transformers import RobertaTokenizerFast

from tandem.errors import TandemError
from tandem.tokens.pieces.tokenizer import Tokenizer, load_tokenizer
from tests.tokens.conftest import LINES
from tests.tokens.pieces.test_tokenizer import ODD, pieces_of

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def write_byte_pairs(folder: Path, special: list[str] = SPECIAL) -> Path:
    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    backend.train_from_iterator([*LINES, "naïve 🙂 中文"], trainer)
    backend.model.save(str(folder))
    return folder


@cache
def both() -> tuple[Tokenizer, RobertaTokenizerFast]:
    with TemporaryDirectory() as folder:
        write_byte_pairs(Path(folder))
        reference = RobertaTokenizerFast.from_pretrained(folder, add_prefix_space=True)
        return load_tokenizer(Path(folder)), reference


@given(text=ODD | st.text(max_size=60) | st.sampled_from(["the <mask> film", "a<mask>", " <mask> </s>", "<s> the"]))
@settings(max_examples=200, deadline=None)
def test_texts_equal_the_reference(text: str) -> None:
    ours, reference = both()
    assert pieces_of(ours, text) == reference(text, add_special_tokens=False)["input_ids"]


def test_special_ids_equal_the_reference() -> None:
    ours, reference = both()
    assert (*ours.prefix, *ours.suffix) == (reference.cls_token_id, reference.sep_token_id)
    assert (ours.pad_id, ours.vocabulary_size) == (reference.pad_token_id, len(reference))
    assert ours.backend.encode("the film").ids == reference("the film")["input_ids"]


def test_the_folder_may_name_its_special_tokens(tmp_path: Path) -> None:
    write_byte_pairs(tmp_path, ["[CLS]", "<pad>", "[SEP]", "<unk>"])
    (tmp_path / "special_tokens_map.json").write_text('{"cls_token": "[CLS]", "sep_token": {"content": "[SEP]"}}')
    ours = load_tokenizer(tmp_path)
    assert (ours.prefix, ours.suffix, ours.pad_id) == ((0,), (2,), 1)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"vocab.json": "[1]"}, "must hold a JSON object"),
        ({"vocab.json": '{"a": 0}'}, "lacks <unk>, <s>, </s>, <pad>: it is not a RoBERTa vocabulary"),
        ({"vocab.json": "{"}, "vocab.json"),
        ({"merges.txt": "one\n"}, "are no byte pairs"),
        ({"merges.txt": None}, "expected tokenizer.json, or vocab.txt of a BERT model, or vocab.json and merges.txt"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, files: dict[str, str | None], message: str) -> None:
    write_byte_pairs(tmp_path)
    for name, content in files.items():
        (tmp_path / name).unlink() if content is None else (tmp_path / name).write_text(content)
    with pytest.raises(TandemError) as caught:
        load_tokenizer(tmp_path)
    assert message in str(caught.value)
