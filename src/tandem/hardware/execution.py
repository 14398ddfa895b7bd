"""From what the params ask for and what the machine is to how a step is computed.

A `Demand` comes from the params alone, the same everywhere; the `Execution` chosen for a machine decides how
a step is computed, never what it computes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from tandem.errors import TandemError
from tandem.hardware.machine import Device, Machine, Precision
from tandem.params import Params, Scratch
from tandem.tokens.batches.batching import PassSize

if TYPE_CHECKING:
    import torch

    from tandem.model.encoder import EncoderConfig

# Beyond this many tokens a pass runs no faster, it only needs more memory (CPU: the caches; GPU: full waves).
_ENOUGH_TOKENS: Mapping[Device, int] = {"cpu": 2_048, "mps": 16_384, "cuda": 65_536}


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What the params ask of any machine; `batch_size` counts the texts of all tasks in a step.

    Through `scratch`, settings of an encoder from scratch bear on training, and on nothing where it is pretrained.
    """

    corpora: tuple[str, ...]
    pretrained: str
    scratch: Scratch | None
    device: Literal["auto", "cpu", "cuda", "mps"]
    precision: Literal["auto", "float32", "bfloat16", "float16"]
    batch_size: int
    max_length: int
    memory_fraction: float


@dataclass(frozen=True, kw_only=True)
class Execution:
    """How this machine computes a step.

    `micro_batch` counts windows of full length in one pass over one device, `tokens_per_pass` the padded
    pieces that this allows; `accumulation` is how many such passes the largest step needs.
    """

    device: Device
    precision: Precision
    n_devices: int
    micro_batch: int
    tokens_per_pass: int
    accumulation: int
    workers: int
    threads: int

    @property
    def skips_padding(self) -> bool:
        """Whether only real pieces are computed: a CPU gains from it, a GPU has better things to do than small ones."""
        return self.device == "cpu"

    @property
    def pass_size(self) -> PassSize:
        """How much one pass of the encoder takes."""
        return PassSize(tokens=self.tokens_per_pass, counts_padding=not self.skips_padding)

    def autocast(self) -> torch.autocast:
        """A context in which matrix products run in the chosen precision."""
        import torch  # noqa: PLC0415 - takes seconds, and the probe mostly ends without it

        lower = self.precision != "float32"
        dtype = torch.float16 if self.precision == "float16" else torch.bfloat16
        return torch.autocast(self.device, dtype=dtype, enabled=lower)


def demand_of(params: Params) -> Demand:
    """The part of the params that bears on execution."""
    return Demand(
        corpora=tuple(params.corpora),
        pretrained=params.model.pretrained,
        scratch=params.model.from_scratch,
        device=params.hardware_probe.device,
        precision=params.train.precision,
        batch_size=sum(params.train.batch_size_of(task) for task in params.tasks),
        max_length=params.tokenize_align.max_length,
        memory_fraction=params.hardware_probe.memory_fraction,
    )


def choose(machine: Machine, demand: Demand, encoder: EncoderConfig, *, n_parameters: int) -> Execution:
    """Choose how `machine` will meet `demand`, from a model of the memory that training takes.

    Raises `TandemError` if not even one window fits, or the machine cannot run the precision asked for.
    """
    if demand.max_length > encoder.max_positions:
        raise TandemError(
            f"tokenize_align.max_length must be at most {encoder.max_positions}, the positions of the encoder "
            f"{demand.pretrained}, got {demand.max_length}"
        )
    precision = _choose_precision(machine, demand)
    budget = machine.memory * demand.memory_fraction - state_bytes(n_parameters)
    fitting = int(budget / (activation_bytes(encoder, demand.max_length) * demand.max_length))
    if fitting < 1:
        raise TandemError(
            f"one window of {demand.max_length} pieces does not fit into {machine.memory / 2**30:.1f} GiB of "
            f"{machine.name}: lower tokenize_align.max_length, choose a smaller model.pretrained, "
            "or train.trainable: heads_only"
        )
    enough = max(1, _ENOUGH_TOKENS[machine.device] // demand.max_length)
    return with_micro_batch(min(fitting, enough), machine, demand, precision)


def with_micro_batch(micro_batch: int, machine: Machine, demand: Demand, precision: Precision) -> Execution:
    """The execution with `micro_batch` windows a pass."""
    return Execution(
        device=machine.device,
        precision=precision,
        n_devices=machine.n_devices,
        micro_batch=micro_batch,
        tokens_per_pass=micro_batch * demand.max_length,
        accumulation=-(-demand.batch_size // (micro_batch * machine.n_devices)),
        workers=0 if machine.device == "cpu" else min(4, max(1, machine.cores // machine.n_devices)),
        threads=machine.cores,
    )


def choose_for_reading(machine: Machine) -> Execution:
    """The execution of a model that only reads, in float32: one device, passes as large as make it fast."""
    return Execution(
        device=machine.device,
        precision="float32",
        n_devices=1,
        micro_batch=1,
        tokens_per_pass=_ENOUGH_TOKENS[machine.device],
        accumulation=1,
        workers=0,
        threads=machine.cores,
    )


def state_bytes(n_parameters: int) -> int:
    """Weights, gradients and AdamW's two moments, all float32."""
    return 4 * 4 * n_parameters


def activation_bytes(encoder: EncoderConfig, max_length: int) -> int:
    """Bytes that one token's activations take until the backward pass, in float32.

    Per layer: nine tensors of the hidden width (input, query, key, value, context, two sums, two norms), two
    of the feed-forward width, and a row of attention weights per head where attention is not fused.
    """
    layer = 9 * encoder.hidden_width + 2 * encoder.feed_forward_width + encoder.n_heads * max_length
    return 4 * (encoder.n_layers * layer + 3 * encoder.hidden_width)


def _choose_precision(machine: Machine, demand: Demand) -> Precision:
    if demand.precision == "auto":
        return "bfloat16" if "bfloat16" in machine.precisions else "float32"
    if demand.precision == "float16" and "float16" not in machine.precisions:
        raise TandemError(
            f"train.precision asks for float16, which {machine.name} does not run; "
            f"choose one of {', '.join(machine.precisions)}, or auto"
        )
    return demand.precision


def as_json(*values: Demand | Machine | Execution) -> dict[str, Any]:
    """The values' fields by the lower-case name of their class."""
    return {type(value).__name__.lower(): asdict(value) for value in values}
