"""What is compared: texts as the pipeline cuts them into pieces, padded together or alone, of all lengths.

Shapes: batch, seq.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, cycle, islice, pairwise, takewhile

import torch

from tandem.corpora.schema.records import Record
from tandem.parity.reference import Batch
from tandem.tokens.pieces.alignment import encode_records
from tandem.tokens.pieces.lexicon import Lexicon
from tandem.tokens.pieces.tokenizer import Tokenizer

Pieces = list[int]


def encode_texts(texts: Sequence[str], tokenizer: Tokenizer) -> list[Pieces]:
    """The ids of whole texts, special ones included, by the way that tokenize-align takes."""
    records = [Record(row=row, text=text) for row, text in enumerate(texts, start=1)]
    encoded = encode_records(records, tokenizer, Lexicon(tokenizer))
    starts, pieces = encoded.text_starts.tolist(), encoded.pieces.tolist()
    rows = (pieces[start:end] for start, end in pairwise(starts))
    return [[*tokenizer.prefix, *row, *tokenizer.suffix] for row in rows]


def count_differing(ours: Sequence[Pieces], theirs: Sequence[Pieces]) -> int:
    """How many pieces differ, those that one of a pair has more included."""
    pairs = list(zip(ours, theirs, strict=True))
    return sum(sum(a != b for a, b in zip(*pair, strict=False)) + abs(len(pair[0]) - len(pair[1])) for pair in pairs)


def in_batches(texts: Sequence[Pieces], pad_id: int, *, size: int, limit: int) -> list[Batch]:
    """Cut texts into at most `limit` pieces each and pad `size` of them together."""
    cut = [text[:limit] for text in texts]
    return [padded(cut[start : start + size], pad_id) for start in range(0, len(cut), size)]


def of_lengths(lengths: Sequence[int], texts: Sequence[Pieces], pad_id: int) -> Batch:
    """Texts of these lengths, of the pieces of `texts` over and over."""
    pieces = cycle([piece for text in texts for piece in text if piece != pad_id])
    return padded([list(islice(pieces, length)) for length in lengths], pad_id)


def doubling_lengths(limit: int) -> list[int]:
    """1, 2, 4, ... and the limit."""
    return [*takewhile(lambda length: length < limit, (1 << power for power in count())), limit]


def padded(pieces: Sequence[Sequence[int]], pad_id: int) -> Batch:
    """Pad texts at their ends."""
    lengths = torch.tensor([len(text) for text in pieces])
    mask = torch.arange(int(lengths.max()))[None] < lengths[:, None]  # (batch, seq)
    ids = torch.full(mask.shape, pad_id)
    ids[mask] = torch.tensor([piece for text in pieces for piece in text])
    return Batch(ids, mask)
