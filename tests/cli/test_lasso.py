"""``--lasso``: the models of Python, the path and the columns that matter in print, in files and in the report."""

import csv
import inspect
import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from classicmoe import LassoMoEClassifier, LassoMoERegressor, load
from classicmoe.cli import options, values
from classicmoe.cli.lasso import POINTS
from classicmoe.cli.main import run
from classicmoe.experts import EXPERTS
from tests.cli.test_report import Page

pytestmark = pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ClassicMoEWarning")

SHORT = {"n_alphas": 8, "gate_ratio": 1.0}  # a path that is quick to walk
OPTIONS = ["-y", "profit", "-k", "2", "--starts", "2"]


@pytest.fixture(autouse=True, scope="module")
def short_paths():
    with pytest.MonkeyPatch.context() as patch:
        for estimator in (LassoMoERegressor, LassoMoEClassifier):
            for name, value in SHORT.items():
                patch.setitem(estimator.__init__.__kwdefaults__, name, value)
        yield


def make_table(n=150, noise=2):
    rng = np.random.default_rng(3)
    age, income, size = rng.normal(size=n), 10.0 * rng.normal(size=n), rng.normal(size=n)
    old = rng.random(n) < 1.0 / (1.0 + np.exp(-3.0 * age))
    profit = np.where(old, 0.2 * income + 1.0, -2.0 * size) + 0.3 * rng.normal(size=n)
    table = pd.DataFrame({"age": age, "income": income, "size": size})
    for j in range(noise):
        table[f"noise {j}"] = rng.normal(size=n)
    return table.round(4).assign(
        region=rng.choice(["North", "South"], n),
        sales=rng.poisson(np.exp(0.5 * age)),
        tier=np.select([profit < 0.0, profit < 1.5], ["low", "middle"], "high"),
        profit=profit.round(4),
    )


@pytest.fixture(scope="module")
def table():
    return make_table()


@pytest.fixture(scope="module")
def folder(table, tmp_path_factory):
    """Folder with the table, and of a path the model, the report and what was printed."""
    folder = tmp_path_factory.mktemp("lasso")
    table.to_csv(folder / "firms.csv", index=False)
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        data, model, page = (str(folder / name) for name in ("firms.csv", "m.cmoe", "r.html"))
        code = run(["fit", data, *OPTIONS, "--drop", "sales,tier", "--lasso", "path", "-o", model, "--report", page])
    assert code == 0, err.getvalue()
    (folder / "printed.txt").write_text(out.getvalue())
    return folder


@pytest.fixture(scope="module")
def model(folder):
    return load(folder / "m.cmoe")


def features(table):
    return table.drop(columns=["sales", "tier", "profit"])


def test_what_is_printed(folder, model):
    text = (folder / "printed.txt").read_text()
    path, lines = model.path_, text.splitlines()
    assert f"verdict: {model.verdict_}".replace("n_init", "--starts") in lines
    assert f"chosen by BIC along a path of {len(path.objective)} points" in text
    assert f"worst violation of the optimality conditions over all columns: {model.optimality_:.1e}" in text
    start = next(i for i, line in enumerate(lines) if line.split()[:2] == ["experts", "gate"])
    rows = [line.split() for line in lines[start + 1 : lines.index("", start)] if not line.startswith("(")]
    assert 2 <= len(rows) <= POINTS
    (chosen,) = [row[1:] for row in rows if row[0] == "*"]
    assert f"{path.alpha_expert[path.chosen]:.4g}" == chosen[0] and f"{path.alpha_gate[path.chosen]:.4g}" == chosen[1]
    assert f"{path.criteria['bic'][path.chosen]:.1f}" in chosen
    table = lines[next(i for i, line in enumerate(lines) if line.startswith("Experts: ")) :]
    shown = {line.split("  ")[0]: line.split()[-2:] for line in table if "  " in line}
    for j, name in enumerate(model.expert_features_.names_out):
        own = model.expert_coef_[:, j]
        assert (name in shown) is bool(own.any()), name
        if own.any():
            assert shown[name] == ["." if value == 0.0 else f"{value:.4g}" for value in own]
    assert {"income", "size", "(intercept)", "(scale)"} <= set(shown)


