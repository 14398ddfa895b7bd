"""Small things to test with: an encoder of a few thousand weights, and workbooks that it can learn from."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Iterable, Sequence
from pathlib import Path

import openpyxl
import tokenizers
import torch
from safetensors.torch import save_file
from tokenizers import models, normalizers, pre_tokenizers, processors

from tandem.model.encoder import EncoderConfig
from tandem.model.multitask import MultiTaskModel
from tandem.model.weights import to_huggingface
from tandem.params import Scratch

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
SCRATCH = Scratch(
    vocabulary_size=97,
    lower_case=True,
    hidden_width=32,
    n_heads=4,
    n_layers=2,
    feed_forward_width=48,
    max_positions=24,
    norm="post",
    positions="learnt",
    activation="gelu",
)
GOOD = ("fine", "bright", "lovely", "warm")
BAD = ("dull", "grim", "weak", "cold")
THINGS = ("film", "plot", "cast", "song", "scene", "ending")
NAMES = ("anna", "ben", "carla", "dmitri", "emi")
PLACES = ("oslo", "lima", "quito", "perth")
VOCABULARY = (
    *SPECIAL,
    *string.ascii_lowercase,
    *(f"##{letter}" for letter in string.ascii_lowercase),
    *string.digits,
    *(f"##{digit}" for digit in string.digits),
    *".,!?'-@:",
    *GOOD,
    *BAD,
    *THINGS,
    "the",
    "was",
    "and",
    "in",
    "lives",
    "met",
)


def write_encoder(folder: Path, *, seed: int = 0, max_positions: int = 64) -> Path:
    """Write a random BERT of two layers with its tokenizer, as a checkpoint is published."""
    folder.mkdir(parents=True, exist_ok=True)
    config = EncoderConfig(
        vocabulary_size=len(VOCABULARY),
        hidden_width=32,
        n_layers=2,
        n_heads=4,
        feed_forward_width=64,
        max_positions=max_positions,
        n_segments=2,
        norm_eps=1e-12,
        pad_id=0,
    )
    model = MultiTaskModel(config, {}, pooling="pooler", dropout=0.0, encoder_dropout=0.0)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator) * 0.1
            parameter.copy_(noise + (1.0 if name.endswith("norm.weight") else 0.0))
    settings, tensors = to_huggingface(model)
    (folder / "config.json").write_text(json.dumps(settings))
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer_backend().save(str(folder / "tokenizer.json"))
    return folder


def tokenizer_backend() -> tokenizers.Tokenizer:
    """A WordPiece tokenizer over `VOCABULARY`, with every letter and digit as a fallback."""
    numbers = {token: number for number, token in enumerate(VOCABULARY)}
    backend = tokenizers.Tokenizer(models.WordPiece(numbers, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(name, numbers[name]) for name in ("[CLS]", "[SEP]")]
    )
    backend.add_special_tokens(list(SPECIAL))
    return backend


def write_workbook(path: Path, rows: Iterable[Sequence[object]]) -> Path:
    """Write rows, the header first, as the only sheet of a workbook."""
    path.parent.mkdir(parents=True, exist_ok=True)
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def review_rows(count: int, *, seed: int = 0) -> list[tuple[str, str]]:
    """Reviews whose adjectives tell the sentiment; no two are equal."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        label, words = (("positive", GOOD), ("negative", BAD))[number % 2]
        things = draw.sample(THINGS, 2)
        text = f"The {things[0]} was {draw.choice(words)} and the {things[1]} was {draw.choice(words)}, {number}!"
        rows.append((text, label))
    return rows


def tagged_rows(count: int, *, seed: int = 1) -> list[tuple[str | None, str, str, str]]:
    """Sentences with persons and places, one word a row; every fourth shares a template."""
    draw = random.Random(seed)
    rows: list[tuple[str | None, str, str, str]] = []
    for number in range(count):
        words = [draw.choice(NAMES).title(), str(number), "met", draw.choice(NAMES), "in", draw.choice(PLACES)]
        tags = ["B-person", "O", "O", "B-person", "O", "B-place"]
        for place, (word, tag) in enumerate(zip(words, tags, strict=True)):
            rows.append((f"Sentence: {number + 1}" if place == 0 else None, word, tag, f"T{number // 4}"))
    return rows
