"""Tiny tokenizers, built in memory or trained on a few lines."""

import string
from pathlib import Path

import pytest
import tokenizers
from tokenizers import models, normalizers, pre_tokenizers, processors, trainers

from tandem.params import TokenizeAlign
from tandem.tokens.pieces.tokenizer import Tokenizer, wrap_tokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCABULARY = [
    *SPECIAL,
    *string.ascii_lowercase,
    *(f"##{letter}" for letter in string.ascii_lowercase),
    *string.digits,
    *(f"##{digit}" for digit in string.digits),
    *".,!?'-@",
    "the",
    "film",
    "##ing",
    "london",
    "中",
    "é",
]
LINES = ["the quiet film", "a dull, overlong mess!", "Anna Kowalska lives in London", "12 Mill Lane, Leeds"] * 5


def word_piece_backend(vocabulary: list[str]) -> tokenizers.Tokenizer:
    numbers = {token: number for number, token in enumerate(vocabulary)}
    backend = tokenizers.Tokenizer(models.WordPiece(numbers, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(name, numbers[name]) for name in ("[CLS]", "[SEP]")]
    )
    backend.add_special_tokens(SPECIAL)
    return backend


def byte_level_backend() -> tokenizers.Tokenizer:
    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    special = ["<s>", "<pad>", "</s>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    backend.train_from_iterator(LINES, trainer)
    ends = [(name, backend.token_to_id(name)) for name in ("<s>", "</s>")]
    backend.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    return backend


def unigram_backend() -> tokenizers.Tokenizer:
    backend = tokenizers.Tokenizer(models.Unigram())
    backend.normalizer = normalizers.NFKC()
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=60, special_tokens=["<pad>", "<unk>", "</s>"], unk_token="<unk>", show_progress=False
    )
    backend.train_from_iterator(LINES, trainer)
    backend.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", backend.token_to_id("</s>"))]
    )
    return backend


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return wrap_tokenizer(word_piece_backend(VOCABULARY))


@pytest.fixture(scope="session")
def families(tokenizer: Tokenizer) -> dict[str, Tokenizer]:
    return {
        "word_piece": tokenizer,
        "byte_level": wrap_tokenizer(byte_level_backend(), pad_token="<pad>"),
        "unigram": wrap_tokenizer(unigram_backend(), pad_token="<pad>"),
    }


@pytest.fixture
def bert_folder(tmp_path: Path) -> Path:
    """A folder as published with a BERT model, whose tokenizer.json truncates and pads."""
    folder = tmp_path / "bert"
    folder.mkdir()
    backend = word_piece_backend(VOCABULARY)
    backend.enable_truncation(8)
    backend.enable_padding(length=8)
    backend.save(str(folder / "tokenizer.json"))
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": true, "tokenizer_class": "BertTokenizer"}')
    return folder


def settings(
    *, max_length: int = 16, stride: int = 4, long_texts: str = "windows", subwords: str = "first"
) -> TokenizeAlign:
    return TokenizeAlign(max_length=max_length, stride=stride, long_texts=long_texts, subwords=subwords)
