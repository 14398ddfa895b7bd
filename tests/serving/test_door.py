import doctest
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import tandem as package
from tandem.artifacts import write_json
from tandem.corpora.schema.records import Record
from tandem.corpora.schema.span_tags import cut_words
from tandem.corpora.schema.tag_schemes import spans_of
from tandem.errors import TandemError
from tandem.evaluation.decoding import decode
from tandem.evaluation.scoring.predicting import predict
from tandem.hardware.execution import choose_for_reading
from tandem.model.folder import load_model, save_model
from tandem.serving import door
from tandem.serving.door import Tandem
from tandem.tokens.batches.examples import Examples
from tandem.tokens.batches.shelf import Shelf
from tandem.tokens.pieces.tokenizer import load_tokenizer
from tandem.training.passing.passes import EncoderPass
from tests.serving.conftest import CARD, LABELS, MACHINE, SENTENCES

LONG = " ".join([*SENTENCES, "Anna met Ben in Oslo."] * 3)


def loaded(folder: Path) -> Tandem:
    return Tandem.from_loaded(load_model(folder), choose_for_reading(MACHINE))


def test_the_documented_example_is_true(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained.parents[1])
    done = doctest.testmod(door)
    assert (done.attempted, done.failed) == (6, 0)


def test_every_sentence_that_was_learnt_is_known(tandem: Tandem) -> None:
    for answer, (text, (label, entities)) in zip(tandem(SENTENCES), SENTENCES.items(), strict=True):
        assert answer.text == text
        assert answer.classes["sentiment"].label == label
        assert {entity.text: entity.label for entity in answer.entities["entities"]} == entities
        assert all(text[entity.start : entity.end] == entity.text for entity in answer.entities["entities"])


def test_probabilities_are_those_of_the_model(tandem: Tandem, trained: Path) -> None:
    text = next(iter(SENTENCES))
    model, tokenizer = load_model(trained).model, load_tokenizer(trained)
    ids = torch.tensor([tokenizer.backend.encode(text).ids])
    with torch.inference_mode():
        expected = model(ids, torch.ones_like(ids, dtype=torch.bool))["sentiment"].softmax(-1)[0]
    choice = tandem([text])[0].classes["sentiment"]
    np.testing.assert_allclose([choice.probabilities[name] for name in LABELS["sentiment"]], expected, atol=1e-6)
    assert choice.probability == max(choice.probabilities.values())


def test_texts_are_read_as_evaluation_reads_the_records_of_a_corpus(tandem: Tandem, trained: Path) -> None:
    """Words alone and running text alone, as corpora hold them, each with the evaluation's own prediction."""
    texts = [*SENTENCES, LONG]
    worded = [Record(row=row, words=cut_words(text).words) for row, text in enumerate(texts)]
    running = [Record(row=row, text=text) for row, text in enumerate(texts)]
    execution, model = choose_for_reading(MACHINE), load_model(trained).model
    answers = tandem(texts)
    for task, records in (("entities", worded), ("sentiment", running)):
        kinds = {task: tandem.reader.kinds[task]}
        shelf = Shelf((tandem.reader._packer.pack(records)[0],))
        members = {task: np.arange(len(texts))}
        examples = Examples(shelf=shelf, labels={task: LABELS[task]}, kinds=kinds, members=members)
        run = EncoderPass(model, examples, execution, reading=True)
        found = predict(run, examples, size=execution.pass_size)[task]
        if task == "sentiment":
            expected = [dict(zip(found.names, row, strict=True)) for row in found.probabilities().tolist()]
            short = [answer.classes[task].probabilities for answer in answers[:-1]]
            assert all(one == pytest.approx(other, abs=1e-5) for one, other in zip(short, expected, strict=False))
            continue
        tags = np.array(found.names, dtype=object)[decode(found, "viterbi").answers()]
        for number, answer in enumerate(answers):
            own = tags[found.texts == number].tolist()
            words = cut_words(texts[number])
            spans = [
                (words.starts[first], words.starts[after - 1] + len(words.words[after - 1]), kind)
                for first, after, kind in spans_of(own)
            ]
            assert [(entity.start, entity.end, entity.label) for entity in answer.entities[task]] == spans


def test_offsets_point_into_the_text_as_it_was_given(tandem: Tandem) -> None:
    plain = "What a lovely film, said Anna in Oslo."
    messy = "  What a <b>lovely</b>   film,\tsaid&nbsp;Anna <!-- who? -->in\n\nOslo.\n"
    clean, found = (tandem([text])[0] for text in (plain, messy))
    assert [entity.text for entity in found.entities["entities"]] == ["Anna", "Oslo"]
    assert all(messy[entity.start : entity.end] == entity.text for entity in found.entities["entities"])
    assert found.classes["sentiment"].probability == pytest.approx(clean.classes["sentiment"].probability, abs=1e-6)
    assert found.redacted() == messy.replace("Anna", "[PERSON]").replace("Oslo", "[GPE]")


def test_a_long_text_is_read_to_its_end(tandem: Tandem) -> None:
    (answer,) = tandem([LONG])
    found = answer.entities["entities"]
    assert found[-1].end > 0.9 * len(LONG)
    assert [entity.start for entity in found] == sorted(entity.start for entity in found)
    assert all(LONG[entity.start : entity.end] == entity.text for entity in found)


