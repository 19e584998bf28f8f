"""The slope heuristic on the command line, with likelihoods given by hand so that 20 models cost nothing."""

import numpy as np
import pytest

from classicmoe import MoERegressor, MoESelector, load
from classicmoe.cli import values
from classicmoe.cli.words import for_command_line
from classicmoe.exceptions import TooFewModelsError
from classicmoe.selection.slope import slope_heuristic
from classicmoe.slope.table import LEAST
from tests.cli.test_report import Page

K = np.arange(1, 21)
FREE = 8 * K - 1
LOG_LIKELIHOOD = -500.0 + 80.0 * np.minimum(K, 2) + 0.5 * FREE + 0.4 * (-1.0) ** K
ARGUMENTS = ["-y", "visits", "--drop", "patient_id,w", "--starts", "3"]


@pytest.fixture
def scripted(monkeypatch):
    """Models of one and two experts are fitted; those of more claim to be, with the likelihoods above."""
    fit = MoERegressor.fit

    def script(self, X, y=None, sample_weight=None, *, data=None):
        k = self.n_experts
        self.n_experts = min(k, 2)
        fit(self, X, y, sample_weight, data=data)
        self.n_experts = k
        self.log_likelihood_, self.n_parameters_ = float(LOG_LIKELIHOOD[k - 1]), int(FREE[k - 1])
        return self

    monkeypatch.setattr(MoERegressor, "fit", script)
    return slope_heuristic(FREE, -LOG_LIKELIHOOD, names=[f"K={k}" for k in K])


def test_twenty_models_and_the_evidence(cli, files, scripted):
    result = cli("select", files / "visits.csv", *ARGUMENTS, "--criterion", "slope")
    assert result.code == 0
    assert "20 models compared by slope, n = 240" in result.out and "chosen   K=2 by slope: OK" in result.out
    assert str(scripted.summary(warnings=False)) in result.out
    for words in ("dimension jump: K=2 (complexity 15)", "DDSE: K=2 (complexity 15)", "plateau of", "% of the points"):
        assert words in result.out
    assert result.out.count("!") == 0
    assert "wrote best.cmoe (K=2 by the slope heuristic)" in result.err
    assert load("best.cmoe").n_experts_ == 2


def test_json_holds_both_answers(cli, files, scripted):
    found = cli("select", files / "visits.csv", *ARGUMENTS, "--criterion", "slope", "--json").json
    slope, jump, estimate = found["slope"], scripted.jump, scripted.ddse
    assert [model["n_experts"] for model in found["models"]] == K.tolist()
    assert found["chosen"]["slope"] == found["best"]["n_experts"] == slope["jump"]["n_experts"] == 2
    assert slope["agree"] is True and slope["ddse"]["n_experts"] == 2 and slope["warnings"] == []
    assert slope["jump"]["kappa_opt"] == pytest.approx(jump.kappa_opt, rel=1e-12)
    assert slope["jump"]["models"] == K[jump.models].tolist() and slope["jump"]["jumps"] == jump.jumps.tolist()
    np.testing.assert_allclose(slope["ddse"]["slopes"], estimate.slopes, rtol=1e-9)
    assert slope["ddse"]["interval"] == pytest.approx(estimate.interval, rel=1e-9)
    assert [plateau["n_experts"] for plateau in slope["ddse"]["plateaus"]] == [K[p.model] for p in estimate.plateaus]
    assert found["models"][4]["slope"] == pytest.approx(2.0 * (jump.kappa_opt * FREE[4] - LOG_LIKELIHOOD[4]), rel=1e-12)
    assert found["models"][4]["excluded"] is None
    by_bic = cli("select", files / "visits.csv", *ARGUMENTS, "-k", "1:2", "--json").json
    assert "slope" not in by_bic and "slope" not in by_bic["models"][0]


def test_cautions_come_once_and_in_the_words_of_the_command_line(cli, files, scripted):
    result = cli("select", files / "visits.csv", *ARGUMENTS, "--criterion", "slope", "-k", "1:10")
    cautions = slope_heuristic(FREE[:10], -LOG_LIKELIHOOD[:10], names=[f"K={k}" for k in K[:10]]).warnings
    assert any("10 models are few" in text for text in cautions)
    for text in cautions:
        assert (result.out + result.err).count(for_command_line(text)) == 1
        assert f"warning: {for_command_line(text)}" in result.err.splitlines()


