import json
import subprocess
import sys

import pytest
import yaml

from tandem.artifacts import read_json, write_json
from tandem.cli import main
from tandem.model.encoder import EncoderConfig
from tandem.model.multitask import MultiTaskModel
from tandem.model.weights import write_checkpoint
from tests.imports import ROOT

SCORES = {
    "mood": {"accuracy": 0.8125, "macro_f1": 0.8, "n": 16},
    "names": {"f1": 0.5, "n": 9},
    "combined_score": 0.65,
}


def place(value):
    return {"max_abs_diff": value}


@pytest.fixture
def metrics(tmp_path):
    before = {
        "mood": {"accuracy": 0.5, "macro_f1": 0.25, "n": 16},
        "names": {"f1": 0.0, "n": 9},
        "combined_score": 0.125,
    }
    write_json(tmp_path / "evaluate.json", {**SCORES, "before": before})
    encoder = {name: place(1e-7) for name in ("tokens", "cls", "mean")} | {"min_cosine": 1.0}
    parity = {
        "pretrained": {**encoder, "layers": {"embeddings": place(0.0)}},
        "trained": {**encoder, "layers": {"layer_01": place(4e-6)}},
    }
    write_json(tmp_path / "parity_check.json", parity)
    return tmp_path


def test_the_summary_shows_scores_before_and_after_and_the_parity(metrics, capsys):
    main(["summary", "--metrics", str(metrics)])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["│", "mood", "│", "accuracy", "│", "0.5000", "│", "0.8125", "│"] in lines
    assert ["│", "names", "│", "n", "│", "9", "│", "9", "│"] in lines
    assert ["│", "combined_score", "│", "│", "0.1250", "│", "0.6500", "│"] in lines
    assert ["│", "trained", "│", "4.0e-06", "│", "1.0000000", "│"] in lines


def sharing(shared):
    scores = {"alone": 0.5625, "shared": shared, "difference": -0.0625, "low": -0.1, "high": -0.025}
    return {"f1": {**scores, "effect": "sharing hurts"}, "f1_name": "f1", "n": 9}


def test_the_summary_shows_what_sharing_does_and_names_a_twin_of_another_run(metrics, capsys):
    write_json(metrics / "twins/names.json", sharing(0.5))
    main(["summary", "--metrics", str(metrics)])
    shown = capsys.readouterr().out
    assert "Does sharing help?" in shown
    assert "negative" in shown
    assert "-0.0625" in shown
    write_json(metrics / "twins/names.json", sharing(0.25))
    main(["summary", "--metrics", str(metrics)])
    assert "-0.0625" not in capsys.readouterr().out


def test_the_summary_shows_the_baseline_beside(metrics, capsys):
    scores = read_json(metrics / "evaluate.json")
    baseline = {"mood": {"accuracy": 0.5625, "macro_f1": 0.36}, "names": {"f1": 0.2}, "combined_score": 0.28}
    write_json(metrics / "evaluate.json", {**scores, "baseline": baseline})
    main(["summary", "--metrics", str(metrics)])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["│", "mood", "│", "accuracy", "│", "0.5000", "│", "0.5625", "│", "0.8125", "│"] in lines


def test_a_summary_before_a_run_says_what_to_do(tmp_path):
    with pytest.raises(SystemExit, match=r"tandem: .*evaluate\.json is missing: run `dvc repro`"):
        main(["summary", "--metrics", str(tmp_path)])


@pytest.mark.parametrize("content", [{}, {"before": 1}])
def test_metrics_of_another_version_are_named(metrics, content):
    write_json(metrics / "evaluate.json", content)
    with pytest.raises(SystemExit, match="holds metrics of another version"):
        main(["summary", "--metrics", str(metrics)])


@pytest.fixture
def write_params(tmp_path, tiny_encoder):
    """Write the project's params with another encoder, given labels, and some of `train` changed."""

    def write(pretrained=tiny_encoder, pooling="mean", entities=("a", "b", "c", "d", "e", "f", "g", "h"), **train):
        params = yaml.safe_load((ROOT / "params.yaml").read_text())
        params["model"] |= {"pretrained": str(pretrained), "pooling": pooling}
        params["tasks"]["entities"]["labels"] = entities if isinstance(entities, str) else list(entities)
        params["train"] |= {"trainable": "all", "frozen_heads": [], "adaptive_rates": [1e-6, 1e-4], **train}
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
        return str(tmp_path / "params.yaml")

    return write