def test_neighbours_and_order_change_nothing(tandem: Tandem) -> None:
    texts = [*SENTENCES, LONG, "fine", "?!", "  Emi  "]
    together = {answer.text: answer for answer in tandem(texts)}
    assert list(together) == texts
    for answer in [*tandem(texts[::-1]), *(tandem([text])[0] for text in texts)]:
        other = together[answer.text]
        assert answer.classes["sentiment"].probability == pytest.approx(
            other.classes["sentiment"].probability, abs=1e-5
        )
        assert [entity.start for entity in answer.entities["entities"]] == [
            entity.start for entity in other.entities["entities"]
        ]


def test_a_stream_is_read_no_further_than_it_must(tandem: Tandem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "TEXTS_AT_ONCE", 3)
    taken = []

    def endless():
        while True:
            taken.append(len(taken))
            yield f"the film was fine {len(taken)}"

    stream = tandem.stream(endless())
    first = [next(stream).text for _ in range(4)]
    assert first == [f"the film was fine {number}" for number in range(1, 5)]
    assert len(taken) == 6


def test_words_and_running_text_may_be_different_pieces(tandem: Tandem) -> None:
    text = "said Anna fi\u200bne"  # BERT's tokenizer drops the mark that parts two words here
    read = tandem.reader.read(["fine", text])
    assert read.examples.members["entities"].tolist() == [0, 1]
    assert read.examples.members["sentiment"].tolist() == [0, 3]
    one, other = tandem(["fine", text])
    alone = tandem(["said Anna fine"])[0]
    assert other.classes["sentiment"].probability == pytest.approx(alone.classes["sentiment"].probability, abs=1e-6)
    assert one.text == "fine"


@pytest.mark.parametrize(
    ("text", "message"), [("", "holds no text"), (" \u200b\n", "holds no text"), ("a\ud800", "no text in UTF-8")]
)
def test_a_text_that_cannot_be_read_is_named(tandem: Tandem, text: str, message: str) -> None:
    with pytest.raises(TandemError, match=f"text 2 of 2 .*{message}"):
        tandem(["fine", text])


def test_a_card_that_says_too_little_is_refused(trained: Path, tmp_path: Path) -> None:
    card = {key: value for key, value in CARD.items() if key != "clean"}
    save_model(tmp_path / "model", load_model(trained).model, card=card, tokenizer_source=trained)
    with pytest.raises(TandemError, match="the card lacks 'clean': run `dvc repro`"):
        loaded(tmp_path / "model")


def rules_of(trained: Path, tmp_path: Path, **changes: object) -> Tandem:
    """The model beside an evaluation of it that chose something."""
    folder = tmp_path / "data/model"
    shutil.copytree(trained, folder, dirs_exist_ok=True)
    values = {
        "decoding": "greedy",
        "temperatures": {"sentiment": 4.0, "entities": 1.0},
        "biases": {"entities": -50.0},
        "weights_sha256": load_model(folder).weights_sha256,
    }
    write_json(tmp_path / "data/evaluate/calibration.json", values | changes)
    return loaded(folder)


def test_answers_are_read_as_the_evaluation_read_them(tandem: Tandem, trained: Path, tmp_path: Path) -> None:
    text = next(iter(SENTENCES))
    calibrated = rules_of(trained, tmp_path)
    assert calibrated.rules.decoding == "greedy"
    before, after = (model([text])[0].classes["sentiment"] for model in (tandem, calibrated))
    assert after.label == before.label
    logit = np.log(before.probability / (1 - before.probability))
    assert after.probability == pytest.approx(1 / (1 + np.exp(-logit / 4)), abs=1e-4)
    assert len(calibrated([text])[0].entities["entities"]) == 2
    for_recall = calibrated([text], for_recall=True)[0]
    assert "lovely" not in for_recall.redacted()


def test_the_evaluation_of_other_weights_counts_for_nothing(trained: Path, tmp_path: Path) -> None:
    assert rules_of(trained, tmp_path, weights_sha256="0" * 64).rules.decoding == "viterbi"


@pytest.mark.parametrize("changes", [{"decoding": "best"}, {"temperatures": 1}, {"biases": {"entities": "low"}}])
def test_a_calibration_that_tandem_did_not_write_is_refused(trained: Path, tmp_path: Path, changes: dict) -> None:
    with pytest.raises(TandemError, match=r"calibration\.json is not as Tandem wrote it"):
        rules_of(trained, tmp_path, **changes)


def test_importing_the_package_loads_no_library() -> None:
    code = "import sys, tandem; print(*({'torch', 'numpy', 'transformers'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
    assert package.Tandem is Tandem
    with pytest.raises(AttributeError, match="Tiger"):
        package.Tiger  # noqa: B018


def test_answers_become_json(tandem: Tandem) -> None:
    answer = tandem(["What a lovely film, said Anna in Oslo."])[0]
    row = json.loads(json.dumps(answer.as_row(all_classes=True)))
    assert row["classes"]["sentiment"].keys() == {"label", "probability", "probabilities"}
    assert [entity["text"] for entity in row["entities"]["entities"]] == ["Anna", "Oslo"]
    hidden = answer.as_row(redacts=True)
    assert hidden.keys() == {"text", "classes"}
    assert hidden["text"] == "What a lovely film, said [PERSON] in [GPE]."