def test_the_page_shows_pictures_plateaus_and_cautions(cli, files, scripted):
    arguments = ["select", files / "visits.csv", *ARGUMENTS, "--criterion", "slope", "--report", "page.html"]
    cli(*arguments, "-k", "1:10")
    with open("page.html", encoding="utf-8") as file:
        page = Page(file.read())
    found = slope_heuristic(FREE[:10], -LOG_LIKELIHOOD[:10], names=[f"K={k}" for k in K[:10]])
    assert "The slope heuristic" in page.words["h2"] and "Worth knowing" not in page.words["dt"]
    assert {"Where does the model shrink?", "Is there a line?"} <= set(page.words["h3"])
    drawn = page.drawn()
    assert {f"kappa_min = {found.kappa_min:.3g}", "K=2 selected", "at 2 kappa_min", "K=2 selected by DDSE"} <= set(
        drawn
    )
    words = " ".join(page.words["p"])
    assert "Twice that price selects K=2." in words and "The slope heuristic decided among 1 to 10 experts" in words
    for text in found.warnings:
        assert for_command_line(text) in words
    cells = page.words["td"]
    assert "decides" in cells and [str(p.length) for p in found.ddse.plateaus if str(p.length) not in cells] == []
    slopes = [f"{2.0 * (found.kappa_opt * c + g):,.1f}" for c, g in zip(FREE[:10], -LOG_LIKELIHOOD[:10], strict=True)]
    assert [value for value in slopes if value not in cells + page.words["strong"]] == []
    assert len(page.ids) == len(set(page.ids))


def test_too_few_models_to_begin_with_and_too_few_in_the_end(cli, files, scripted, monkeypatch):
    assert values._FOR_SLOPE == LEAST
    short = cli("select", files / "visits.csv", *ARGUMENTS, "--criterion", "slope", "-k", "1:9", "--json")
    assert short.code == 2 and short.json["kind"] == "usage"
    assert "'1:9' makes 9 models; --criterion slope needs at least 10" in short.json["message"]
    fit = MoERegressor.fit

    def unfinished(self, *args, **options):
        fit(self, *args, **options)
        if self.n_experts > 9:
            object.__setattr__(self.verdict_, "level", "NOT CONVERGED")
        return self

    monkeypatch.setattr(MoERegressor, "fit", unfinished)
    few = cli("select", files / "visits.csv", *ARGUMENTS, "--criterion", "slope", "--json")
    assert few.code == 3 and few.json["type"] == "TooFewModelsError"
    assert "of 20 models of the grid 9 can" in few.json["message"] and "K=10: NOT CONVERGED" in few.json["message"]
    assert "--max-iter" in few.json["message"] and "max_iter" not in few.json["message"]
    assert [model["n_experts"] for model in few.json["models"]] == K.tolist()
    assert few.json["models"][9]["excluded"] == "NOT CONVERGED"
    text = cli("select", files / "visits.csv", *ARGUMENTS, "--criterion", "slope")
    assert text.code == 3 and "20 models compared by slope" in text.out and "error" not in text.out
    assert "TooFew" not in text.err and text.err.count("of 20 models of the grid 9 can") == 1


def test_contrast_is_passed_on_and_needs_the_slope_and_a_gaussian_gate(cli, files, monkeypatch):
    seen = []
    fit = MoESelector.fit

    def fit_few(self, X, y=None, sample_weight=None, *, data=None):
        seen.append((self.criterion, self.contrast))
        raise TooFewModelsError("enough seen")

    monkeypatch.setattr(MoESelector, "fit", fit_few)
    numbers = ["-y", "visits", "--drop", "patient_id,w,region,insured", "--starts", "1"]
    for given in ([], ["--contrast", "joint"], ["--contrast", "conditional"]):
        arguments = ["select", files / "visits.csv", *numbers, "--criterion", "slope", "--gate", "gaussian", *given]
        assert cli(*arguments).code == 3
    assert seen == [("slope", "conditional"), ("slope", "joint"), ("slope", "conditional")]
    monkeypatch.setattr(MoESelector, "fit", fit)
    joint = ["--criterion", "slope", "--contrast", "joint", "--json"]
    softmax = cli("select", files / "visits.csv", *ARGUMENTS, *joint)
    assert softmax.code == 2 and "--contrast joint needs" in softmax.json["message"]
    assert "--gate gaussian" in softmax.json["message"]
    by_bic = cli("select", files / "visits.csv", *ARGUMENTS, "--contrast", "joint", "--json")
    assert by_bic.code == 2 and "goes with --criterion slope" in by_bic.json["message"]
