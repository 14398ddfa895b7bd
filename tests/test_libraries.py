from importlib.metadata import version

from tandem import libraries


def test_the_versions_are_those_installed():
    found = libraries.library_versions()
    assert found.keys() == {"tokenizers", "torch", "transformers"}
    assert found["tokenizers"] == version("tokenizers")


def test_builds_for_other_devices_count_as_the_same(monkeypatch):
    monkeypatch.setattr(libraries, "version", {"torch": "2.13.0+cu130"}.get)
    monkeypatch.setattr(libraries, "LIBRARIES", ("torch",))
    assert libraries.library_versions() == {"torch": "2.13.0"}