@pytest.fixture
def bert_base(tmp_path):
    """A folder that says it is bert-base-uncased, without its weights."""
    settings = {
        "model_type": "bert",
        "vocab_size": 30522,
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "max_position_embeddings": 512,
        "type_vocab_size": 2,
        "layer_norm_eps": 1e-12,
        "pad_token_id": 0,
    }
    write_json(tmp_path / "bert/config.json", settings)
    (tmp_path / "bert/model.safetensors").touch()
    return tmp_path / "bert"


def parameters(capsys, *words):
    main(["parameters", *words])
    return capsys.readouterr().out


def counts(capsys, *words):
    """Trainable parameters by choice."""
    choices = json.loads(parameters(capsys, *words, "--json"))["choices"]
    return {(choice["trainable"], choice["output_layers"]): choice["n_trainable"] for choice in choices}


def test_parameters_counts_every_choice(write_params, bert_base, capsys):
    path = write_params(bert_base, trainable="output_layers", output_layers=3)
    found = json.loads(parameters(capsys, "--params", path, "--json"))
    choices = {(choice["trainable"], choice["output_layers"]): choice for choice in found["choices"]}
    assert {key: choice["n_trainable"] for key, choice in choices.items()} == {
        ("none", None): 0,
        ("heads_only", None): 14_611,
        **{("output_layers", n): 14_611 + n * 7_087_872 for n in range(1, 13)},
        ("all", None): 108_906_259,
        ("all_adaptive", None): 108_906_259,
    }
    assert choices["output_layers", 3]["n_trainable"] == 21_278_227
    assert choices["all", None]["memory"] == 16 * 108_906_259
    assert [key for key, choice in choices.items() if choice["is_current"]] == [("output_layers", 3)]
    assert found["n_outputs"] == {"sentiment": 2, "entities": 17}


def test_parameters_prints_a_table(write_params, bert_base, capsys):
    path = write_params(bert_base, trainable="output_layers", output_layers=3)
    lines = [line.split() for line in parameters(capsys, "--params", path).splitlines()]
    assert ["│", "heads_only", "│", "14,611", "│", "0.0%", "│", "435.8", "│", "│"] in lines
    assert ["│", "output_layers", "3", "│", "21,278,227", "│", "19.5%", "│", "691.0", "│", "now", "│"] in lines
    assert ["│", "all", "│", "108,906,259", "│", "100.0%", "│", "1,742.5", "│", "│"] in lines
    assert sum("now" in line for line in lines) == 1


def test_parameters_names_frozen_heads(write_params, capsys):
    free = counts(capsys, "--params", write_params())
    path = write_params(frozen_heads=["entities"])
    n_head = 32 * 17 + 17
    assert f"The head of entities is frozen (train.frozen_heads): its {n_head} parameters never learn." in parameters(
        capsys, "--params", path
    )
    assert counts(capsys, "--params", path) == {key: n and n - n_head for key, n in free.items()}


@pytest.mark.parametrize("has_pooler", [True, False])
def test_parameters_knows_whether_the_pooler_is_pretrained(write_params, tmp_path, capsys, has_pooler):
    config = EncoderConfig(
        vocabulary_size=7,
        hidden_width=4,
        n_layers=1,
        n_heads=1,
        feed_forward_width=4,
        max_positions=8,
        n_segments=1,
        norm_eps=1e-12,
        pad_id=0,
    )
    pooling = "pooler" if has_pooler else "cls"
    (tmp_path / "small").mkdir()
    write_checkpoint(tmp_path / "small", MultiTaskModel(config, {}, pooling=pooling, dropout=0.0, encoder_dropout=0.0))
    found = counts(capsys, "--params", write_params(tmp_path / "small", "pooler", entities=["x"]))
    heads, pooler = (4 + 1) * (2 + 3), (4 + 1) * 4
    assert found["heads_only", None] == heads + (0 if has_pooler else pooler)
    assert found["all", None] - found["heads_only", None] > pooler