def test_show_says_the_same_and_the_whole_path(cli, folder, model):
    shown = cli("show", folder / "m.cmoe")
    assert (shown.code, shown.out) == (0, (folder / "printed.txt").read_text())
    text = cli("show", folder / "m.cmoe", "--table", "path", "--format", "csv").out
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [float(row["bic"]) for row in rows] == model.path_.criteria["bic"].tolist()
    assert [i for i, row in enumerate(rows) if row["chosen"] == "True"] == [model.path_.chosen]
    body = cli("show", folder / "m.cmoe", "--json").json
    assert len(body["path"]) == len(rows) and body["fit"]["alpha_expert"] == model.alpha_expert_


def test_predict(cli, folder, model, table):
    result = cli("predict", folder / "m.cmoe", folder / "firms.csv", "--what", "mean,gate,logprob")
    answers = pd.read_csv(io.StringIO(result.out))
    np.testing.assert_allclose(answers["mean"], model.predict(features(table)), rtol=1e-12)
    np.testing.assert_allclose(answers["gate_1"], model.predict_gate(features(table))[:, 1], rtol=1e-12)
    np.testing.assert_allclose(
        answers["logprob"], model.score_samples(features(table), table["profit"]), rtol=1e-9, atol=1e-12
    )


def test_the_report_shows_path_and_columns(folder, model):
    page = Page((folder / "r.html").read_text(encoding="utf-8"))
    assert "Which columns stay" in page.words["h2"]
    facts = dict(zip(page.words["dt"], page.words["dd"], strict=False))
    names = np.array(model.expert_features_.names_out)
    for k in range(2):
        assert set(facts[f"Expert {k}"].split(", ")) == set(names[model.support_["expert"][k]])
    assert "slopes are penalised (Lasso)" in facts["Gate and experts"]
    headings = page.words["h3"]
    assert {"Expert 0", "Expert 1", "When expert 1 is asked", "BIC along the path"} <= set(headings)
    assert len(page.ids) == len(set(page.ids)) and {"income", "size"} <= set(page.drawn())
    assert any("chosen" in cell and cell.startswith(f"{model.alpha_expert_:.4g}") for cell in page.words["th"])
    for name, own in zip(names, model.expert_coef_.T, strict=True):
        assert (name in page.words["th"]) is bool(own.any() or model.gate_coef_[:, names == name].any())


def test_penalties_are_for_experts_and_gate_in_this_order(cli, folder, table):
    options = ["fit", folder / "firms.csv", *OPTIONS, "--drop", "sales,tier", "--json"]
    first = cli(*options, "--lasso", "5,3").json
    assert first["settings"]["lasso"] == {"experts": 5.0, "gate": 3.0, "criterion": "bic", "scaled": False}
    m = LassoMoERegressor(2, 3.0, 5.0, n_init=2, random_state=0).fit(features(table), table["profit"])
    assert load("model.cmoe").expert_coef_.tobytes() == m.expert_coef_.tobytes()
    assert load("model.cmoe").response_name_ == "profit"
    found = first["model"]["lasso"]
    assert (found["alpha_expert"], found["alpha_gate"], found["path"]) == (5.0, 3.0, None)
    zero = [row for row in first["model"]["coefficients"] if row["part"] == "expert" and row["estimate"] == 0.0]
    unused = {(k, row["term"]) for row in zero for k in [row["expert"]]}
    assert all((k, name) not in unused for k, used in enumerate(found["columns"]["expert"]) for name in used)
    refused = cli("show", "model.cmoe", "--table", "path")
    assert refused.code == 2 and "not fitted with --lasso path" in refused.err
    assert "penalty 5 on the experts and 3 on the gate, as given" in cli("show", "model.cmoe").out
    assert cli(*options, "--lasso", "4").json["model"]["lasso"]["alpha_gate"] == 4.0


def test_select_takes_the_best_of_all_paths(cli, folder, table):
    result = cli(
        "select", folder / "firms.csv", "-y", "profit", "-k", "1:2", "--starts", "2", "--drop", "sales,tier",
        "--lasso", "path", "--criterion", "aic", "--json",
    )  # fmt: skip
    assert result.code == 0
    one = LassoMoERegressor(1, criterion="aic", n_init=2, random_state=0).fit(features(table), table["profit"])
    first, second = result.json["models"]
    assert first["aic"] == pytest.approx(one.path_.criteria["aic"].min(), rel=1e-12)
    assert first["n_parameters"] == one.n_parameters_ == one.support_["expert"].sum() + 2
    assert result.json["best"]["n_experts"] == 2 and second["aic"] < first["aic"]
    best = result.json["best"]["lasso"]
    assert min(row["aic"] for row in best["path"]) == pytest.approx(second["aic"], rel=1e-12)
    assert best["criterion"] == "aic"
    assert "chosen by AIC along a path" in cli("show", "best.cmoe").out


