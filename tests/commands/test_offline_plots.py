"""DVC's plots drawn without a network."""

import json
import re
from pathlib import Path

import pytest

pytest.importorskip("vl_convert")

from dvc_render.html import HTML
from dvc_render.vega import VegaRenderer

from tandem.commands.offline_plots import write_template
from tests.evaluation.browsing import browse, needs_browser

ROOT = Path(__file__).parent.parent.parent
ROWS = {
    "confusion_counts": [{"actual": "a", "predicted": "(missed)", "count": 3}],
    "precision_recall": [
        {"label": "all", "threshold": 0.9, "recall": 0.1, "precision": 1.0},
        {"label": "all", "threshold": 0.5, "recall": 0.6, "precision": 0.7},
    ],
    "reliability": [{"bin": 0.9, "confidence": 0.95, "accuracy": 0.9, "count": 12}],
    "f1_by_support": [{"label": "who", "support": 10, "f1": 0.8}, {"label": "iban", "support": 0, "f1": 0.0}],
}
AXES = {
    "confusion_counts": ("predicted", "actual"),
    "precision_recall": ("recall", "precision"),
    "reliability": ("confidence", "accuracy"),
    "f1_by_support": ("support", "f1"),
}


def test_every_template_of_ours_is_known_here():
    assert {path.stem for path in (ROOT / ".dvc/plots").glob("*.json")} == set(ROWS)


@needs_browser
def test_a_browser_draws_them_without_a_network(tmp_path):
    write_template(tmp_path / "template.html")
    document = HTML((tmp_path / "template.html").read_text())
    for name, rows in ROWS.items():
        template = tmp_path / f"{name}.json"
        template.write_bytes((ROOT / ".dvc/plots" / template.name).read_bytes())
        json.loads(template.read_text())
        x, y = AXES[name]
        renderer = VegaRenderer(
            [{"rev": "workspace", **row} for row in rows], name, template=str(template), x=x, y=y, title=name
        )
        document.with_scripts(renderer.SCRIPTS).with_element(renderer.generate_html())
    page = tmp_path / "index.html"
    page.write_text(document.embed())
    assert "<script src" not in page.read_text()
    drawn, complaints = browse(page, tmp_path / "profile")
    assert all("compiled spec uses Vega v5" in line for line in complaints)  # what DVC's templates name; it is drawn
    assert len(re.findall('<(?:svg|canvas)[^>]* class="marks"', drawn)) == len(ROWS)
