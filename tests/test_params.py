import re
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import pytest
import yaml
from ruamel.yaml import YAML

from tandem.errors import TandemError
from tandem.params import Params, load_params
from tandem.params.loading import _read_yaml

TEXT = (Path(__file__).parent.parent / "params.yaml").read_text()
REVIEWS_TAGS, ENTITIES_TAGS = "tags: {}", "tags: {entities: Tag}"


def load(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    return load_params(path)


def changed(old, new):
    assert old in TEXT
    return TEXT.replace(old, new, 1)


def test_the_default_params_load(default_params):
    assert default_params.train.batch_size_of("entities") == 16
    assert replace(default_params.train, batch_size=8).batch_size_of("entities") == 8


def test_every_value_has_a_comment_on_its_line():
    bare = [
        line
        for line in TEXT.splitlines()
        if re.match(r"^ *[\w]+: +[^#\s]", line) and "#" not in line and not line.startswith("    ")
    ]
    assert bare == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "  tasks: []",
            "  tasks: [moods]",
            r"twins\.tasks must name tasks \(sentiment, entities\), each once",
        ),
        ("  tasks: []", "  tasks: [entities, entities]", r"twins\.tasks must name tasks .*, each once"),
        ("  epochs: 2", "  epochz: 2", r"params\.yaml: train\.epochz is not a known key; allowed here: schedule, "),
        ("  epochs: 2", "  #", r"params\.yaml: train\.epochs is missing"),
        ("  epochs: 2", "  epochs: two", r"params\.yaml: train\.epochs must be a valid integer, got 'two'"),
        ("  epochs: 2", "  epochs: '2'", r"params\.yaml: train\.epochs must be a valid integer, got '2'"),
        ("  epochs: 2", "  epochs: 0", r"params\.yaml: train\.epochs must be greater than or equal to 1, got 0"),
        ("warmup_ratio: 0.1", "warmup_ratio: 1.5", r"train\.warmup_ratio must be less than 1, got 1\.5"),
        (
            "schedule: combined",
            "schedule: mixed",
            r"train\.schedule must be 'combined', .*, got 'mixed'",
        ),
        (
            "batch_size: {sentiment: 32",
            "batch_size: {sentiment: many",
            r"train\.batch_size\.sentiment must be a valid int",
        ),
        ("batch_size: {sentiment", "batch_size: {mood", r"train\.batch_size must have a number for each task"),
        ("loss_weights: {sentiment: 0.5, ", "loss_weights: {", r"loss_weights must have a number for each task"),
        ("kind: tagging", "kind: tags", r"tasks\.entities\.kind must be 'classification' or 'tagging', got 'tags'"),
        (
            "labels: auto ",
            "labels: [B-PERSON] ",
            r"must list entity types without B- and I-, and no O, got \['B-PERSON'\]",
        ),
        ("labels: [negative, positive]", "labels: [positive]", r"tasks\.sentiment\.labels must list at least two"),
        ("labels: [negative, positive]", "labels: [a, a]", r"tasks\.sentiment\.labels must not repeat a label"),
        ("text: review ", "textt: review ", r"corpora\.reviews\.textt is not a known key; allowed here: path, format"),
        ("labels: {sentiment: sentiment}", "labels: {}", r"tasks\.sentiment has no corpus"),
        ("labels: {sentiment: sentiment}", "labels: {mood: x}", r"corpora\.reviews\.labels\.mood is not a task"),
        ("labels: {sentiment: sentiment}", "labels: {entities: x}", r"must be a classification task, got tagging"),
        (
            "    words: Word",
            "    words: null",
            r"corpora\.entities must name a column in exactly one of `text` and `words`",
        ),
        ("  reviews:", "  my reviews:", r"corpora\.my reviews: a name may hold letters, digits"),
        ("  sentiment:\n    kind", "  a/b:\n    kind", r"tasks\.a/b: a name may hold letters, digits"),
        ("  sentiment:\n    kind", "  before:\n    kind", r"tasks\.before: the metrics use this name for themselves"),
        ("labels: auto ", "labels: [] ", r"tasks\.entities\.labels must list the entity types, or be auto"),
        (
            "labels: [negative, positive]",
            "labels: [negative, ' positive']",
            r"must not be empty or begin or end with a",
        ),
        ("labels: {sentiment: sentiment}", "labels: {}", r"corpora\.reviews serves no task"),
        ("seed: 7", "seed: 99999999999999999999999", r"params\.yaml must hold plain numbers"),
        ("seed: 7", "seed: !!int abc", r"params\.yaml is not valid YAML"),
        ("test: 0.15", "test: 0.95", r"split\.valid and split\.test must leave texts for training"),
        ("stride: 32", "stride: 100", r"tokenize_align\.stride must be at most half of max_length \(64\), got 100"),
        ("seed: 7", "seed: 7\nseed: 8", r"not valid YAML: key 'seed' twice"),
        ("seed: 7", "seed: [7", r"params\.yaml is not valid YAML"),
        ("seed: 7", "seed: !!python/object/apply:os.getcwd []", r"params\.yaml is not valid YAML"),
        ("adaptive_rates: [1.0e-6, 1.0e-4]", "adaptive_rates: [1, 0.1]", r"adaptive_rates must be \[lowest, highest\]"),
        ("scheme: iob2 ", "scheme: iob3 ", r"tasks\.entities\.scheme must be 'auto', 'iob1', .*, got 'iob3'"),
        ("scheme: iob2 ", "scheme: null ", r"tasks\.entities\.scheme must be auto, iob1, iob2, bilou or io, got null"),
        ("sentence: null", "sentence: Mark", r"corpora\.reviews\.sentence needs `words`"),
        (REVIEWS_TAGS, "tags: {entities: Tag}", r"corpora\.reviews\.tags needs `words`: tags belong to words"),
        (ENTITIES_TAGS, "tags: {}\n    spans: {entities: spans}", r"corpora\.entities\.spans needs `text`"),
        (REVIEWS_TAGS, "tags: {}\n    spans: {ents: x}", r"corpora\.reviews\.spans\.ents is not a task; tasks: sent"),
        (REVIEWS_TAGS, "tags: {}\n    spans: {sentiment: x}", r"spans\.sentiment must be a tagging task, got class"),
        (REVIEWS_TAGS, "tags: {}\n    without: [sentiment]", r"without\.sentiment must be a tagging task, got class"),
        (
            REVIEWS_TAGS,
            "tags: {}\n    spans: {entities: x}\n    without: [entities]",
            r"corpora\.reviews must name a task in one of `tags`, `spans`, `without` alone, got entities twice",
        ),
        (
            ENTITIES_TAGS,
            f"{ENTITIES_TAGS}\n    without: [entities]",
            r"corpora\.entities must name a task in one of .* alone, got entities twice",
        ),
        (REVIEWS_TAGS, "tags: {}\n    splits: {test: t.csv}", r"reviews\.splits must name at least train, got test"),
        (REVIEWS_TAGS, "tags: {}\n    splits: {}", r"reviews\.splits must name at least train, got none"),
        (
            REVIEWS_TAGS,
            "tags: {}\n    splits: {dev: t.csv}",
            r"reviews\.splits\.dev.* must be 'train', 'valid'",
        ),
        (
            REVIEWS_TAGS,
            "tags: {}\n    map: {entities: {A: B}}",
            r"corpora\.reviews\.map\.entities is no task in its `labels`, `tags` or `spans` \(sentiment\)",
        ),
        (
            REVIEWS_TAGS,
            "tags: {}\n    map: {sentiment: {1: positive, 2: O}}",
            r"map\.sentiment must give labels of tasks\.sentiment \(negative, positive\), got \['O'\]",
        ),
        (ENTITIES_TAGS, f"{ENTITIES_TAGS}\n    map: {{entities: {{A: ''}}}}", r"map\.entities must .*, got \[''\]"),
        ("decoding: viterbi", "decoding: beam", r"evaluate\.decoding must be 'greedy' or 'viterbi', got 'beam'"),
        ("calibration: none", "calibration: platt", r"evaluate\.calibration must be 'none' or 'temperature', got 'pl"),
        ("recall_of: words", "recall_of: tokens", r"evaluate\.recall_of must be 'words' or 'entities', got 'tokens'"),
        (
            "target_recall: null",
            "target_recall: {entities: 95}",
            r"evaluate\.target_recall\.entities must be less than or equal to 1, got 95",
        ),
        (
            "target_recall: null",
            "target_recall: {sentiment: 0.9}",
            r"evaluate\.target_recall must name tagging tasks \(entities\), got sentiment",
        ),
        ("  entities:\n    kind", "  calibration:\n    kind", r"tasks\.calibration: the metrics use this name"),
    ],
)
def test_a_mistake_is_named_with_its_key_and_what_is_allowed(tmp_path, old, new, message):
    with pytest.raises(TandemError, match=message):
        load(tmp_path, changed(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('sentence: "Sentence #"', "sentence: null"),
        ("text: review ", "text: [title, -1] "),
        ("scheme: iob2 ", "scheme: auto "),
        (REVIEWS_TAGS, "tags: {}\n    without: [entities]\n    splits: {train: a.csv, test: b.csv}"),
        (REVIEWS_TAGS, "tags: {}\n    spans: {entities: spans}\n    map: {entities: {PER: NAME, MISC: O}}"),
        (REVIEWS_TAGS, "tags: {}\n    map: {sentiment: {1: negative, 2: positive}}"),
    ],
)
def test_what_a_corpus_may_be(tmp_path, old, new):
    load(tmp_path, changed(old, new))


