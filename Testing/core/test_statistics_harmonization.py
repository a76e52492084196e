"""Removal of site effects against published software's values and against known effects."""

import numpy as np
import pytest

from QSMRoiAnalysisCore.statistics.harmonization import harmonize, learn_site_effects

AGE = np.array([50, 62, 45, 70, 58, 55, 52, 64, 47, 72, 60, 54], float)
SITE = ["A"] * 6 + ["B"] * 6
REGIONS = np.array(
    [
        [42, 45, 40, 47, 44, 43, 55, 58, 52, 61, 57, 54],
        [30, 33, 29, 34, 31, 32, 36, 38, 33, 40, 37, 35],
        [60, 66, 58, 68, 63, 62, 74, 79, 70, 83, 77, 73],
        [10, 12, 9, 13, 11, 10, 13, 15, 11, 17, 14, 12],
    ],
    float,
).T

#: First region by neuroCombat 0.2.12.
FIRST_REGION = [
    48.1205, 51.0698, 46.0897, 53.0361, 50.0867, 49.0821, 48.7919, 51.9214, 46.0477, 54.8308, 50.8783, 48.0790
]  # fmt: skip


def harmonized(values, site, covariates, **more):
    return harmonize(learn_site_effects(values, site, covariates, **more), values, site, covariates)


def test_shrunk_effects_give_the_values_of_neurocombat():
    result = harmonized(REGIONS, SITE, {"age": AGE})
    assert result[:, 0] == pytest.approx(FIRST_REGION, abs=5e-5)


def test_site_means_come_together():
    before = [REGIONS[:6, 0].mean(), REGIONS[6:, 0].mean()]
    assert before == pytest.approx([43.5, 56.2], abs=0.05)
    after = harmonized(REGIONS, SITE, {"age": AGE}, shrink=False)[:, 0]
    assert [after[:6].mean(), after[6:].mean()] == pytest.approx([49.6, 50.1], abs=0.05)


def test_a_reference_site_keeps_its_values():
    result = harmonized(REGIONS, SITE, {"age": AGE}, reference="A")
    assert result[:6] == pytest.approx(REGIONS[:6])
    assert result[6:, 0].mean() == pytest.approx(43.5, abs=1.5)


def test_known_site_effects_are_removed_and_effects_of_interest_are_kept():
    random = np.random.default_rng(3)
    n = 400
    site = np.repeat(["A", "B", "C", "D"], n // 4)
    age, group = random.uniform(20, 80, n), random.integers(0, 2, n).astype(float)
    biology = 50 + 0.5 * age[:, None] + 20 * group[:, None] * np.array([1, 0, 1])
    shift = {"A": 0, "B": 15, "C": -10, "D": 5}
    scale = {"A": 1, "B": 1.5, "C": 0.7, "D": 1}
    noise = random.normal(0, 4, (n, 3)) * np.array([scale[name] for name in site])[:, None]
    values = biology + noise + np.array([shift[name] for name in site])[:, None]
    result = harmonized(values, site, {"age": age, "group": group})
    design = np.column_stack([np.ones(n), age, group, *(site == name for name in "BCD")])
    left = np.linalg.lstsq(design, result, rcond=None)[0]
    assert left[2] == pytest.approx([20, 0, 20], abs=1.2)
    assert left[1] == pytest.approx([0.5] * 3, abs=0.04)
    assert np.abs(left[3:]).max() < 1.0
    spreads = [np.std((result - design @ left)[site == name]) for name in "ABCD"]
    assert max(spreads) / min(spreads) < 1.1


def test_learned_effects_apply_to_subjects_they_were_not_learned_from():
    effects = learn_site_effects(REGIONS, SITE, {"age": AGE})
    new = harmonize(effects, REGIONS[[7]], ["B"], {"age": AGE[[7]]})
    assert new[0, 0] == pytest.approx(FIRST_REGION[7], abs=5e-5)
    with pytest.raises(ValueError, match="No effects were learned for site.s. 'C'"):
        harmonize(effects, REGIONS[[7]], ["C"], {"age": AGE[[7]]})
    with pytest.raises(ValueError, match="covariates"):
        harmonize(effects, REGIONS[[7]], ["B"], {})


@pytest.mark.parametrize(
    "site, covariates, message",
    [
        (SITE, {"group": np.repeat([0, 1], 6)}, "group cannot be told apart from the sites"),
        (SITE, {"age": AGE, "again": 2 * AGE + 1}, "again cannot be told apart"),
        (SITE, {"sex": np.ones(12)}, "sex cannot be told apart"),
        (["A"] * 12, {"age": AGE}, "at least two sites"),
        (["A"] * 11 + ["B"], {"age": AGE}, "B have one subject"),
        (["A"] * 11 + [""], {"age": AGE}, "1 subject.s. have no site"),
        (SITE, {"age": [np.nan, *AGE[1:]]}, "missing values: age"),
    ],
)
def test_confounded_and_incomplete_sites_are_refused(site, covariates, message):
    with pytest.raises(ValueError, match=message):
        learn_site_effects(REGIONS, site, covariates)


def test_partly_confounded_sites_are_allowed():
    group = np.repeat([0.0, 1.0], 6)
    group[0] = 1.0
    assert np.isfinite(harmonized(REGIONS, SITE, {"group": group})).all()
