"""The page: whole, safe, small, the same every time, and alive in a real browser."""

import html
import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from tandem.corpora.schema.records import Record, write_records
from tandem.evaluation.facts import TaskFacts, task_facts, write_plot_tables
from tandem.evaluation.operating_point import OperatingPoint, Point, Rates
from tandem.evaluation.page import write_page
from tests.evaluation.browsing import browse, needs_browser, noted, with_steps
from tests.evaluation.made_up import predictions

NASTY = "</script><script>alert(1)</script><img src=x onerror=alert(2)> & \" ' \u2028 <!-- 😀 end"
MOODS = [("bad", "good", 0.9, "A dull film."), ("good", "bad", 0.99, NASTY), ("good", "good", 0.7, "Fine.")]
WORDS = ("😀", "Anna", "Lee", "met", "Bo", "in", "Graz", "today")
GOLD = ["O", "B-who", "I-who", "O", "B-who", "O", "B-place", "O"]
FOUND = ["O", "B-who", "O", "O", "O", "O", "B-who", "B-<day>"]
SCORES = {
    "mood": {"macro_f1": 0.5, "n": 3},
    "names": {"f1": 0.25, "n": 1},
    "combined_score": 0.375,
    "before": {"mood": {"macro_f1": 0.1, "n": 3}, "names": {"f1": 0.0, "n": 1}, "combined_score": 0.05},
}
INTERVALS = {"mood": {"macro_f1": {"low": 0.4, "high": 0.61, "n": 3, "value": 0.5}}}


