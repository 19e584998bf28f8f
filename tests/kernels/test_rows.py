import numpy as np
import pytest

from classicmoe import kernels


@pytest.mark.parametrize("dtype", (np.float64, np.float32))
@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize(("m", "d"), ((1, 1), (63, 1), (64, 2), (65, 5), (200, 12), (7, 0)))
def test_centres_scales_and_turns(m, d, order, dtype):
    rng = np.random.default_rng(m + d)
    table = np.asarray(1e4 + rng.normal(size=(m, d)), dtype=dtype, order=order)
    center, factor = rng.normal(size=d) + 1e4, rng.random(d) + 0.5
    out = np.full((d, m), np.nan)
    kernels.rows.load(table, center, factor, out)
    assert out.tobytes() == np.ascontiguousarray(((table.astype(np.float64) - center) * factor).T).tobytes()


def test_strided_and_read_only_tables():
    rng = np.random.default_rng(0)
    wide = rng.normal(size=(300, 9))
    wide.flags.writeable = False
    table = wide[::3, 1::2]
    out = np.empty((4, 100))
    kernels.rows.load(table, np.zeros(4), np.ones(4), out)
    assert np.array_equal(out, table.T)


def test_keys_mix_all_bits_of_a_row():
    bits = np.random.default_rng(0).integers(0, 2**63, (50, 7)).astype(np.uint64)
    mixed = np.full(50, 0x9E3779B97F4A7C15, np.uint64)
    for column in bits.T:
        mixed ^= column
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    assert np.array_equal(kernels.rows.hash_rows(bits, np.empty(50, np.uint64)), mixed)
