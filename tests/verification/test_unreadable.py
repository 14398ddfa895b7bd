"""What cannot be read, or comes and goes while `tandem verify` reads: it is told as that, and nothing is lost."""

import shutil

import pytest

from tandem.cli import main
from tandem.verification import command
from tandem.verification.hashing import list_files
from tandem.verification.repairing import repair
from tests.verification.conftest import FILES, Store, flip
from tests.verification.test_verify import states


@pytest.fixture
def after_listing(monkeypatch):
    """Do something once all files are listed and none is hashed."""

    def put(act) -> None:
        def listed(recorded):
            listing = list_files(recorded)
            act()
            return listing

        monkeypatch.setattr(command, "list_files", listed)

    return put


@pytest.mark.parametrize("name", ["texts.txt", "answers/b.json", "answers"])
def test_the_only_copy_of_an_object_survives_a_passing_read_error(store: Store, name, fail_to_read, monkeypatch):
    path = store.object(name)
    whole = path.read_bytes()
    shutil.rmtree(store.root / "remote")
    shutil.rmtree(store.root / "answers")
    (store.root / "texts.txt").unlink()
    fail_to_read(path)
    code, report = store.verify("--repair")
    assert (code, report["repaired"]) == (1, [])
    missing = {("output", "missing", "answers"), ("output", "missing", "texts.txt")}
    assert states(report) == {("object", "unreadable", name), *missing}
    assert path.read_bytes() == whole
    monkeypatch.undo()
    monkeypatch.chdir(store.root)
    store.dvc("checkout")
    assert store.verify()[0] == 0


def test_what_is_unreadable_is_shown_with_what_the_system_says(store: Store, fail_to_read, capsys):
    path = store.object("answers/b.json")
    fail_to_read(path)
    with pytest.raises(SystemExit, match="1"):
        main(["verify"])
    what = path.relative_to(store.root).as_posix()
    assert capsys.readouterr().out.startswith(
        f"objects that cannot be read:\n  {what} (answers/b.json)\n    Input/output error\n"
        f"    see who may read it (ls -ld {what}) and whether the disk is sound, then run tandem verify again\n"
    )


def test_an_unreadable_list_hides_no_other_damage(store: Store, fail_to_read):
    """What the folder holds is known from the working folder."""
    flip(store.object("answers/b.json"))
    store.object("answers/a.json").unlink()
    fail_to_read(store.object("answers"))
    _, report = store.verify()
    unreadable = ("object", "unreadable", "answers")
    damage = {("object", "damaged", "answers/b.json"), ("object", "missing", "answers/a.json")}
    assert states(report) == {unreadable, *damage}
    _, report = store.verify("--repair")
    assert states(report) == {unreadable}


def test_an_unreadable_list_and_a_folder_that_was_edited(store: Store, fail_to_read):
    (store.root / "answers/b.json").write_text("[4]\n")
    fail_to_read(store.object("answers"))
    _, report = store.verify("--repair")
    assert report["repaired"] == []
    assert states(report) == {("object", "unreadable", "answers"), ("output", "changed", "answers")}


def test_an_unreadable_file_of_an_output_stays_as_it_is(store: Store, fail_to_read):
    """Its object fails in the same way, yet that is no shared damage."""
    path = store.root / "answers/b.json"
    path.write_text("[4]\n")
    fail_to_read(path)
    fail_to_read(store.object("answers/b.json"))
    flip(store.object("texts.txt"))
    code, report = store.verify("--repair")
    assert code == 1
    assert all(store.digest("texts.txt") in line for line in report["repaired"])
    assert states(report) == {("object", "unreadable", "answers/b.json"), ("output", "unreadable", "answers")}
    assert path.read_text() == "[4]\n"


def test_with_its_list_unreadable_too_a_folder_does_not_count_as_changed(store: Store, fail_to_read):
    fail_to_read(store.root / "answers/b.json")
    fail_to_read(store.object("answers"))
    _, report = store.verify()
    assert {(item["state"], item["what"]) for item in report["findings"] if item["kind"] == "output"} == {
        ("unreadable", "answers/b.json")
    }
    assert len(report["findings"]) == 2


def test_what_lies_in_a_folder_that_cannot_be_listed_is_not_missing(store: Store, fail_to_read):
    objects = store.object("texts.txt").parent
    fail_to_read(objects)
    fail_to_read(store.root / "answers")
    code, report = store.verify("--repair")
    assert (code, report["repaired"]) == (1, [])
    assert {(item["state"], item["what"], item["found"]) for item in report["findings"]} == {
        ("unreadable", objects.relative_to(store.root).as_posix(), "Input/output error"),
        ("unreadable", "answers", "Input/output error"),
    }


def test_a_cache_that_cannot_be_listed_is_one_finding(store: Store, fail_to_read):
    fail_to_read(store.root / ".dvc/cache/files/md5")
    _, report = store.verify("--repair")
    assert [item["what"] for item in report["findings"]] == [".dvc/cache/files/md5"]
    assert report["repaired"] == []


def test_files_that_vanish_meanwhile_are_not_here(store: Store, after_listing):
    path = store.object("texts.txt")

    def clear() -> None:
        path.unlink()
        shutil.rmtree(store.root / "answers")

    after_listing(clear)
    code, report = store.verify()
    assert code == 1
    assert states(report) == {("object", "missing", "texts.txt"), ("output", "missing", "answers")}


def test_files_that_appear_meanwhile_are_not_seen(store: Store, after_listing):
    after_listing(lambda: (store.root / "answers/new.json").write_text("[5]\n"))
    assert store.verify()[0] == 0


@pytest.fixture
def before_repair(monkeypatch):
    """Do something once all is hashed and nothing is repaired."""

    def put(act) -> None:
        def late(*words):
            act()
            return repair(*words)

        monkeypatch.setattr(command, "repair", late)

    return put


def test_a_copy_that_was_overwritten_meanwhile_is_not_used(store: Store, before_repair):
    before_repair(lambda: (store.root / "texts.txt").write_text("another run\n"))
    path = store.object("texts.txt")
    flip(path)
    _, report = store.verify("--repair")
    assert "fetched the object" in report["repaired"][1]
    assert path.read_text() == FILES["texts.txt"]


def test_a_damaged_file_that_was_overwritten_meanwhile_stays(store: Store, before_repair):
    before_repair(lambda: (store.root / "texts.txt").write_text("another run\n"))
    flip(store.object("texts.txt"))
    flip(store.root / "texts.txt")
    _, report = store.verify("--repair")
    assert states(report) == {("output", "changed", "texts.txt")}
    assert (store.root / "texts.txt").read_text() == "another run\n"
