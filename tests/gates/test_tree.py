"""The tree of softmax gates: its nodes are regressions that other programs know; one node is the flat gate."""

import numpy as np
import pytest
import statsmodels.api as sm

from classicmoe import MoERegressor
from classicmoe.exceptions import ConfigurationError, ModelFileError
from classicmoe.gates import SoftmaxGate, TreeGate
from classicmoe.gates._structure import grow, is_tree
from classicmoe.persistence import load
from tests import reference
from tests.cases import two_regimes
from tests.em.test_statistics import leaves
from tests.gates.test_softmax import Fixed, rows

NESTED = ((0, 1), (2, 3))
SHAPES = (NESTED, (0, (1, (2, 3))), (0, (1, 2, 3)), ((3, 1), 0, 2))


def branch_coefficients(fixed, gate, params):
    """Raw coefficients of the branches, every node's last one zero."""
    return gate.attributes(gate.to_raw(params, fixed.problem.survey.gate_design))


def stacked(attributes):
    return np.column_stack([attributes["gate_branch_intercept_"], attributes["gate_branch_coef_"]])


@pytest.mark.parametrize("solver", ("newton", "mm"))
@pytest.mark.parametrize("ridge", (0.0, 3.0))
def test_a_tree_of_one_node_is_the_softmax_gate_bit_for_bit(solver, ridge):
    fixed = Fixed(*rows())
    tree, flat = TreeGate((0, 1, 2), solver, ridge), SoftmaxGate(solver, ridge)
    for steps in (("full",), ("half", "safe", "tenth")):
        a, rising = fixed.solve(tree, n_steps=6, steps=steps)
        b, expected = fixed.solve(flat, n_steps=6, steps=steps)
        assert np.array_equal(a.coef, b.coef) and np.array_equal(rising, expected)
    one = tree.statistics(a, fixed.block, fixed.resp)
    two = flat.statistics(b, fixed.block, fixed.resp)
    assert np.array_equal(one.gradient, two.gradient)
    assert np.array_equal(tree.scores(a, fixed.block, fixed.resp), flat.scores(b, fixed.block, fixed.resp))
    assert np.array_equal(tree.pack(a), flat.pack(b)) and tree.penalty(a) == flat.penalty(b)


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.ClassicMoEWarning")
@pytest.mark.parametrize("n_experts", (2, 3))
def test_fits_of_a_tree_of_one_node_are_those_of_the_softmax_gate(n_experts):
    X, y = two_regimes(150)
    settings = {"n_init": 4, "random_state": 0}
    tree = MoERegressor(n_experts, TreeGate(tuple(range(n_experts))), **settings).fit(X, y)
    flat = MoERegressor(n_experts, SoftmaxGate(), **settings).fit(X, y)
    # Steps are equal bit for bit; lengths of leaps sum the parameters in another order.
    assert tree.log_likelihood_ == pytest.approx(flat.log_likelihood_, abs=1e-6)
    assert tree.n_parameters_ == flat.n_parameters_
    assert np.allclose(tree.predict_gate(X), flat.predict_gate(X), atol=1e-4)


def test_binary_nodes_equal_weighted_logistic_regressions():
    X, resp, weight = rows(n=400, n_experts=4)
    fixed, gate = Fixed(X, resp, weight), TreeGate(ridge=0.0)
    params, _ = fixed.solve(gate)
    found = stacked(branch_coefficients(fixed, gate, params))
    below = [
        (resp[:, [0, 1]].sum(axis=1), resp[:, [2, 3]].sum(axis=1)),
        (resp[:, 0], resp[:, 1]),
        (resp[:, 2], resp[:, 3]),
    ]
    for v, (left, right) in enumerate(below):
        mass = weight * (left + right)
        kept = mass > 0
        glm = sm.GLM(
            (left / (left + right))[kept],
            sm.add_constant(X[kept]),
            family=sm.families.Binomial(),
            freq_weights=mass[kept],
        )
        expected = glm.fit(tol=1e-14, maxiter=100).params
        assert np.allclose(found[2 * v], expected, rtol=1e-8)
        assert (found[2 * v + 1] == 0.0).all()


def test_a_node_with_three_branches_equals_multinomial_logistic_regression_of_its_rows():
    X, resp, _ = rows(n=600, n_experts=4, weighted=False)
    labels = resp.argmax(axis=1)
    fixed, gate = Fixed(X, np.eye(4)[labels], np.ones(len(X))), TreeGate((0, (1, 2, 3)), ridge=0.0)
    params, _ = fixed.solve(gate)
    found = stacked(branch_coefficients(fixed, gate, params))
    below = labels > 0
    model = sm.MNLogit(3 - labels[below], sm.add_constant(X[below]))
    expected = model.fit(disp=0, method="newton", maxiter=100, tol=1e-14).params[:, ::-1].T
    assert np.allclose(found[2:4], expected, rtol=1e-7)
    binary = sm.Logit((~below).astype(float), sm.add_constant(X)).fit(disp=0, tol=1e-14, maxiter=100).params
    assert np.allclose(found[0], binary, rtol=1e-7)


