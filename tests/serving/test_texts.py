"""Texts are read as those that the model was trained on."""

import pytest

from tandem.serving.cards import read_card
from tandem.serving.texts import TextReader
from tests.tokens.conftest import byte_level_backend

CARD = {
    "labels": {"names": ["O", "B-per", "I-per"], "mood": ["bad", "good"]},
    "clean": {"html": "remove", "drop_characters": None},
    "max_length": 16,
    "stride": 4,
}
KINDS = {"names": "tagging", "mood": "classification"}


@pytest.mark.parametrize(("words_in_texts", "stop", "classified"), [(False, "Ġ", 1), (True, ".", 0)])
def test_words_are_read_as_in_training(tmp_path, words_in_texts, stop, classified):
    backend = byte_level_backend()
    backend.save(str(tmp_path / "tokenizer.json"))
    card = read_card(tmp_path, {**CARD, "words_in_texts": words_in_texts})
    read = TextReader(tmp_path, card, KINDS).read(["a film."])
    worded, running = read.examples.shelf.stores
    places = worded.piece_words.tolist()
    assert backend.id_to_token(int(worded.pieces[places.index(2)])) == stop
    assert (worded.pieces.tolist() == running.pieces.tolist()) == (stop == ".")
    assert read.examples.members["mood"].tolist() == [
        classified
    ]  # one row serves both tasks where the pieces are equal
    assert read.words == [[(0, 1), (2, 6), (6, 7)]]
