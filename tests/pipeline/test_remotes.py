"""Artifacts over real protocols: pushed from one clone, pulled by another person elsewhere, and nothing retrained."""

import pytest

from tests.pipeline.servers import SERVERS

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("operations")]


MODEL, PREDICTIONS = "data/model/model.safetensors", "data/evaluate/predictions/entities.jsonl"


def settings(values: dict[str, str]) -> str:
    """What `dvc remote modify` (with `--local`, into `config.local`) would leave."""
    return "\n['remote \"store\"']\n" + "".join(f"    {key} = {value}\n" for key, value in values.items())


@pytest.mark.parametrize("protocol", SERVERS)
def test_another_person_elsewhere_has_the_model_and_trains_nothing(finished, tmp_path, protocol):
    with SERVERS[protocol](tmp_path / "server") as remote:
        here = finished.clone(tmp_path / "here")
        config = here.root / ".dvc/config"
        shared = settings({"url": remote.url, **remote.shared})
        config.write_text(f"{config.read_text()}    remote = store\n{shared}")
        cache = f"[cache]\n    dir = {finished.root}/.dvc/cache\n"
        (here.root / ".dvc/config.local").write_text(cache + settings(remote.secret))
        here.commit("Say where artifacts lie")
        tracked = here.run("git", "grep", "-I", "", "HEAD", "--", ".dvc")
        assert remote.url in tracked
        assert not [value for value in remote.secret.values() if value in tracked]
        here.run("dvc", "push")

        home = tmp_path / "home of another"
        home.mkdir()
        environment = {"HOME": str(home), "USER": "another", "LOGNAME": "another", "LC_ALL": "C", "TZ": "Asia/Tokyo"}
        there = here.clone(tmp_path / "ein anderer Ort", environment)
        (there.root / ".dvc/config.local").write_text(settings(remote.secret))
        assert there.repro("--pull", "--allow-missing") == {"hardware-probe"}
        assert there.run("git", "status", "--short") == ""
        there.run("dvc", "pull")
        for name in (MODEL, PREDICTIONS):
            assert (there.root / name).read_bytes() == (finished.root / name).read_bytes()
        if protocol == "local":  # the same bytes are there with each; here they are used too
            (there.root / PREDICTIONS).unlink()
            there.run("python", "-m", "stages.evaluate")
            assert (there.root / PREDICTIONS).read_bytes() == (finished.root / PREDICTIONS).read_bytes()
            assert there.run("git", "status", "--short") == ""
