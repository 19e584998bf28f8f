"""The page as a browser takes it: what it shows, and that no name in the data becomes markup."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import matplotlib
import pytest

from classicmoe.cli.output import Console
from classicmoe.cli.report import render_report
from classicmoe.cli.running import run_fit, run_selection, settings_of
from classicmoe.cli.task import Question, prepare

VOID = {"meta", "br", "hr", "img", "input", "link"}
SVG_EMPTY = {"path", "use", "rect", "circle", "line"}
HOSTILE = {
    "age": "<script>alert(1)</script>",
    "income": "\"&'$x_1$",
    "region": "re_gion$^2$</svg><img src=x onerror=alert(2)>",
    "visits": "</title></style><b>y$_0$",
}


class Page(HTMLParser):
    """Tags in balance, ids, attributes and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.text, self.tags, self.ids, self.attributes, self.open, self.words = text, [], [], [], [], {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.words.setdefault(self.open[-1], []).append(data)

    @property
    def svgs(self):
        return [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", self.text, re.DOTALL)]

    def drawn(self):
        return [text.text for svg in self.svgs for text in svg.iter("text")]


def study_of(table, tmp_path, monkeypatch, *, ks=(1, 2, 3), starts=3, settings=None, **question):
    monkeypatch.chdir(tmp_path)
    table.to_csv("data.csv", index=False)
    console = Console(plain=True)
    task = prepare(Question("data.csv", **question), console)
    chosen = {"seed": 0, "starts": starts, "max_iter": 1000, "gate": "softmax", "family": "gaussian"}
    settings = settings_of(**(chosen | (settings or {})), weight_type="frequency", unseen="error")
    if len(ks) == 1:
        return run_fit(task, settings, ks[0], 1, console, "classicmoe fit data.csv")
    return run_selection(task, settings, list(ks), "bic", 1, None, console, "classicmoe select data.csv")


@pytest.fixture(scope="module")
def study(gappy, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        yield study_of(
            gappy,
            tmp_path_factory.mktemp("study"),
            patch,
            response="visits",
            weights="w",
            drop=["patient_id"],
            na="drop",
        )


@pytest.fixture(scope="module")
def page(study):
    study.files["model"] = "my models/best.cmoe"
    return Page(render_report(study))


@pytest.fixture(scope="module")
def hostile(visits, tmp_path_factory):
    table = visits.rename(columns=HOSTILE).replace(
        {HOSTILE["region"]: {"East": "<b>East & 'far'", "South": "$\\frac$"}}
    )
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("hostile")
        study = study_of(
            table, folder, patch, ks=(1, 2), response=HOSTILE["visits"], drop=["patient_id", "w", "insured"]
        )
        study.about_the_data.append("<i>careful</i>")
        return Page(render_report(study))


@pytest.mark.parametrize("which", ["page", "hostile"])
def test_it_loads_and_runs_nothing(which, request):
    page = request.getfixturevalue(which)
    assert not {"script", "iframe", "link", "img", "object", "embed", "form", "a", "b", "i", "image"} & set(page.tags)
    for name, value in page.attributes:
        assert not name.startswith("on")
        assert name != "src"
        assert name not in ("href", "xlink:href") or value.startswith("#")
    assert "http:" not in page.text and "https:" not in page.text
    assert "@import" not in page.text and "javascript:" not in page.text
    assert set(re.findall(r"url\((.)", page.text)) <= {"#"}


@pytest.mark.parametrize("which", ["page", "hostile"])
def test_it_is_sound_html(which, request):
    page = request.getfixturevalue(which)
    assert page.text.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert page.tags.count("h1") == page.tags.count("main") == page.tags.count("title") == 1
    assert len(page.ids) == len(set(page.ids))
    referred = set(re.findall(r'(?:href="#|url\(#)([^")]+)', page.text))
    assert referred and referred <= set(page.ids)
    assert len(page.svgs) == page.tags.count("figure") >= 4
    for svg in page.svgs:
        assert svg.get("role") == "img" and svg.get("aria-label") and svg.get("viewBox")


def test_names_are_text_and_not_mathematics(hostile):
    title = f"{HOSTILE['visits']} in data.csv"
    assert hostile.words["h1"] == hostile.words["title"] == [title]
    drawn = hostile.drawn()
    for name in HOSTILE.values():
        assert name in drawn, name
    assert {"<b>East & 'far'", "$\\frac$", "North"} <= set(drawn)
    terms = hostile.words["th"]
    assert f"{HOSTILE['region']}[North]" in terms and HOSTILE["age"] in terms
    assert "<i>careful</i>" in hostile.words["dd"]


def test_the_verdict_comes_first(page, study):
    assert study.k > 1
    assert page.text.index('class="verdict') < page.text.index("<table")
    words = " ".join(page.words["p"])
    verdict = study.model.verdict_
    assert f"{verdict.reached} of {verdict.finished} finished starts" in words
    assert "BIC decided among 1 to 3 experts" in words


def test_every_model_and_coefficient_is_there(page, study):
    cells = page.words["td"] + page.words["strong"]
    for row in study.rows():
        for name in ("aic", "aicc", "bic", "sabic", "caic", "icl"):
            assert f"{row[name]:,.1f}".replace("-", "\N{MINUS SIGN}") in cells
    for row in study.model.coefficients().itertuples():
        assert f"{row.estimate:.4g}".replace("-", "\N{MINUS SIGN}") in cells


def test_what_was_asked(page, study):
    facts = dict(zip(page.words["dt"], page.words["dd"], strict=False))
    assert facts["Data"] == "data.csv: 240 rows, 7 columns"
    assert facts["Rows used"].startswith("231; 9 rows with missing values left out (missing by column: age: 3, ")
    assert ", ".join(str(row + 1) for row in study.task.dropped) in facts["Rows used"]
    assert facts["Left out (--drop)"] == "patient_id"
    assert facts["Weights"].startswith("w (a weight of k counts as k rows; n = ")
    assert "seed 0" in facts["Search"]
    code = "".join(page.words["code"])
    assert "model = classicmoe.load('my models/best.cmoe')" in code
    assert "classicmoe predict 'my models/best.cmoe' new.csv" in code
    assert "classicmoe select data.csv" in code
    assert re.search(r"classicmoe \d.*python \d", " ".join(page.words["p"]))


def test_a_model_that_is_not_to_be_trusted(visits, tmp_path, monkeypatch):
    study = study_of(visits, tmp_path, monkeypatch, ks=(2,), starts=1, response="visits", drop=["patient_id", "w"])
    page = Page(render_report(study))
    assert study.model.verdict_.level == "NOT REPLICATED"
    assert 'class="verdict care"' in page.text
    assert "Not confirmed" in page.words["p"]
    assert "Two experts fitted to visits." in page.words["h2"]


@pytest.mark.parametrize("gate", ["softmax", "constant"])
@pytest.mark.parametrize("k", [1, 2])
def test_one_model_of_any_kind(visits, tmp_path, monkeypatch, gate, k):
    study = study_of(
        visits,
        tmp_path,
        monkeypatch,
        ks=(k,),
        settings={"gate": gate},
        response="visits",
        expert="age + C(region)",
        gate=None,
    )
    page = Page(render_report(study))
    headings = page.words["h3"]
    assert "What the experts say along age" in headings and "What the experts say along region" in headings
    assert ("Which expert is asked along age" in headings) is (k == 2 and gate == "softmax")
    assert "All models" not in page.words["h2"]


def test_only_the_columns_that_matter_are_drawn(visits, tmp_path, monkeypatch):
    import numpy as np

    rng = np.random.default_rng(0)
    noise = {f"noise{j}": 1e-3 * rng.normal(size=len(visits)) for j in range(4)}
    table = visits[["age", "visits"]].assign(**noise).assign(income=visits["income"])
    study = study_of(table, tmp_path, monkeypatch, ks=(1,), response="visits")
    page = Page(render_report(study))
    drawn = [heading.rpartition(" ")[2] for heading in page.words["h3"]]
    assert len(drawn) == 3 and {"age", "income"} <= set(drawn)


def test_settings_of_matplotlib_are_left_alone(study):
    with matplotlib.rc_context({"svg.fonttype": "path", "font.size": 31.0, "text.color": "red"}):
        page = Page(render_report(study))
        assert matplotlib.rcParams["svg.fonttype"] == "path" and matplotlib.rcParams["font.size"] == 31.0
    assert "visits" in page.drawn()
    assert "#ff0000" not in page.text and "color: red" not in page.text


def test_the_report_of_the_command(cli, files):
    result = cli(
        "select", files / "visits.csv", "-y", "visits", "--drop", "patient_id,w", "-k", "1:2", "--starts", "3",
        "--report", "report.html", "--json",
    )  # fmt: skip
    assert result.code == 0
    assert result.json["files"] == {"model": "best.cmoe", "report": "report.html"}
    with open("report.html", encoding="utf-8") as file:
        page = Page(file.read())
    assert "visits in visits.csv" in page.words["h1"]


def test_without_jinja2(cli, files, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    result = cli("fit", files / "visits.csv", "-y", "visits", "-k", "1", "--report", "r.html")
    assert result.code == 2 and "pip install 'classicmoe[cli]'" in result.err
