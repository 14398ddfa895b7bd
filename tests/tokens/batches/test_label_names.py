"""What corpora call the same things."""

import pytest

from tandem.corpora.schema.records import Record
from tandem.errors import TandemError
from tandem.params import Task
from tandem.tokens.batches.label_names import task_labels
from tandem.tokens.storage.store import TokenStore
from tests.small_corpora import write_store

AUTO = {
    "mood": Task(kind="classification", labels=None, scheme=None),
    "names": Task(kind="tagging", labels=None, scheme="iob2"),
}


def store_of(folder, encoder, moods=(), types=()):
    """A corpus that has these labels, or these entity types."""
    texts = [Record(row=n, text=f"it was {mood}", labels={"mood": mood}) for n, mood in enumerate(moods)]
    tagged = [Record(row=n, words=("in", "Ann"), tags={"names": ("O", f"B-{kind}")}) for n, kind in enumerate(types)]
    plain = [Record(row=99, words=("in", "it"), tags={"names": ("O", "O")})]
    return TokenStore.open(write_store(folder, encoder, {"train": texts or [*tagged, *plain]}) / "train")


def test_corpora_that_agree_share_their_labels(tiny_encoder, tmp_path):
    stores = {
        "a": store_of(tmp_path / "a", tiny_encoder, moods=("good", "bad")),
        "b": store_of(tmp_path / "b", tiny_encoder, moods=("bad", "good", "good")),
        "c": store_of(tmp_path / "c", tiny_encoder, types=("PER", "ORG")),
        "d": store_of(tmp_path / "d", tiny_encoder),  # declared to hold no entity: that contradicts nobody
    }
    assert task_labels(AUTO, stores) == {"mood": ("bad", "good"), "names": ("O", "B-ORG", "I-ORG", "B-PER", "I-PER")}


@pytest.mark.parametrize(
    ("task", "first", "second", "told"),
    [
        ("mood", {"moods": ("good", "bad")}, {"moods": ("POS", "NEG")}, "'bad', 'good'; b alone has 'NEG', 'POS'. "),
        ("names", {"types": ("PER", "ORG")}, {"types": ("PER",)}, "'ORG'. "),
    ],
)
def test_corpora_that_do_not_agree_must_be_mapped_or_their_labels_listed(
    tiny_encoder, tmp_path, task, first, second, told
):
    stores = {
        "a": store_of(tmp_path / "a", tiny_encoder, **first),
        "b": store_of(tmp_path / "b", tiny_encoder, **second),
    }
    with pytest.raises(
        TandemError, match=rf"tasks\.{task}: the corpora do not agree on its labels: a alone has {told}"
    ):
        task_labels({task: AUTO[task]}, stores)
    listed = Task(kind=AUTO[task].kind, labels=("PER", "ORG", "good", "bad", "POS", "NEG"), scheme=None)
    assert set(task_labels({task: listed}, stores)[task]) >= set(
        listed.labels if task == "mood" else ("B-PER", "B-ORG")
    )


def test_one_label_is_nothing_to_tell_apart(tiny_encoder, tmp_path):
    stores = {"a": store_of(tmp_path / "a", tiny_encoder, moods=("good",))}
    with pytest.raises(TandemError, match="nothing to tell apart: its training texts hold good; check"):
        task_labels({"mood": AUTO["mood"]}, stores)
    with pytest.raises(TandemError, match="hold no label"):
        task_labels({"names": AUTO["names"]}, {"d": store_of(tmp_path / "d", tiny_encoder)})
