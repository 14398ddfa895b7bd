"""One pass of a frozen encoder over all texts, against its matrix products alone at the same shapes."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from tandem.model.encoder import EncoderConfig
from tests.benchmarks import Measurement, Request, in_turn, ours
from tests.benchmarks.samples import Sizes, count_tokens, describe, prepare


def measure(request: Request) -> Measurement:
    """Ours reads ids, embeds, normalises, activates, stores vectors; the reference does nothing but multiply."""
    n_texts = request.size(1500, 20)
    with tempfile.TemporaryDirectory() as folder:
        examples = prepare(request, Path(folder), Sizes(n_texts, n_texts))
        chosen = ours.execution(request.pretrained, Sizes(32, 16), precision="float32")
        model = ours.build(request.pretrained, examples, chosen)
        shapes = ours.encoded_shapes(model, examples, chosen)
        products = Products(model.encoder.config, shapes)
        measured = in_turn(
            lambda: ours.encode(model, examples, chosen),
            products.run,
            rounds=request.rounds,
            warm_up=not request.quick,
            note=f"cpu, float32; {describe(examples)} in {len(shapes)} passes; ours counts from ids to stored vectors",
            limit=0.7,
        )
    rate = products.operations / measured.reference
    note = f"{measured.note}; the products alone run at {rate / 1e9:,.0f} GFLOP/s"
    return replace(measured, note=note).per_second(count_tokens(examples), "tokens")


class Products:
    """The products of all layers over all passes: operands and outputs lie ready, and are used again."""

    def __init__(self, config: EncoderConfig, shapes: list[ours.Shapes]) -> None:
        self.shapes = shapes
        self.n_heads = config.n_heads
        self.head_width = config.hidden_width // config.n_heads
        width, inner = config.hidden_width, config.feed_forward_width
        sizes = [(width, 3 * width), (width, width), (width, inner), (inner, width)]
        self.layers = [[_linear(*size) for size in sizes] for _ in range(config.n_layers)]
        most = max(rows for rows, _ in shapes)
        self.inputs, self.outputs = (
            {size: torch.randn(most, size) for size in (width, 3 * width, inner)} for _ in "io"
        )
        blocks = [block for _, blocks in shapes for block in blocks]
        n_vectors = self.n_heads * self.head_width * max(texts * pieces for texts, pieces in blocks)
        self.query, self.key, self.value, self.mixed = torch.randn(4, n_vectors)
        self.scores = torch.randn(self.n_heads * max(texts * pieces**2 for texts, pieces in blocks))

    @property
    def operations(self) -> int:
        """Floating-point operations of a run."""
        layer = sum(weight.numel() for weight, _ in self.layers[0])
        linear = sum(rows for rows, _ in self.shapes) * layer
        squares = sum(texts * pieces**2 for _, blocks in self.shapes for texts, pieces in blocks)
        return 2 * len(self.layers) * (linear + 2 * squares * self.n_heads * self.head_width)

    @torch.no_grad()
    def run(self) -> None:
        """Multiply everything once."""
        for rows, blocks in self.shapes:
            for layer in self.layers:
                for weight, bias in layer:
                    given, made = self.inputs[weight.shape[1]][:rows], self.outputs[weight.shape[0]][:rows]
                    torch.addmm(bias, given, weight.t(), out=made)
                for block in blocks:
                    self._attend(*block)

    def _attend(self, texts: int, pieces: int) -> None:
        stack = (texts * self.n_heads, pieces, self.head_width)
        query, key, value, mixed = (_view(flat, stack) for flat in (self.query, self.key, self.value, self.mixed))
        scores = _view(self.scores, (stack[0], pieces, pieces))
        torch.bmm(query, key.transpose(1, 2), out=scores)
        torch.bmm(scores, value, out=mixed)


def _linear(n_inputs: int, n_outputs: int) -> tuple[Tensor, Tensor]:
    """A weight as `nn.Linear` holds it, (outputs, inputs), and its bias."""
    return torch.randn(n_outputs, n_inputs) * n_inputs**-0.5, torch.zeros(n_outputs)


def _view(flat: Tensor, shape: tuple[int, int, int]) -> Tensor:
    return flat[: shape[0] * shape[1] * shape[2]].view(shape)
