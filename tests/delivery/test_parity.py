import numpy as np
import pytest

from shipway.core.error import ShipwayError
from shipway.delivery.parity import FEWEST_ROWS, GOLDEN_ROWS, choose_golden, complete_rows, measure_parity
from shipway.kit.canonical import canonical_json
from shipway.testing.model import make_rows

NAMES = ["a", "b", "c"]


def refuse(code, call, *args, **options):
    with pytest.raises(ShipwayError) as refused:
        call(*args, **options)
    assert refused.value.code == code
    return refused.value


def test_parity_is_the_largest_and_mean_difference(bundle_arguments, noise):
    native, x = bundle_arguments["native"].predictor, bundle_arguments["sample"]["x"]
    parity = measure_parity(native, noise(native, 5e-5, slice(0, 3_000)), {"x": x})
    assert parity.rows == 6_000
    assert parity.largest == pytest.approx(5e-5)
    assert parity.mean == pytest.approx(2.5e-5)
    assert parity.tolerance == 1e-4


def test_a_form_that_predicts_otherwise_is_refused_with_the_row(bundle_arguments, noise):
    native, x = bundle_arguments["native"].predictor, bundle_arguments["sample"]["x"]
    refused = refuse("SW-501", measure_parity, native, noise(native, 2e-4, [17, 4_000]), {"x": x})
    assert "in 2 of 6,000 rows" in refused.fact
    assert "row 17" in refused.fact or "row 4000" in refused.fact
    assert measure_parity(native, noise(native, 2e-4, [17]), {"x": x}, tolerance=3e-4).tolerance == 3e-4


def test_a_prediction_that_is_no_number_is_refused(bundle_arguments, noise):
    native, x = bundle_arguments["native"].predictor, bundle_arguments["sample"]["x"]
    assert "row 41" in refuse("SW-501", measure_parity, native, noise(native, np.nan, [41]), {"x": x}).fact


def test_a_number_is_compared_in_the_scale_that_is_given(number_arguments, noise):
    native, x = number_arguments["native"].predictor, number_arguments["sample"]["x"]
    parity = measure_parity(native, noise(native, 5e-5, slice(0, 3_000)), {"x": x}, scale=1e3)
    assert parity.largest == pytest.approx(5e-8)
    refuse("SW-501", measure_parity, native, noise(native, 5e-2, slice(0, 3_000)), {"x": x}, scale=1e-3)


def test_too_few_rows_show_nothing(bundle_arguments):
    native, x = bundle_arguments["native"].predictor, bundle_arguments["sample"]["x"]
    refuse("SW-402", measure_parity, native, native, {"x": x[: FEWEST_ROWS - 1]})
    assert measure_parity(native, native, {"x": x[:FEWEST_ROWS]}).largest == 0.0


def test_golden_rows_are_spread_over_all(bundle_arguments):
    native, x = bundle_arguments["native"].predictor, bundle_arguments["sample"]["x"]
    golden = choose_golden(native, {"x": x}, NAMES)
    assert golden.rows == GOLDEN_ROWS
    chosen = golden.tensors["x"]
    np.testing.assert_array_equal(chosen[[0, -1]], x[[0, -1]])
    np.testing.assert_array_equal(golden.outputs[0].array, native.predict(chosen))
    numbered = np.arange(6_000.0).repeat(3).reshape(-1, 3)
    assert set(np.diff(choose_golden(native, {"x": numbered}, NAMES).tensors["x"][:, 0])) <= {60.0, 61.0}


def test_golden_rows_are_of_rows_there_are(bundle_arguments):
    refuse("SW-402", choose_golden, bundle_arguments["native"].predictor, {"x": np.empty((0, 3))}, NAMES)


def test_few_rows_are_all_golden(bundle_arguments):
    golden = choose_golden(bundle_arguments["native"].predictor, {"x": make_rows(3, 7)[0]}, NAMES)
    np.testing.assert_array_equal(golden.tensors["x"], make_rows(3, 7)[0])


def test_infinite_rows_are_passed_over(bundle_arguments):
    x = make_rows(3, 20)[0]
    x[5:, 0] = np.inf
    golden = choose_golden(bundle_arguments["native"].predictor, {"x": x}, NAMES)
    assert golden.rows == 5
    assert b"null" in canonical_json(
        choose_golden(bundle_arguments["native"].predictor, {"x": np.full((1, 3), np.nan)}, NAMES)
    )
    x[:, 0] = -np.inf
    assert "'a'" in refuse("SW-501", choose_golden, bundle_arguments["native"].predictor, {"x": x}, NAMES).fact


def test_a_small_project_is_compared_on_recombined_rows():
    x = np.asarray([[1.0, np.nan, 3.0], [4.0, 5.0, 6.0]])
    completed = complete_rows(x, 50)
    assert completed.shape == (50, 3)
    assert np.array_equal(completed[:2], x, equal_nan=True)
    for column in range(3):
        assert set(map(str, completed[:, column])) == set(map(str, x[:, column]))
    assert np.array_equal(completed, complete_rows(x, 50), equal_nan=True)


def test_enough_rows_are_left_alone():
    x = np.zeros((60, 3))
    assert complete_rows(x, 50) is x
    assert len(complete_rows(x[:0], 50)) == 0