def facts(splits):
    moods = [Record(row=number, text=text) for number, (*_, text) in enumerate(MOODS)]
    write_records(splits / "films" / "test.jsonl", moods)
    write_records(splits / "news" / "test.jsonl", [Record(row=5, words=WORDS)])
    rows = [
        {"corpus": "films", "row": number, "gold": gold, "predicted": answer, "confidence": sure}
        for number, (gold, answer, sure, _) in enumerate(MOODS)
    ]
    tagged = [{"corpus": "news", "row": 5, "gold": GOLD, "predicted": FOUND, "confidence": [0.8] * len(WORDS)}]
    found = predictions([0, 1, 1], [1, 0, 1], range(3), ("bad", "good"), logits=[[0, 2], [4, 0], [0, 1]])
    labels = [{"label": name, "precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2} for name in ("bad", "good")]
    kinds = [{"label": name, "precision": 0, "recall": 0, "f1": 0, "support": 1} for name in ("place", "who", "<day>")]
    return [
        task_facts("mood", "classification", rows=rows, predictions=found, per_label=labels, splits=splits),
        task_facts("names", "tagging", rows=tagged, predictions=found, per_label=kinds, splits=splits),
    ]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    write_page(folder / "report.html", scores=SCORES, intervals=INTERVALS, tasks=facts(folder / "split"))
    return folder / "report.html"


def data_of(page):
    block = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    return json.loads(block[1])


def test_it_says_the_scores_with_their_intervals(page):
    text = page.read_text()
    assert "0.500" in text
    assert "0.400 to 0.610" in text
    assert "0.100 before training" in text


def test_it_asks_nothing_of_a_network(page):
    text = page.read_text()
    assert "default-src 'none'" in text
    assert not re.search(r'(src|href)="(?!#)', text)
    assert not re.search(r"url\(|@import|fetch\(|XMLHttp|https?:", text)


def test_no_text_of_a_corpus_becomes_markup(page):
    text = page.read_text()
    assert text.count("<script") == 2
    assert "<img" not in text
    assert "<day>" not in text
    assert NASTY in {row[3] for row in data_of(page)["rows"]}


def test_plots_are_pictures_with_a_title(page):
    pictures = re.findall(r"<svg.*?</svg>", page.read_text(), re.DOTALL)
    assert len(pictures) == 7  # for a task of two labels, F1 against support says nothing
    for picture in pictures:
        root = ElementTree.fromstring(picture)
        assert root.find("title").text == root.get("aria-label")
        assert "nan" not in picture


def test_the_same_values_give_the_same_bytes(page, tmp_path):
    write_page(tmp_path / "report.html", scores=SCORES, intervals=INTERVALS, tasks=facts(tmp_path / "split"))
    assert (tmp_path / "report.html").read_bytes() == page.read_bytes()


def many(n_texts, text="It was a fine film. " * 20):
    names = [f"label {number}" for number in range(80)]
    rows = [
        {
            "corpus": "films",
            "row": number,
            "gold": names[number % 80],
            "predicted": names[number * 7 % 80],
            "confidence": 1 - number / n_texts,
        }
        for number in range(n_texts)
    ]
    records = (Record(row=number, text=f"{number} {text}") for number in range(n_texts))
    numbers = [[names.index(row[side]) for row in rows] for side in ("gold", "predicted")]
    per_label = [{"label": name, "precision": 0.1, "recall": 0.1, "f1": 0.1, "support": 625} for name in names]
    return rows, records, predictions(*numbers, range(n_texts), names), per_label


@pytest.fixture(scope="module")
def large_page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    rows, records, found, per_label = many(50_000)
    write_records(folder / "split" / "films" / "test.jsonl", records)
    large = task_facts(
        "mood", "classification", rows=rows, predictions=found, per_label=per_label, splits=folder / "split"
    )
    write_page(folder / "report.html", scores={"mood": {"macro_f1": 0.1, "n": 50_000}}, intervals=None, tasks=[large])
    return folder / "report.html"


def test_fifty_thousand_texts_are_five_megabytes_at_most_and_the_rest_is_counted(large_page):
    assert large_page.stat().st_size < 5_000_000
    data = data_of(large_page)
    (task,) = data["tasks"]
    assert task["kept"] == len(data["rows"]) < task["total"] == 50_000 - 50_000 // 80 * 2
    assert data["rows"][0][6] > data["rows"][-1][6]


def test_tasks_share_the_room_and_long_texts_are_cut_around_their_errors(tmp_path):
    words = tuple(f"word{number}" for number in range(1000))
    write_records(tmp_path / "split" / "c" / "test.jsonl", [Record(row=1, words=words)])
    tags = ["O"] * 1000
    tags[500], tags[999] = "B-x", "B-x"
    row = {"corpus": "c", "row": 1, "gold": tags, "predicted": ["O"] * 1000, "confidence": [0.9] * 1000}
    long = task_facts(
        "names",
        "tagging",
        rows=[row],
        predictions=predictions([], [], [], ("O",), logits=None),
        per_label=[],
        splits=tmp_path / "split",
    )
    write_page(tmp_path / "report.html", scores={}, intervals=None, tasks=[long])
    ((_, _, _, text, _, _, _, marks, before, after, hidden),) = data_of(tmp_path / "report.html")["rows"]
    ((_, (begin, end, _), _, _),) = marks
    assert text[begin:end] == "word500"
    assert (before, after, hidden) == (1, 1, 1)


def test_without_any_text_it_is_still_a_page(tmp_path):
    nothing = TaskFacts(
        task="mood", kind="classification", n_texts=0, per_label=[], confusion=[], reliability=[], curves=[], errors=[]
    )
    scores = {"mood": {"macro_f1": 0.0, "n": 0}, "combined_score": 0.0, "before": {}}
    write_page(tmp_path / "report.html", scores=scores, intervals={}, tasks=[nothing])
    assert data_of(tmp_path / "report.html")["rows"] == []


def test_an_operating_point_is_drawn_and_said(tmp_path):
    low, high = Rates(0.75, 0.25, 0.8, 0.5), Rates(0.5, 0.25, 0.6, 0.9375)
    curve = (Point(-2.0, high, high._replace(word_recall=0.875)), Point(0.0, low, low))
    point = OperatingPoint(target=0.9, recall_of="words", chosen=curve[0], curve=curve, n=40)
    names = replace(facts(tmp_path / "split")[1], operating_point=point)
    write_page(tmp_path / "report.html", scores=SCORES, intervals=None, tasks=[names])
    text = re.sub(r"<[^>]+>", " ", (tmp_path / "report.html").read_text())
    assert "A bias of -2 on O was chosen on the valid split for a recall of 0.9 of its words" in text
    assert "test: words found 87.5%, 60.0% of those tagged, entities found 25.0%" in text
    assert text.count("chosen, a bias of -2") == 3
    assert "words, valid: precision 0.800 at recall 0.500, at a bias of 0.000" in text


def test_plot_tables(tmp_path):
    write_plot_tables(tmp_path / "plots", facts(tmp_path / "split"))
    found = {path.relative_to(tmp_path / "plots").as_posix() for path in (tmp_path / "plots").rglob("*.csv")}
    names = ("confusion", "f1_by_support", "precision_recall", "reliability")
    assert found == {f"{name}/{task}.csv" for name in names for task in ("mood", "names")}
    confusion = (tmp_path / "plots/confusion/names.csv").read_text().splitlines()
    assert confusion == ["actual,predicted,count", "(spurious),<day>,1", "place,who,1", "who,(missed),1", "who,who,1"]


@needs_browser
def test_a_browser_opens_it_without_a_complaint(page, tmp_path):
    document, complaints = browse(page, tmp_path)
    assert complaints == []
    assert document.count("<article") == 3
    assert html.escape(NASTY.replace("\u2028", "")[:20], quote=False) in document


@needs_browser
def test_the_filters_filter(page, tmp_path):
    steps = """
      note(texts().length);
      choose("task", "names"); note(texts().length);
      choose("task", ""); choose("kind", "misclassified"); note(texts().length);
      choose("kind", "type"); note(texts().length);
      choose("kind", ""); choose("label", "good"); note(texts().length);
      choose("label", ""); choose("search", "DULL"); note(texts());
      choose("search", "nowhere"); note(texts(), document.getElementById("count").textContent);
      document.querySelector("#count button").click(); note(texts().length, location.hash);
      choose("sort", "unsure"); note(texts()[0].slice(0, 12), location.hash);
      choose("task", "names"); note([...document.querySelectorAll(".error small")].map((found) => found.textContent));
      note([...document.querySelectorAll(".error .g")].map((found) => found.textContent));
      note([...document.querySelectorAll(".error .p")].map((found) => found.textContent));
    """
    document, complaints = browse(with_steps(page, steps), tmp_path)
    assert complaints == []
    everything, tagged, labelled, typed, good, dull, nowhere, cleared, order, names, gold, found = json.loads(
        html.unescape(noted(document))
    )
    assert (everything, tagged, labelled, typed, good) == ([3], [1], [2], [1], [2])
    assert dull == [["A dull film."]]
    assert nowhere == [[], "0 textsClear filters"]
    assert cleared == [3, "#errors"]
    assert order[1] == "#sort=unsure"
    assert names == [["wrong boundary who", "missed who", "place → who", "spurious <day>"]]
    assert gold == [["Anna", " Lee", "Bo", "Graz"]]
    assert found == [["Anna", "Graz", "today"]]


@needs_browser
def test_a_cell_of_the_confusions_leads_to_its_texts(page, tmp_path):
    document, complaints = browse(page, tmp_path, "#task=names&gold=place&predicted=who")
    assert complaints == []
    assert document.count("<article") == 1
    assert "place answered as who" in document
    assert 'href="#task=names&amp;gold=place&amp;predicted=who"' in document


@needs_browser
def test_many_texts_are_drawn_a_few_at_a_time_and_quickly(large_page, tmp_path):
    steps = """
      const begun = performance.now();
      choose("search", "4999"); choose("search", "");
      note(performance.now() - begun, texts().length);
      document.getElementById("more").click(); note(texts().length);
    """
    document, complaints = browse(with_steps(large_page, steps), tmp_path)
    assert complaints == []
    (milliseconds, shown), (more,) = json.loads(html.unescape(noted(document)))
    assert (shown, more) == (25, 50)
    assert milliseconds < 2000
    assert "are only in predictions/mood.jsonl" in document
