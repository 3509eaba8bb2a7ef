"""Ranking metrics against scikit-learn, a worked example, and all orders of ties."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from shipway.maths import ranking as ours
from shipway.maths.influence import clustered

MRR = ours.mean_reciprocal_rank
queries = st.lists(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=2, max_size=7), min_size=1, max_size=5
)


def columns(lists) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = [(gain, score, place) for place, each in enumerate(lists) for gain, score in each]
    gain, score, query = (np.array(column) for column in zip(*rows, strict=True))
    return gain.astype(float), score.astype(float), query


@given(queries, st.integers(1, 8))
def test_ndcg_is_what_scikit_learn_says_whatever_is_tied(lists, k):
    lists = [each for each in lists if any(gain for gain, _ in each)]
    if not lists:
        return
    gain, score, query = columns(lists)
    due = [metrics.ndcg_score([gain[query == place]], [score[query == place]], k=k) for place in range(len(lists))]
    assert ours.ndcg(gain, score, query, k).value == pytest.approx(np.mean(due))


def test_a_worked_example():
    """Manning, Raghavan and Schuetze, "Introduction to Information Retrieval", 8.4: precision at each relevant row."""
    gain = np.array([1, 0, 1, 0, 0, 1, 0, 1.0])
    score = -np.arange(8.0)
    query = np.zeros(8, np.int64)
    due = (1 / 1 + 2 / 3 + 3 / 6 + 4 / 8) / 4
    assert ours.mean_average_precision(gain, score, query, 8).value == pytest.approx(due)
    assert ours.mean_average_precision(gain, score, query, 3).value == pytest.approx((1 + 2 / 3) / 3)
    assert ours.mean_reciprocal_rank(gain, score, query).value == 1
    assert ours.mean_reciprocal_rank(gain, -score, query).value == 1
    assert ours.mean_reciprocal_rank(gain[1:], score[1:], query[1:]).value == 1 / 2
    assert ours.recall_at(gain, score, query, 3).value == 0.5


def test_ties_are_the_mean_over_their_orders():
    gain, score = np.array([1.0, 0, 2, 0]), np.array([1.0, 1, 1, 0])
    query = np.zeros(4, np.int64)
    for metric in (ours.ndcg, ours.recall_at):
        strict = [metric(gain, np.array([*order, -1.0]), query, 2).value for order in permutations((0.0, 1.0, 2.0))]
        assert metric(gain, score, query, 2).value == pytest.approx(np.mean(strict))


@given(queries, st.integers(1, 8))
def test_all_metrics_are_the_mean_over_the_orders_of_ties(lists, k):
    lists = [each[:4] for each in lists[:2] if any(gain for gain, _ in each[:4])]
    if not lists:
        return
    gain, score, query = columns(lists)
    for metric in (ours.ndcg, ours.recall_at, ours.mean_average_precision, lambda g, s, q, _: MRR(g, s, q)):
        due = []
        for place in range(len(lists)):
            mine = query == place
            g, s, q = gain[mine], score[mine], query[mine]
            orders = permutations(np.arange(g.size) / 100)
            due.append(np.mean([metric(g, s + np.array(order), q, k).value for order in orders]))
        assert metric(gain, score, query, k).value == pytest.approx(np.mean(due))


def test_equal_scores_say_nothing_wherever_the_relevant_row_is_stored():
    constant, query = np.full(10, 0.3), np.zeros(10, np.int64)
    for at in (0, 4, 9):
        gain = (np.arange(10) == at).astype(float)
        due = np.mean(1 / np.arange(1, 11))
        assert MRR(gain, constant, query).value == pytest.approx(due)
        assert ours.mean_average_precision(gain, constant, query, 10).value == pytest.approx(due)


def test_rows_of_a_query_need_not_lie_together_and_one_without_relevance_does_not_count():
    gain, score = np.array([1.0, 0, 0, 1, 0, 0]), np.array([0.9, 0.1, 0.8, 0.2, 0.5, 0.4])
    query = np.array([4, 4, 9, 9, 7, 7])
    mixed = np.array([3, 0, 5, 1, 4, 2])
    apart = ours.mean_reciprocal_rank(gain[mixed], score[mixed], query[mixed])
    assert apart.value == ours.mean_reciprocal_rank(gain, score, query).value == pytest.approx(0.75)
    assert np.count_nonzero(apart.rows) == 2


def test_one_query_says_nothing_of_others_and_perfect_ones_little():
    gain, score = np.tile([1.0, 0, 0], 8), np.tile([0.9, 0.2, 0.1], 8)
    for metric in (ours.ndcg, ours.recall_at, ours.mean_average_precision, lambda g, s, q, _: MRR(g, s, q)):
        one = clustered(metric(gain, score, np.zeros(24, np.int64), 3), np.arange(24))
        assert (one.n, one.clusters, one.standard_error) == (1, 1, np.inf)
        eight = clustered(metric(gain, score, np.arange(24) // 3, 3), np.arange(24))
        assert (eight.value, eight.n, eight.clusters) == (pytest.approx(1), 8, 8)
        assert eight.standard_error == pytest.approx(np.sqrt(0.1 * 0.9 / 8))


def test_what_has_no_value_is_refused():
    one = np.ones(2)
    code = np.zeros(2, np.int64)
    for gain, score, query, k in (
        (np.zeros(2), one, code, 1),
        (-one, one, code, 1),
        (one, np.array([np.nan, 1]), code, 1),
        (one, one, code, 0),
        (one, np.ones(3), code, 1),
        (one[:0], one[:0], code[:0], 1),
    ):
        with pytest.raises(ValueError, match=r"."):
            ours.ndcg(gain, score, query, k)