def test_parameters_learns_labels_that_are_auto_from_the_tokens(write_params, folders, tmp_path, capsys):
    tokens = tmp_path / "tokens"
    tokens.mkdir()
    path = write_params(entities="auto")
    text = yaml.safe_load((tmp_path / "params.yaml").read_text())
    text["tasks"]["names"] = text["tasks"].pop("entities")
    text["corpora"]["entities"]["tags"] = {"names": "Tag"}
    text["train"] |= {"batch_size": 8, "loss_weights": "uncertainty"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(text, sort_keys=False))
    words = ["--params", path, "--tokens", str(tokens)]
    with pytest.raises(
        SystemExit,
        match=r"tandem: tasks\.names\.labels is auto.* no tokens in .*entities: run `dvc repro tokenize-align` first",
    ):
        main(["parameters", *words])
    (tokens / "entities").symlink_to(folders["people"])
    assert "names (3 outputs)" in parameters(capsys, *words)


def test_parameters_without_params_says_where_to_run(tmp_path):
    with pytest.raises(SystemExit, match=r"tandem: .*params\.yaml is missing: run from the project's root"):
        main(["parameters", "--params", str(tmp_path / "params.yaml")])


REVIEWS = "Review,Sentiment\nthe film was fine,positive\na dull plot,negative\nthe film was fine,negative\n,positive\n"


