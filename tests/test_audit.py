"""What `make audit` makes of what pip and pip-audit print."""

from tests.audit import EXPECTED, misfits, summary, told

SILENT = {"name": "b", "skip_reason": "Dependency not found on PyPI and could not be audited: b (2)"}
WEAK = {"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1", "2.0"], "description": "x"}]}
SOUND = {"name": "c", "version": "3", "vulns": []}


def test_a_weakness_is_named_with_what_mends_it():
    weak, silent = told({"dependencies": [WEAK, SILENT, SOUND]})
    assert weak == ["a 1: PYSEC-1, mended in 1.1, 2.0"]
    assert silent == ["b"]


def test_no_more_is_claimed_than_was_looked_up():
    assert summary({"dependencies": [WEAK, SOUND]}) == "2 of 2 packages looked up, 1 known weaknesses"
    said = summary({"dependencies": [SILENT]})
    assert said.startswith("0 of 1 packages looked up, 0 known weaknesses; the package index is silent about 1")


def test_pins_that_do_not_fit_together_are_named():
    clash = "x 1 has requirement y<2, but you have y 3."
    assert misfits(f"{EXPECTED}\n{clash}\n") == [clash]
    assert misfits("No broken requirements found.\n") == []