def test_the_tasks_that_a_corpus_serves(tmp_path):
    params = load(tmp_path, changed(REVIEWS_TAGS, "tags: {}\n    without: [entities]"))
    assert params.corpus("reviews").kinds() == {"sentiment": "classification", "entities": "tagging"}


@pytest.mark.parametrize("chosen", ["calibration: none", "target_recall: null"])
def test_what_is_chosen_on_the_valid_split_needs_one(tmp_path, chosen):
    needing = {"calibration: none": "calibration: temperature", "target_recall: null": "target_recall: {entities: 0.9}"}
    text = changed(chosen, needing[chosen]).replace("valid: 0.1 ", "valid: 0 ")
    with pytest.raises(TandemError, match=r"need a valid split: split\.valid must be above 0"):
        load(tmp_path, text)
    assert load(tmp_path, text.replace(REVIEWS_TAGS, "tags: {}\n    splits: {train: a.csv, valid: b.csv}"))


def test_patience_would_end_separate_training_before_the_last_tasks_turn(tmp_path):
    text = changed("schedule: combined", "schedule: separate").replace("patience: null", "patience: 2")
    with pytest.raises(TandemError, match=r"train\.patience must be null under train\.schedule: separate"):
        load(tmp_path, text)


def test_a_missing_file_and_an_empty_one(tmp_path):
    with pytest.raises(TandemError, match="is missing: run from the project's root"):
        load_params(tmp_path / "params.yaml")
    with pytest.raises(TandemError, match="must hold sections such as `train:`, got None"):
        load(tmp_path, "# nothing\n")


def test_several_mistakes_are_told_at_once(tmp_path):
    text = changed("  epochs: 2", "  epochs: two").replace("seed: 7", "seed: seven")
    with pytest.raises(TandemError, match=r"(?s)seed must be.*train\.epochs must be"):
        load(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    ["1e-5", "1.0e-5", "5E+3", ".5", "yes", "no", "on", "off", "NO", "true", "010", "1_000", "12:30", "~", "null"],
)
def test_values_are_read_as_dvc_reads_them(tmp_path, text):
    ours = load_yaml(tmp_path, f"key: {text}\n")
    assert ours == YAML(typ="safe", pure=True).load(f"key: {text}\n")


def load_yaml(tmp_path, text):
    path = tmp_path / "values.yaml"
    path.write_text(text)
    return _read_yaml(path)


def test_every_class_is_frozen_and_documents_itself():
    waiting, seen = [Params], set()
    while waiting:
        section = waiting.pop()
        seen.add(section.__name__)
        assert section.__dataclass_params__.frozen
        assert section.__doc__
        waiting += [field.type for field in fields(section) if is_dataclass(field.type)]
    assert yaml.safe_load(TEXT).keys() == {field.name for field in fields(Params)}
