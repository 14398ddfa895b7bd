import json

import numpy as np
import pytest

from tandem.cli import main
from tests.serving.conftest import trained  # noqa: F401 - a fixture


def embed(capfdbinary, *words):
    main(["embed", *map(str, words)])
    return [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]


def test_json_lines_and_npy_hold_the_same_vectors(trained, tmp_path, capfdbinary):  # noqa: F811
    (tmp_path / "a.txt").write_text("the film was fine\n\na dull plot\n")
    rows = embed(capfdbinary, "--model", trained, "--file", tmp_path / "a.txt", "--normalise")
    assert [row["row"] for row in rows] == [1, 3]
    embed(capfdbinary, "--model", trained, "--file", tmp_path / "a.txt", "--normalise", "--npy", tmp_path / "a.npy")
    np.testing.assert_allclose(np.load(tmp_path / "a.npy"), [row["vector"] for row in rows], atol=1e-7)


def test_pieces_and_another_encoder(trained, tiny_encoder, capfdbinary):  # noqa: F811
    (row,) = embed(capfdbinary, "--pretrained", tiny_encoder, "--per-token", "fine film")
    assert row["pieces"] == ["[CLS]", "fine", "film", "[SEP]"]
    assert np.array(row["vectors"]).shape == (4, 32)


def test_similarities_are_a_table_of_cosines(trained, capsys):  # noqa: F811
    texts = ["the film was fine", "a dull plot", "the film was fine"]
    main(["embed", "--model", str(trained), *texts])
    vectors = np.array([json.loads(line)["vector"] for line in capsys.readouterr().out.splitlines()])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    main(["embed", "--model", str(trained), "--similarities", *texts])
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["1", "2", "3"]
    assert [line.split(maxsplit=4)[-1] for line in lines] == texts
    found = np.array([[float(value) for value in line.split()[1:4]] for line in lines])
    np.testing.assert_allclose(found, vectors @ vectors.T, atol=1e-4)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--similarities", "--npy", "a.npy", "fine"], "leave out --npy and --per-token, or --similarities"),
        (["--similarities", "--per-token", "fine"], "leave out --npy and --per-token, or --similarities"),
        (["--npy", "a.npy", "--per-token", "fine"], "leave out --per-token, or --npy"),
        (["--pooling", "pooler", "fine"], "has no pooler"),
        ([" "], "line 1 holds no text"),
        (["--npy", "a.npy", "fine", ""], "line 2 holds no text"),
    ],
)
def test_what_cannot_be_done_is_one_message(trained, tmp_path, monkeypatch, words, message):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=message):
        main(["embed", "--model", str(trained), *words])
    assert list(tmp_path.iterdir()) == []