def test_responsibilities_that_do_not_depend_on_x_give_their_mean():
    X, _, weight = rows()
    share = np.array([0.1, 0.2, 0.3, 0.4])
    fixed, gate = Fixed(X, np.tile(share, (len(X), 1)), weight), TreeGate(NESTED, ridge=0.0)
    params, _ = fixed.solve(gate)
    found = stacked(branch_coefficients(fixed, gate, params))
    assert np.allclose(found[:, 1:], 0.0, atol=1e-10)
    assert np.allclose(found[[0, 2, 4], 0], np.log([0.3 / 0.7, 0.1 / 0.2, 0.3 / 0.4]), atol=1e-10)


@pytest.mark.parametrize("structure", SHAPES)
@pytest.mark.parametrize("ridge", (0.0, 5.0))
def test_newton_and_mm_have_one_optimum_and_never_fall(structure, ridge):
    fixed = Fixed(*rows(n_experts=4))
    newton, mm = TreeGate(structure, ridge=ridge), TreeGate(structure, "mm", ridge)
    a, rising = fixed.solve(newton)
    b, slow = fixed.solve(mm, n_steps=3000)
    assert np.allclose(a.coef, b.coef, atol=1e-6)
    for values in (rising, slow, *(fixed.solve(newton, steps=(step,))[1] for step in ("half", "hundredth", "safe"))):
        assert (np.diff(values) >= -1e-12 * np.abs(values[:-1])).all()


def test_the_sum_over_the_path_is_the_product_by_hand():
    fixed, gate = Fixed(*rows(n_experts=4)), TreeGate(NESTED)
    params = gate.start(4, 3)
    params = gate.unpack(np.random.default_rng(0).normal(size=9), params)
    prob = np.exp(gate.log_prob(params, fixed.block))
    contrasts = params.coef[::2] - params.coef[1::2]
    left, first, second = 1.0 / (1.0 + np.exp(-contrasts @ fixed.block.gate_columns))
    expected = [left * first, left * (1 - first), (1 - left) * second, (1 - left) * (1 - second)]
    assert np.allclose(prob, expected, rtol=1e-12)
    assert np.allclose(prob.sum(axis=0), 1.0, rtol=1e-14)


@pytest.mark.parametrize("structure", (None, *SHAPES))
def test_log_probabilities_are_those_of_the_slow_twin_and_stay_finite(structure):
    fixed, gate = Fixed(*rows(n_experts=4)), TreeGate(structure)
    start = gate.start(4, 3)
    assert np.allclose(np.exp(gate.log_prob(start, fixed.block)), 0.25, rtol=1e-14)
    params = gate.unpack(np.random.default_rng(0).normal(size=gate.n_free(start)), start)
    twin = reference.log_tree(fixed.block.gate_columns[1:].T, reference.Tree(params.paths, params.node, params.coef))
    assert np.allclose(gate.log_prob(params, fixed.block), twin.T, rtol=1e-12, atol=1e-13)
    far = gate.log_prob(params._replace(coef=1e6 * params.coef), fixed.block)
    assert np.isfinite(far).all() and np.allclose(np.exp(far).sum(axis=0), 1.0, rtol=1e-14)


def test_the_default_is_a_balanced_binary_tree():
    for n_experts, depth in ((1, 0), (2, 1), (3, 2), (5, 3), (8, 3), (9, 4)):
        paths, node = grow(None, n_experts)
        assert paths.sum(axis=1).max() == depth and len(node) == 2 * (n_experts - 1)
        assert is_tree(paths, node.astype(float))
    assert TreeGate().n_free(TreeGate().start(5, 4)) == 4 * 4
    assert TreeGate((0, (1, 2, 3))).n_free(TreeGate((0, (1, 2, 3))).start(4, 4)) == 3 * 4


def test_experts_that_trade_places_take_their_leaves_along():
    fixed, gate = Fixed(*rows(n_experts=4)), TreeGate((0, (1, (2, 3))))
    start = gate.start(4, 3)
    params = gate.unpack(np.random.default_rng(0).normal(size=9), start)
    order = np.array([2, 0, 3, 1])
    before = gate.log_prob(params, fixed.block).copy()
    moved = gate.permute(params, order)
    assert np.array_equal(gate.log_prob(moved, fixed.block), before[order])
    other = TreeGate((1, (3, (0, 2))))  # the same tree over the new numbers
    assert np.array_equal(other.start(4, 3).paths, moved.paths)


