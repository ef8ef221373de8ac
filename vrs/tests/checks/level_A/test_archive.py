import pytest

from vrs.checks.level_A.archive import (percentile_of, percentiles_at, range_of_archive,
                                        source_of)

# Published for Q-scores of width 0.4 Å: resolution, median, percentile 2.5; the ranges of
# resolution were others, which changes these by up to 0.02.
Q_SCORES = ((1.9, 0.745, 0.598), (2.6, 0.570, 0.341), (3.1, 0.492, 0.284), (3.9, 0.376, 0.159),
            (4.75, 0.240, 0.039), (7.0, 0.156, 0.020), (9.0, 0.107, 0.008))


@pytest.mark.parametrize("resolution, median, lowest", Q_SCORES)
def test_q_scores_of_the_archive(resolution, median, lowest):
    found = percentiles_at("q_score", resolution)
    assert found["50"] == pytest.approx(median, abs=0.02)
    assert found["2.5"] == pytest.approx(lowest, abs=0.02)


@pytest.mark.parametrize("kind", ["q_score", "atom_inclusion", "residue_correlation"])
def test_a_percentile_has_its_own_rank(kind):
    for resolution in (2.05, 3.33, 7.7):
        for level, value in percentiles_at(kind, resolution).items():
            assert percentile_of(kind, value, resolution) == pytest.approx(float(level), abs=0.05)
    assert percentile_of(kind, 2.0, 3.0) == 100 and percentile_of(kind, -2.0, 3.0) == 0


def test_number_of_models_is_that_of_the_measure():
    assert source_of("q_score").endswith("17,104 models")
    assert source_of("residue_correlation").endswith("14,584 models")


def test_what_is_not_known_has_none():
    assert percentiles_at("q_score", None) is None
    assert percentile_of("q_score", 0.5, None) is None
    assert percentile_of("q_score", None, 3.0) is None
    low, high = range_of_archive()
    assert percentiles_at("q_score", low / 2) == percentiles_at("q_score", low)
    assert percentiles_at("q_score", 2 * high) == percentiles_at("q_score", high)
