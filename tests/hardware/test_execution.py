from dataclasses import replace

import pytest

from tandem.errors import TandemError
from tandem.hardware.execution import Demand, activation_bytes, choose, demand_of, state_bytes
from tandem.hardware.machine import Machine
from tandem.model.encoder import EncoderConfig

GIB = 2**30
LAPTOP = Machine(device="cpu", name="laptop", n_devices=1, memory=8 * GIB, cores=4, precisions=("float32",))
SERVER = Machine(
    device="cpu", name="server", n_devices=1, memory=256 * GIB, cores=64, precisions=("float32", "bfloat16")
)
SMALL_GPU = Machine(
    device="cuda", name="small GPU", n_devices=1, memory=4 * GIB, cores=8, precisions=("float32", "float16")
)
BIG_GPU = Machine(
    device="cuda", name="GPU", n_devices=1, memory=80 * GIB, cores=16, precisions=("float32", "bfloat16", "float16")
)
MANY_GPUS = replace(BIG_GPU, n_devices=8)
DEMAND = Demand(
    corpora=("reviews",),
    pretrained="bert-base-uncased",
    scratch=None,
    device="auto",
    precision="auto",
    batch_size=512,
    max_length=512,
    memory_fraction=0.8,
)
BERT_BASE = EncoderConfig(
    vocabulary_size=30_522,
    hidden_width=768,
    n_layers=12,
    n_heads=12,
    feed_forward_width=3_072,
    max_positions=512,
    n_segments=2,
    norm_eps=1e-12,
    pad_id=0,
)
N_PARAMETERS = 108_891_648


def chosen(machine, **changes):
    return choose(machine, replace(DEMAND, **changes), BERT_BASE, n_parameters=N_PARAMETERS)


@pytest.mark.parametrize("machine", [LAPTOP, SERVER, SMALL_GPU, BIG_GPU, MANY_GPUS], ids=lambda machine: machine.name)
def test_what_is_chosen_fits_and_covers_the_batch(machine):
    execution = chosen(machine)
    tokens = execution.micro_batch * DEMAND.max_length
    assert execution.tokens_per_pass == tokens
    needed = state_bytes(N_PARAMETERS) + tokens * activation_bytes(BERT_BASE, DEMAND.max_length)
    assert needed <= machine.memory * DEMAND.memory_fraction
    covered = execution.micro_batch * execution.accumulation * execution.n_devices
    assert covered >= DEMAND.batch_size
    assert execution.threads == machine.cores


@pytest.mark.parametrize(
    ("machine", "precision"),
    [(LAPTOP, "float32"), (SERVER, "bfloat16"), (SMALL_GPU, "float32"), (BIG_GPU, "bfloat16")],
    ids=lambda value: getattr(value, "name", value),
)
def test_auto_precision_is_bfloat16_where_it_runs_natively(machine, precision):
    assert chosen(machine).precision == precision


def test_a_precision_that_is_asked_for_is_kept():
    assert chosen(BIG_GPU, precision="float32").precision == "float32"
    assert chosen(SMALL_GPU, precision="float16").precision == "float16"


def test_float16_on_a_machine_without_it_is_refused():
    with pytest.raises(TandemError, match=r"train\.precision asks for float16, which laptop does not run"):
        chosen(LAPTOP, precision="float16")


def test_less_memory_means_smaller_passes_and_more_of_them():
    small, big = chosen(SMALL_GPU), chosen(BIG_GPU)
    assert small.micro_batch < big.micro_batch
    assert small.accumulation > big.accumulation


def test_more_devices_mean_fewer_passes():
    assert chosen(MANY_GPUS).accumulation == -(-chosen(BIG_GPU).accumulation // 8)


def test_a_machine_too_small_for_one_window_is_refused():
    with pytest.raises(TandemError, match=r"one window of 512 pieces does not fit into 1\.0 GiB"):
        chosen(replace(LAPTOP, memory=GIB))


def test_an_encoder_from_scratch_is_part_of_the_demand_and_another_is_not(default_params):
    assert default_params.model.scratch is not None
    assert demand_of(default_params).scratch is None
    begins = replace(default_params, model=replace(default_params.model, pretrained="none"))
    assert demand_of(begins).scratch == default_params.model.scratch
