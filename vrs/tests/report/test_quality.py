"""Score and sentences."""

import pytest

from vrs.report import resolution_sentence, score
from vrs.report.quality import score_sentences
from vrs.results import Status
from vrs.tests.report.conftest import make_item


def test_score_counts_only_items_that_can_pass_or_fail():
    assert score([make_item(status=status) for status in Status]) == (1, 2)
    assert score([]) == (0, 0)


def test_no_estimates_no_sentence():
    assert resolution_sentence(4.0, []) == ""


def test_resolution_sentence_has_range_mean_and_reported_value():
    text = resolution_sentence(4.3, [5.0, 7.0])
    for part in ("5.0 Å", "7.0 Å", "6.0 Å", "4.3 Å", "may be overestimated"):
        assert part in text


@pytest.mark.parametrize("reported, overestimated", [(4.79, True), (4.8, False), (9.0, False)])
def test_overestimated_below_four_fifths_of_the_mean(reported, overestimated):
    assert ("overestimated" in resolution_sentence(reported, [6.0])) is overestimated


def test_mean_is_rounded_to_the_side_of_the_verdict():
    # 0.8 × 4.04 Å is more than the reported 3.2 Å, and 0.8 × 4.0 Å is not.
    assert "is 4.04 Å" in resolution_sentence(3.2, [4.04])
    assert "is 4.0 Å" in resolution_sentence(3.3, [4.04])


def test_resolution_sentence_without_reported_value():
    text = resolution_sentence(None, [6.0])
    assert "6.0 Å" in text and "None" not in text and "overestimated" not in text


def test_score_sentence_accounts_for_every_item():
    text = score_sentences([make_item(status=status) for status in Status])
    assert text == ("The score is 1 of 2 evaluable items. Of the other items, 1 does not apply, 1 "
                    "was not run, 1 could not be measured and 1 is informative.")
    assert score_sentences([make_item()]) == "The score is 1 of 1 evaluable item."
