import pytest
import torch

from tandem.errors import TandemError
from tandem.hardware.memory import PassLimit, is_out_of_memory
from tandem.tokens.batches.batching import PassSize

SIZE = PassSize(tokens=64, counts_padding=False)


def fitting(most, error=MemoryError):
    def work(size):
        if size.tokens > most:
            raise error
        return size.tokens

    return work


@pytest.mark.parametrize(
    ("error", "is_it"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 byte"), True),
        (RuntimeError("MPS backend out of memory"), True),
        (RuntimeError("shapes cannot be multiplied"), False),
        (ValueError("allocate memory"), False),
    ],
)
def test_what_counts_as_out_of_memory(error, is_it):
    assert is_out_of_memory(error) == is_it


def test_pytorchs_own_error_counts():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60)
    assert is_out_of_memory(caught.value)


def test_a_pass_is_halved_until_it_fits_and_stays_so():
    limit = PassLimit(SIZE)
    assert limit.run(fitting(20)) == 16
    assert limit.run(fitting(64)) == 16


def test_the_lesson_outlives_the_process(tmp_path):
    PassLimit(SIZE, memo=tmp_path, number=1).run(fitting(20))
    assert PassLimit(SIZE, memo=tmp_path, number=0).size.tokens == 16
    assert PassLimit(SIZE._replace(tokens=8), memo=tmp_path).size.tokens == 8


def test_other_errors_are_not_retried():
    with pytest.raises(RuntimeError, match="shapes"):
        PassLimit(SIZE).run(fitting(20, RuntimeError("shapes")))


def test_one_window_that_does_not_fit_is_the_end():
    with pytest.raises(TandemError, match=r"out of memory with one window in a pass: lower tokenize_align.max_length"):
        PassLimit(SIZE).run(fitting(0))


def test_with_others_waiting_the_process_ends_and_remembers(tmp_path):
    limit = PassLimit(SIZE, memo=tmp_path, may_retry=False)
    with pytest.raises(TandemError, match=r"goes on from the last checkpoint, with passes of 32 tokens"):
        limit.run(fitting(20))
    assert PassLimit(SIZE, memo=tmp_path).size.tokens == 32