@pytest.mark.parametrize("kind", ("path", "gate-path", "criterion", "starts"))
def test_plot(cli, folder, kind):
    result = cli("plot", folder / "m.cmoe", kind, "--json", "-o", "picture.svg")
    assert result.code == 0 and result.json["kind"] == kind
    drawn = Path("picture.svg").read_text(encoding="utf-8")
    assert drawn.startswith("<?xml") and len(drawn) > 2000
    assert cli("plot", folder / "m.cmoe", kind, "-o", "picture.gif").code == 2


def test_plot_of_what_has_no_path(cli, files):
    result = cli("plot", files / "model.cmoe", "path")
    assert result.code == 2 and "only Lasso mixtures of experts have one (--lasso path)" in result.err
    assert cli("plot", files / "model.cmoe", "starts").code == 0 and Path("starts.png").stat().st_size > 1000


def test_counts_with_an_exposure(cli, folder, table):
    counts = table.assign(years=np.linspace(1.0, 3.0, len(table)))[["age", "income", "noise 0", "years", "sales"]]
    counts.to_csv("counts.csv", index=False)
    fitted = cli(
        "fit", "counts.csv", "-y", "sales", "--family", "poisson", "--exposure", "years", "-k", "1", "--lasso", "8",
        "--report", "c.html",
    )  # fmt: skip
    assert fitted.code == 0 and "Experts: " in fitted.out and "on the gate" not in fitted.out
    m = LassoMoERegressor(1, 8.0, 8.0, expert="poisson", n_init=10, random_state=0)
    m.fit(counts[["age", "income", "noise 0"]], counts["sales"], exposure=counts["years"])
    assert load("model.cmoe").expert_coef_.tobytes() == m.expert_coef_.tobytes()
    answers = pd.read_csv(io.StringIO(cli("predict", "model.cmoe", "counts.csv").out))
    expected = m.predict(counts[["age", "income", "noise 0"]], exposure=counts["years"])
    np.testing.assert_allclose(answers["mean"], expected, rtol=1e-12)
    assert "Which columns stay" in Path("c.html").read_text()


def test_classes(cli, folder):
    fitted = cli(
        "fit", folder / "firms.csv", "-y", "tier", "--drop", "sales,profit", "--family", "multinomial", "-k", "1",
        "--lasso", "path", "--report", "t.html",
    )  # fmt: skip
    assert fitted.code == 0, fitted.err
    model = load("model.cmoe")
    assert isinstance(model, LassoMoEClassifier) and model.path_.expert_coef.ndim == 4
    for label in ("high", "low", "middle"):
        assert f"Experts, {label}: " in fitted.out
    assert "Expert 0: middle" in Page(Path("t.html").read_text(encoding="utf-8")).words["h3"]


def test_with_many_columns_only_those_that_matter_are_printed(cli, tmp_path):
    make_table(noise=60).drop(columns=["sales", "tier"]).to_csv("wide.csv", index=False)
    result = cli("fit", "wide.csv", *OPTIONS, "--lasso", "25,12")
    assert result.code == 0
    terms = [line.split("  ")[0] for line in result.out.splitlines()]
    assert {"income", "size"} <= set(terms)
    used = load("model.cmoe").support_["expert"].any(axis=0) | load("model.cmoe").support_["gate"].any(axis=0)
    names = np.array(load("model.cmoe").expert_features_.names_out)
    assert {name for name in names if name in terms} == set(names[used]) and used.sum() < 30


