import pytest
import yaml

from tandem.corpora.schema.records import Record
from tandem.errors import TandemError
from tandem.params import load_params
from tandem.tokens.piece_counts import choose_counter
from tests.imports import ROOT

RECORDS = [
    Record(row=1, text="the film was fine"),
    Record(row=2, words=("anna", "met", "☃", "ben☃")),
    Record(row=3, text=""),
]
COUNTS = ([4 + 2, 4 + 1 + 1 + 1 + 2, 2], [0, 2, 0])


def test_special_pieces_count_and_unknown_ones_are_told(tiny_encoder):
    count, skipped = choose_counter(str(tiny_encoder), None)
    assert (count(RECORDS), skipped) == (COUNTS, [])


def test_without_a_name_the_params_tokenizer_counts_or_it_is_said_why_none_does(tiny_encoder, tmp_path):
    text = yaml.safe_load((ROOT / "params.yaml").read_text())
    for name, expected in ((str(tiny_encoder), COUNTS), ("nobody/nothing", None)):
        text["model"]["pretrained"] = name
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(text))
        count, skipped = choose_counter(None, load_params(tmp_path / "params.yaml"))
        assert (count and count(RECORDS)) == expected
        assert bool(skipped) == (expected is None)
    assert choose_counter(None, None) == (
        None,
        ["lengths in pieces: there is no params.yaml here; name a tokenizer by --tokenizer"],
    )


def test_a_tokenizer_that_is_named_must_be_there():
    with pytest.raises(TandemError, match="no tokenizer 'nobody/nothing' on this machine"):
        choose_counter("nobody/nothing", None)
