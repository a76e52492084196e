"""Clinical scores against worked examples."""

import numpy as np
import pytest

from QSMRoiAnalysisCore.clinical_scores import age_cag_product, alsfrs_rate


@pytest.mark.parametrize(
    "variant, value, tolerance",
    [
        ("CAP", 373.6, 1e-9),
        ("scaled CAP", 0.86415, 5e-6),
        ("CAP100", 80.1233, 5e-5),
        ("CAP100 of 627", 82.9346, 5e-5),
        ("disease burden", 300, 1e-9),
    ],
)
def test_products_of_age_40_and_43_repeats(variant, value, tolerance):
    score = age_cag_product([40, np.nan], [43, 43], variant=variant)
    assert score.values[0] == pytest.approx(value, abs=tolerance)
    assert np.isnan(score.values[1])
    assert score.variant.startswith(f"{variant}: age (CAG - ")


def test_twelve_points_in_twelve_months_are_one_a_month():
    assert alsfrs_rate([36], [12]).values == pytest.approx([1.0])


def test_values_without_a_score_are_refused():
    with pytest.raises(ValueError, match="1 subject.s. have fewer than 36 CAG"):
        age_cag_product([40, 40], [43, 20])
    with pytest.raises(ValueError, match="choose one of disease burden, CAP"):
        age_cag_product([40], [43], variant="best")
    with pytest.raises(ValueError, match="0 to 48"):
        alsfrs_rate([50], [12])
    with pytest.raises(ValueError, match="must be positive"):
        alsfrs_rate([40], [0])
