"""A WordPiece vocabulary of one's own, for an encoder that begins from scratch; the same pieces in every run.

Pieces are merged by how often they stand side by side (Sennrich et al. 2016), as the `tokenizers` library does. Its
own trainer for WordPiece numbers continuing letters in the order in which it happens to meet them, and so differs
from run to run; here each continuing letter is a character of its own, in planes that Unicode leaves empty, and
becomes `##` and the letter afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import tokenizers
from tokenizers import models, normalizers, pre_tokenizers, processors, trainers

from tandem.artifacts import atomic_folder, write_json
from tandem.corpora.schema.records import read_records
from tandem.errors import TandemError
from tandem.params import Scratch

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PAD_ID = SPECIAL.index("[PAD]")

_EMPTY_PLANES = 0x40000  # from where no character is assigned
_LONGEST_WORD = 100  # letters; WordPiece reads longer ones as unknown


def write_vocabulary(
    folder: Path, pretrained: str, splits: Path, corpora: Iterable[str], *, scratch: Scratch | None
) -> str:
    """Learn the vocabulary of an encoder from scratch from the training texts, and say so in a line.

    Without such an encoder there is none to learn, and the folder only says which tokenizer is used in its place.
    Raises `TandemError` if a split is missing or the texts hold more letters than the vocabulary may have pieces.
    """
    with atomic_folder(folder) as partial:
        write_json(partial / "origin.json", {"pretrained": pretrained})
        if scratch is None:
            return f"the tokenizer of {pretrained}, nothing to learn"
        texts, lower_case = _training_texts(splits, corpora), scratch.lower_case
        backend = train_word_pieces(texts, scratch.vocabulary_size, lower_case=lower_case)
        backend.save(str(partial / "tokenizer.json"))
        names = {f"{token[1:-1].lower()}_token": token for token in SPECIAL}
        settings = {"tokenizer_class": "BertTokenizer", "do_lower_case": lower_case, "strip_accents": True, **names}
        (partial / "tokenizer_config.json").write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")
        return f"{backend.get_vocab_size():,} pieces learnt from the training texts"


def train_word_pieces(texts: Iterable[str], size: int, *, lower_case: bool) -> tokenizers.Tokenizer:
    """BERT's tokenizer with a vocabulary of at most `size` pieces learnt from texts, without their accents."""
    normalizer = normalizers.BertNormalizer(lowercase=lower_case, strip_accents=True)
    pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words = chain.from_iterable(
        (word for word, _ in pre_tokenizer.pre_tokenize_str(normalizer.normalize_str(text))) for text in texts
    )
    learner = tokenizers.Tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(vocab_size=size - len(SPECIAL), show_progress=False)
    learner.train_from_iterator((_marked(word) for word in words if len(word) <= _LONGEST_WORD), trainer)
    learnt = sorted(learner.get_vocab().items(), key=lambda item: item[1])
    if len(learnt) + len(SPECIAL) > size:
        raise TandemError(
            f"model.scratch.vocabulary_size must be at least {len(learnt) + len(SPECIAL)}, as many as the training "
            f"texts' letters (at a word's begin and within) and the special pieces are, got {size}"
        )
    vocabulary = {piece: number for number, piece in enumerate((*SPECIAL, *(_plain(piece) for piece, _ in learnt)))}
    backend = tokenizers.Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    backend.normalizer, backend.pre_tokenizer = normalizer, pre_tokenizer
    backend.post_processor = processors.BertProcessing(*((name, vocabulary[name]) for name in ("[SEP]", "[CLS]")))
    backend.add_special_tokens(list(SPECIAL))
    return backend


def _training_texts(splits: Path, corpora: Iterable[str]) -> Iterator[str]:
    for corpus in corpora:
        yield from (record.surface for record in read_records(splits / corpus / "train.jsonl"))


def _marked(word: str) -> str:
    """The word with its continuing letters moved to the empty planes."""
    return word[0] + "".join(chr(ord(letter) + _EMPTY_PLANES) for letter in word[1:])


def _plain(piece: str) -> str:
    """The piece with its letters moved back, and `##` in front if it continues a word."""
    letters = "".join(chr(ord(letter) % _EMPTY_PLANES) for letter in piece)
    return f"##{letters}" if ord(piece[0]) >= _EMPTY_PLANES else letters