@pytest.fixture
def reviews(tmp_path, monkeypatch):
    """A table with an empty text and a text that stands there twice; the folder of work has no params."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "reviews.csv").write_text(REVIEWS)
    return "reviews.csv"


def inspect(capsys, *words):
    main(["inspect", *words])
    return capsys.readouterr().out


def test_inspect_tells_what_is_wrong_in_80_columns(reviews, tiny_encoder, capsys):
    out = inspect(capsys, reviews, "--tokenizer", str(tiny_encoder))
    assert max(map(len, out.splitlines())) <= 80
    for told in ("text = Review", "sentiment: Sentiment", "csv, utf-8", "3 of 4", "empty texts", "pieces"):
        assert told in out
    assert out.splitlines()[-1] == "ready to train: 4 warnings"


def test_inspect_as_json_has_sorted_keys(reviews, capsys):
    out = inspect(capsys, reviews, "--json")
    found = json.loads(out)
    assert out == json.dumps(found, indent=2, sort_keys=True) + "\n"
    assert found["labels"] == {"sentiment": {"negative": 2, "positive": 1}}
    assert found["source"]["encoding"] == "utf-8"
    counts = {finding["kind"]: finding["count"] for finding in found["findings"]}
    assert counts == {"empty_texts": 1, "duplicates": 1, "conflicting_labels": 1, "rare_labels": 2}
    assert found["skipped"] == ["lengths in pieces: there is no params.yaml here; name a tokenizer by --tokenizer"]


def test_inspect_reads_a_section_of_the_params(reviews, write_params, tmp_path, capsys):
    path = write_params()
    params = yaml.safe_load((tmp_path / "params.yaml").read_text())
    params["corpora"]["reviews"] |= {"path": reviews, "text": "Review", "labels": {"sentiment": "Sentiment"}}
    params["corpora"]["reviews"]["map"] = {"sentiment": {"negative": "positive"}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    for words in ([reviews], ["--corpus", "reviews", "--params", path]):
        with pytest.raises(SystemExit, match="1"):
            inspect(capsys, *words, "--json")
        found = json.loads(capsys.readouterr().out)
        assert (found["section"], found["guessed"], found["max_length"]) == ("reviews", [], 128)
        assert [finding["kind"] for finding in found["findings"]][:1] == ["one_class"]
        assert found["lengths"]["pieces"]["max"] > 0
    named = json.loads(inspect(capsys, reviews, "--label", "tone=Sentiment", "--text", "Review", "--json"))
    assert named["labels"] == {"tone": {"negative": 2, "positive": 1}}


def test_inspect_exits_with_1_after_the_report_if_training_would_fail(reviews, capsys):
    with pytest.raises(SystemExit, match="1"):
        inspect(capsys, reviews, "--text", "Review", "--label", "mood=Mood")
    out = " ".join(capsys.readouterr().out.split())
    assert "would fail: reviews.csv, line 1: no column 'Mood'; columns found: 'Review', 'Sentiment'" in out


def test_inspect_compares_several_corpora(reviews, tmp_path, capsys):
    first, *_ = REVIEWS.splitlines()[1].partition(",")
    (tmp_path / "names.conll").write_text("Anna\tB-per\n\n" + "".join(f"{word}\tO\n" for word in first.split()))
    one, other = json.loads(inspect(capsys, "names.conll", reviews, "--json"))
    assert (one["path"], other["path"]) == ("names.conll", "reviews.csv")
    assert not {"exact_elsewhere", "near_elsewhere"} & {finding["kind"] for finding in one["findings"]}
    shared = [finding for finding in other["findings"] if finding["kind"] == "exact_elsewhere"]
    assert [(finding["rows"], finding["examples"]) for finding in shared] == [([2, 4], ["in names.conll"])]
    assert inspect(capsys, "names.conll", reviews).count("ready to train") == 2


def test_inspect_compares_the_labels_of_several_corpora(reviews, tmp_path, capsys):
    renamed = REVIEWS.replace("negative", "NEG")
    (tmp_path / "renamed.csv").write_text(renamed)
    options = ("--text", "Review", "--label", "mood=Sentiment")
    one, other = json.loads(inspect(capsys, reviews, "renamed.csv", *options, "--json"))
    assert "labels_differ" not in {finding["kind"] for finding in one["findings"]}
    [found] = [finding for finding in other["findings"] if finding["kind"] == "labels_differ"]
    assert (found["severity"], found["task"]) == ("warning", "mood")
    assert found["examples"] == ["NEG only here", "negative only in reviews.csv"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing to inspect: give a FILE"),
        (["missing.csv"], r"missing\.csv does not exist"),
        (["reviews.csv", "reviews.csv", "--corpus", "reviews"], "--corpus reviews is one section, but 2 files"),
        (["reviews.csv", "--corpus", "reviews"], "there is no params.yaml here"),
        (["reviews.csv", "--params", "p.yaml"], r"p\.yaml is missing"),
        (["reviews.csv", "--tokenizer", "nobody/nothing"], "no tokenizer 'nobody/nothing' on this machine"),
    ],
)
def test_inspect_says_what_it_lacks(reviews, words, message):
    with pytest.raises(SystemExit, match=f"tandem: .*{message}"):
        main(["inspect", *words])


def test_inspect_needs_no_torch(reviews, tiny_encoder):
    code = (
        "import sys; from tandem.cli import main; main(sys.argv[1:]); "
        "assert not {'torch', 'transformers', 'pandas', 'sklearn'} & set(sys.modules)"
    )
    words = ["inspect", reviews, "--tokenizer", str(tiny_encoder)]
    subprocess.run([sys.executable, "-c", code, *words], capture_output=True, check=True)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], ["summary", "parameters", "what each choice of train.trainable costs", "inspect", "compare"]),
        (["inspect"], ["FILE", "--text COL [COL ...]", "--label TASK=COL", "--json", "Exits with 1"]),
        (["compare"], ["HEAD", "workspace", "--seeds", "--shared", "--fail-on-worse", "--json", "95% interval"]),
        (["predict"], ["TEXT", "--file", "--column", "--on-error", "--onnx", "--all-classes", "--redact", "--recall"]),
        (["embed"], ["--pretrained", "--pooling", "--per-token", "--normalise", "--npy"]),
        (["export", "huggingface"], ["DIR", "--model", "model.pooling is cls or pooler"]),
        (["export", "onnx"], ["DIR", "--model", "--int8", "tandem predict --onnx DIR"]),
        (["parameters"], ["--params", "--tokens", "--json", "AdamW", "dvc exp run -S"]),
    ],
)
def test_help_helps(words, expected, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([*words, "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert [part for part in expected if part not in text] == []


def test_help_names_the_commands_and_waits_for_no_library():
    code = (
        "import sys; from tandem.cli import main\ntry: main(['--help'])\n"
        "finally: assert not {'torch', 'dvc', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "summary" in done.stdout