@pytest.mark.parametrize(
    ("arguments", "cure"),
    (
        (["--lasso", "many"], "write path, path:ebic, a number >= 0 for both, or two: experts,gate"),
        (["--lasso", "1,2,3"], "write path"),
        (["--lasso", "path:icl"], "'icl' chooses no penalty; bic, ebic, aic, cv, slope do"),
        (["--lasso=-1"], "write path"),
        (["--lasso", "inf"], "write path"),
        (["--lasso", "path", "--gate", "tree"], "needs a softmax gate, not tree. Leave --gate-type out"),
        (["--lasso", "path", "--gate-type", "gaussian"], "needs a softmax gate, not gaussian"),
        (["--lasso", "5", "--family", "skew_t"], "skew_t has none. Take one of gaussian, "),
        (["--lasso", "5", "--family", "zero_inflated_poisson"], "needs a family with one linear predictor"),
        (["--lasso", "5", "--family", "ordinal"], "needs a family with one linear predictor"),
        (["--lasso", "5:scaled", "--family", "poisson"], "scaled is for --family gaussian, not poisson"),
        (["--lasso", "5:bic"], "write path"),
        (["--lasso", "path:scaled:ebic"], "'scaled:ebic' chooses no penalty"),
        (["--lasso", "5", "--temperature", "2"], "has no --temperature"),
        (["--lasso", "5", "--truncate", "0:"], "leave --upper and --truncate out"),
    ),
)
def test_what_does_not_go_together_is_said_before_anything_is_read(cli, arguments, cure):
    result = cli("fit", "nowhere.csv", "-y", "profit", "-k", "2", *arguments)
    assert result.code == 2 and "--lasso" in result.err and cure in result.err


@pytest.mark.parametrize(("criterion", "penalty"), (("icl", "path"), ("sabic", "path"), ("slope", "5")))
def test_criteria_that_choose_no_penalty(cli, criterion, penalty):
    result = cli("select", "nowhere.csv", "-y", "profit", "--criterion", criterion, "--lasso", penalty)
    assert result.code == 2 and "bic" in result.err


def test_the_criterion_of_the_path_may_be_another_one(cli, folder):
    options = ["-y", "profit", "-k", "1", "--drop", "sales,tier", "--json"]
    found = cli("fit", folder / "firms.csv", *options, "--lasso", "path:ebic").json["model"]["lasso"]
    assert found["criterion"] == "ebic"
    chosen = next(row for row in found["path"] if row["chosen"])
    assert chosen["ebic"] == min(row["ebic"] for row in found["path"])
    select = ["select", folder / "firms.csv", *options, "--criterion", "icl", "--lasso", "path:ebic"]
    assert cli(*select).json["best"]["lasso"]["alpha_expert"] == found["alpha_expert"]


def test_slopes_over_standard_deviations(cli, folder):
    options = ["-y", "profit", "-k", "2", "--starts", "2", "--drop", "sales,tier", "--json"]
    found = cli("fit", folder / "firms.csv", *options, "--lasso", "25,12:scaled").json["model"]["lasso"]
    model = load("model.cmoe")
    assert model.parametrisation == "scaled" and (found["alpha_expert"], found["alpha_gate"]) == (25.0, 12.0)


def test_a_gate_without_columns(cli, folder):
    result = cli("fit", folder / "firms.csv", *OPTIONS, "--gate", "1", "--drop", "sales,tier", "--lasso", "5", "--json")
    assert result.code == 0
    assert result.json["model"]["lasso"]["columns"]["gate"] == [[], []]


def test_words_of_the_options_are_those_of_the_library():
    linear = {
        name for name, make in EXPERTS.items() if hasattr(make(), "quadratic") and not hasattr(make(), "classifies")
    }
    assert set(options.LASSO_FAMILIES) == linear | {"multinomial"}
    settings = inspect.signature(LassoMoERegressor).parameters
    assert values._LASSO_DEFAULTS == {name: settings[key].default for name, key in
                                      (("starts", "n_init"), ("max_iter", "max_iter"))}  # fmt: skip


def test_defaults_are_those_of_the_lasso(cli, folder):
    options = ["fit", folder / "firms.csv", "-y", "profit", "-k", "1", "--drop", "sales,tier", "--json"]
    settings = cli(*options, "--lasso", "5").json["settings"]
    assert (settings["starts"], settings["max_iter"]) == (10, 5000)
    settings = cli(*options, "--lasso", "5", "--starts", "20", "--max-iter", "900").json["settings"]
    assert (settings["starts"], settings["max_iter"]) == (20, 900)
    settings = cli(*options).json["settings"]
    assert (settings["starts"], settings["max_iter"], settings["lasso"]) == (20, 1000, None)