NO_TREES = ((0, 1), (0, 1, 2, 3), ((0, 1), 1), ((0, 1), (2,)), ((0, 1), "2"), (0, (1, True)), 0, "tree", ((0, 1.0), 2))


@pytest.mark.parametrize("structure", NO_TREES)
def test_what_is_no_tree_over_the_experts_is_refused(structure):
    X, y = two_regimes(60)
    with pytest.raises(ConfigurationError, match="gate's structure must"):
        MoERegressor(3, TreeGate(structure), n_init=2, random_state=0).fit(X, y)


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2))
    quarter = 2 * (X[:, 0] + 0.3 * rng.normal(size=400) > 0) + (X[:, 1] + 0.3 * rng.normal(size=400) > 0)
    y = 3.0 * quarter + (quarter - 1.5) * X[:, 0] + 0.3 * rng.normal(size=400)
    return MoERegressor(4, TreeGate([[0, 1], [2, 3]], ridge=0.01), n_init=8, random_state=0).fit(X, y), X, y


def test_an_estimator_answers_all_questions(fitted, tmp_path):
    m, X, y = fitted
    assert m.n_parameters_ == 3 * 3 + 4 * 4
    assert np.allclose(np.log(m.predict_gate(X)), reference.log_gate(X, reference.gate_of(vars(m))), atol=1e-9)
    text = str(m.summary())
    assert "tree gate" in text and "node 2: x1" in text and "symmetric at every node" in text
    table = m.coefficients()
    gate = table[table.part == "gate"]
    assert len(gate) == 4 * 3 * 3 and gate.estimate.isna().sum() == 2 * 2 * 3  # each inner node knows two experts
    m.save(tmp_path / "m.cmoe")
    again = load(tmp_path / "m.cmoe")
    assert np.array_equal(again.predict_gate(X), m.predict_gate(X)) and again.gate.structure == [[0, 1], [2, 3]]
    again.relabel([3, 1, 0, 2])
    assert np.array_equal(again.predict_gate(X), m.predict_gate(X)[:, [3, 1, 0, 2]])
    assert again.log_likelihood(X, y) == pytest.approx(m.log_likelihood_, rel=1e-12)
    with pytest.raises(ConfigurationError, match="tree gate has no log-odds linear in x; see gate_paths_"):
        m.gate_contrasts()


@pytest.mark.filterwarnings("ignore::classicmoe.exceptions.NotReplicatedWarning")
def test_a_fit_continues_and_another_gate_leaves_nothing_behind(fitted):
    m, X, y = fitted
    again = MoERegressor(4, TreeGate([[0, 1], [2, 3]], ridge=0.01), n_init=2, random_state=1, warm_start=True)
    for name, value in vars(m).items():
        if name.endswith("_"):
            setattr(again, name, value)
    again.fit(X, y)
    assert again.log_likelihood_ >= m.log_likelihood_ - 1e-6
    again.set_params(gate=SoftmaxGate(ridge=0.01), warm_start=False, n_experts=2)
    again.fit(X, y)
    assert not any(hasattr(again, name) for name in ("gate_paths_", "gate_branch_coef_", "gate_branch_node_"))


@pytest.mark.parametrize("damage", ("path", "node", "fraction", "shape", "short"))
def test_a_damaged_file_is_refused(fitted, damage):
    import copy

    m = copy.copy(fitted[0])
    paths, node = m.gate_paths_.copy(), m.gate_branch_node_.copy()
    if damage == "path":
        paths[0] = paths[1]
    elif damage == "node":
        node[1] = 1.0
    elif damage == "fraction":
        node[1] = 0.5
    elif damage == "shape":
        paths = paths[:, :-1]
    else:
        m.gate_branch_coef_ = m.gate_branch_coef_[:-1]
    m.gate_paths_, m.gate_branch_node_ = paths, node
    with pytest.raises(ModelFileError):
        m._check_loaded()


def test_one_expert_has_no_nodes():
    X, y = two_regimes(60)
    m = MoERegressor(1, "tree").fit(X, y)
    assert m.n_parameters_ == 4 and m.gate_paths_.shape == (1, 0) and (m.predict_gate(X) == 1.0).all()
    assert leaves(TreeGate().statistics(TreeGate().start(1, 3), None, None))[0].shape == (0, 3)
    m._check_loaded()
