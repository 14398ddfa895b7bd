"""Faults of a disk, of a user and of a remote, and what `tandem verify` makes of each."""

import shutil
import stat

import pytest

from tandem.cli import main
from tests.verification.conftest import FILES, Store, flip, overwrite


def states(report: dict) -> set[tuple[str, str, str]]:
    return {(item["kind"], item["state"], item["output"]) for item in report["findings"]}


def test_nothing_is_wrong_after_a_run(store: Store):
    code, report = store.verify()
    assert code == 0
    assert report["findings"] == []
    assert report["objects"] == 5  # a file, a folder's list and its two files; the metric, which the run-cache keeps
    assert report["outputs"] == 3
    assert report["bytes"] > 2 * sum(map(len, FILES.values()))


@pytest.mark.parametrize(
    "damage", [flip, lambda path: overwrite(path, path.read_bytes()[: path.stat().st_size // 2])], ids=["flip", "cut"]
)
@pytest.mark.parametrize("name", ["texts.txt", "answers/b.json", "answers"])
def test_a_damaged_object_is_named_and_put_back(store: Store, name, damage):
    """The working folder still has the bytes, so no remote is needed."""
    path = store.object(name)
    whole = path.read_bytes()
    damage(path)
    shutil.rmtree(store.root / "remote")
    if (name, damage) == ("texts.txt", flip):
        assert "up to date" in store.dvc("status")  # DVC itself sees nothing
    code, report = store.verify()
    assert code == 1
    assert states(report) == {("object", "damaged", name)}
    assert report["findings"][0]["what"] == path.relative_to(store.root).as_posix()
    assert report["findings"][0]["remedy"] == "tandem verify --repair"
    code, report = store.verify("--repair")
    assert (code, report["findings"]) == (0, [])
    assert path.read_bytes() == whole
    assert stat.S_IMODE(path.stat().st_mode) == 0o444


@pytest.mark.parametrize("name", ["texts.txt", "answers/b.json", "answers"])
def test_a_missing_object_is_named_and_fetched(store: Store, name):
    path = store.object(name)
    whole = path.read_bytes()
    path.unlink()
    (store.root / "texts.txt").unlink()
    shutil.rmtree(store.root / "answers")
    code, report = store.verify()
    assert code == 1
    assert ("object", "missing", name) in states(report)
    code, report = store.verify("--repair")
    assert report["repaired"] == [f"fetched the object {path.parent.name + path.name} of {name}"]
    assert path.read_bytes() == whole
    assert {item["kind"] for item in report["findings"]} == {"output"}
    store.dvc("checkout")
    assert store.verify()[0] == 0


def test_all_objects_of_a_folder_come_back(store: Store):
    shutil.rmtree(store.root / ".dvc/cache")
    shutil.rmtree(store.root / "answers")
    _, report = store.verify("--repair")
    assert len(report["repaired"]) == 4
    assert states(report) == {("output", "missing", "answers")}
    store.dvc("checkout")
    assert store.verify()[0] == 0


def test_damage_that_was_checked_out_goes_with_its_object(store: Store):
    """The same flipped byte in the cache and in the working folder: nobody wrote that by hand."""
    flip(store.object("answers/b.json"))
    flip(store.root / "answers/b.json")
    code, report = store.verify()
    assert states(report) == {("object", "damaged", "answers/b.json"), ("output", "changed", "answers")}
    code, report = store.verify("--repair")
    assert (code, report["findings"]) == (0, [])
    assert (store.root / "answers/b.json").read_text() == FILES["answers/b.json"]


def test_what_was_edited_by_hand_is_named_and_stays(store: Store):
    (store.root / "answers/b.json").write_text("[4]\n")
    (store.root / "answers/new.json").write_text("[5]\n")
    (store.root / "score.json").write_text("{1}")
    code, report = store.verify("--repair")
    assert code == 1
    assert {item["what"]: item["state"] for item in report["findings"]} == {
        "answers/b.json": "changed",
        "answers/new.json": "changed",
        "score.json": "changed",
    }
    remedies = {item["output"]: item["remedy"] for item in report["findings"]}
    assert remedies["answers"] == "dvc checkout --force answers, or dvc commit --force answer to keep it as it is now"
    assert remedies["score.json"].startswith("git checkout -- score.json")
    assert (store.root / "answers/b.json").read_text() == "[4]\n"
    store.dvc("checkout", "--force", "answers")
    store.dvc("repro", "--force", "answer")
    assert store.verify()[0] == 0


def test_damage_in_the_remote_is_caught_on_the_way(store: Store):
    name = "texts.txt"
    there, here = (store.object(name, store=place) for place in ("remote", ".dvc/cache"))
    flip(there)
    here.unlink()
    (store.root / name).unlink()
    code, report = store.verify("--repair")
    assert code == 1
    [line] = report["repaired"]
    assert line.startswith(
        f"the remote's own copy is damaged: {there}, of {name}. Delete it there, then run `dvc push`"
    )
    assert not here.exists()
    assert not list(here.parent.glob(".*"))
    store.dvc("remote", "modify", "store", "verify", "true")  # as the README asks for
    assert "failed to" in store.dvc("pull", succeeds=False)
    assert not here.exists()
    store.dvc("repro", "--force")
    there.unlink()
    store.dvc("push")
    assert store.verify()[0] == 0


def test_a_remote_that_is_not_there_is_told(store: Store):
    store.object("texts.txt").unlink()
    (store.root / "texts.txt").unlink()
    shutil.rmtree(store.root / "remote")
    _, report = store.verify("--repair")
    assert "the remote lacks the object" in report["repaired"][0]
    store.dvc("remote", "remove", "store")
    _, report = store.verify("--repair")
    assert "no remote specified" in report["repaired"][0]


def test_damage_of_another_commits_object_is_repaired_too(store: Store):
    old = store.object("texts.txt")
    script = store.root / "write.py"
    script.write_text(script.read_text().replace("film", "plot"))
    store.dvc("repro")
    flip(old)
    code, report = store.verify()
    assert code == 1
    assert states(report) == {("object", "damaged", "")}
    code, report = store.verify("--repair")
    assert code == 0
    assert "fetched the object" in report["repaired"][1]


def test_the_file_that_an_object_was_copied_from_is_named(store: Store):
    old = store.object("texts.txt")
    script = store.root / "write.py"
    script.write_text(script.read_text().replace("film", "plot"))
    store.dvc("repro")
    shutil.copyfile(old, store.root / "answers/copy.txt")
    flip(old)
    _, report = store.verify("--repair")
    digest = old.parent.name + old.name
    assert report["repaired"][1] == f"restored the object {digest} from answers/copy.txt in the working folder"
    assert old.read_text() == FILES["texts.txt"]


def test_tables_name_the_object_the_output_and_the_remedy(store: Store, capsys):
    flip(store.object("answers/b.json"))
    with pytest.raises(SystemExit):
        main(["verify"])
    said = capsys.readouterr().out
    assert "objects that are not the bytes that they were:\n  .dvc/cache/files/md5/" in said
    assert "(answers/b.json)" in said
    assert said.endswith("MiB): 1 finding\n")


def test_ignored_files_in_an_output_do_not_count(store: Store):
    (store.root / ".dvcignore").write_text("*.partial\n")
    (store.root / "answers/.a.json.partial").write_text("[1")
    assert store.verify()[0] == 0


def test_outside_of_a_project_one_message(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="tandem: DVC cannot read this project: you are not inside of a DVC repos"):
        main(["verify"])


def test_a_damaged_lock_file_is_one_message(store: Store):
    path = store.root / "dvc.lock"
    content = path.read_text()
    path.write_text(content[:-90] + "\n- [")
    with pytest.raises(SystemExit, match=r"tandem: DVC cannot read this project: .*dvc\.lock"):
        main(["verify"])


def test_what_the_lock_file_has_lost_is_named(store: Store):
    path = store.root / "dvc.lock"
    path.write_text(path.read_text().partition("  answer:")[0])
    code, report = store.verify()
    assert code == 1
    assert states(report) == {("output", "unrecorded", "answers"), ("output", "unrecorded", "score.json")}
    assert report["findings"][0]["remedy"].startswith("dvc repro")


def test_a_cache_that_cannot_be_written_is_one_message(store: Store, read_only):
    path = store.object("texts.txt")
    flip(path)
    read_only(store.root / ".dvc/cache")
    with pytest.raises(SystemExit, match=r"tandem: cannot delete .*(Read-only file system|Permission denied)"):
        main(["verify", "--repair"])
    assert path.exists()
