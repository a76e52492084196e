"""Mixed models against values printed by lme4, and against models without noise."""

import numpy as np
import pytest
from scipy import stats

from QSMRoiAnalysisCore.statistics.mixed_model import mixed_model
from QSMRoiAnalysisCore.statistics.regression import linear_regression

#: Reaction times (ms) of 18 subjects over ten days of sleep deprivation: Belenky et al., J Sleep Res 2003;12:1-12.
REACTION = """
249.56 258.7047 250.8006 321.4398 356.8519 414.6901 382.2038 290.1486 430.5853 466.3535
222.7339 205.2658 202.9778 204.707 207.7161 215.9618 213.6303 217.7272 224.2957 237.3142
199.0539 194.3322 234.32 232.8416 229.3074 220.4579 235.4208 255.7511 261.0125 247.5153
321.5426 300.4002 283.8565 285.133 285.7973 297.5855 280.2396 318.2613 305.3495 354.0487
287.6079 285 301.8206 320.1153 316.2773 293.3187 290.075 334.8177 293.7469 371.5811
234.8606 242.8118 272.9613 309.7688 317.4629 309.9976 454.1619 346.8311 330.3003 253.8644
283.8424 289.555 276.7693 299.8097 297.171 338.1665 332.0265 348.8399 333.36 362.0428
265.4731 276.2012 243.3647 254.6723 279.0244 284.1912 305.5248 331.5229 335.7469 377.299
241.6083 273.9472 254.4907 270.8021 251.4519 254.6362 245.4523 235.311 235.7541 237.2466
312.3666 313.8058 291.6112 346.1222 365.7324 391.8385 404.2601 416.6923 455.8643 458.9167
236.1032 230.3167 238.9256 254.922 250.7103 269.7744 281.5648 308.102 336.2806 351.6451
256.2968 243.4543 256.2046 255.5271 268.9165 329.7247 379.4445 362.9184 394.4872 389.0527
250.5265 300.0576 269.8939 280.5891 271.8274 304.6336 287.7466 266.5955 321.5418 347.5655
221.6771 298.1939 326.8785 346.8555 348.7402 352.8287 354.4266 360.4326 375.6406 388.5417
271.9235 268.4369 257.2424 277.6566 314.8222 317.2135 298.1353 348.1229 340.28 366.5131
225.264 234.5235 238.9008 240.473 267.5373 344.1937 281.1481 347.5855 365.163 372.2288
269.8804 272.4428 277.8989 281.7895 279.1705 284.512 259.2658 304.6306 350.7807 369.4692
269.4117 273.474 297.5968 310.6316 287.1726 329.6076 334.4818 343.2199 369.1417 364.1236
"""
REACTION = np.array(REACTION.split(), float)
DAYS = np.tile(np.arange(10.0), 18)
SUBJECTS = np.repeat(np.arange(18), 10)

#: Twelve patients with two lesions each at four times.
PATIENT, LESION, VISIT = (axis.ravel() for axis in np.mgrid[:12, :2, :4])
TIME = np.array([0, 0.5, 1.25, 2.0])[VISIT]
TREATED = (PATIENT % 2).astype(float)
EXACT = 20 + 3.0 * PATIENT - 0.5 * LESION + (-1.0 - 2.77 * TREATED) * TIME
NOISY = EXACT + np.array([0.6, -0.6, -0.2, 0.2])[VISIT]


def lesions(values, **more):
    fixed = {"time": TIME, "treated": TREATED, "time x treated": TIME * TREATED}
    return mixed_model(values, fixed, PATIENT, **more)


def test_random_intercepts_and_slopes_of_the_sleep_study():
    fit = mixed_model(REACTION, {"days": DAYS}, SUBJECTS, slope="days")
    intercept, days = fit.coefficients.values()
    assert intercept.estimate.value == pytest.approx(251.4051, abs=5e-5)
    assert intercept.standard_error == pytest.approx(6.8246, abs=1e-4)
    assert days.estimate.value == pytest.approx(10.46729, abs=5e-6)
    assert days.standard_error == pytest.approx(1.54579, abs=1e-5)
    assert fit.random_sd["intercept"] == pytest.approx(24.740, abs=1e-3)
    assert fit.random_sd["slope of days"] == pytest.approx(5.922, abs=5e-4)
    assert fit.random_correlation == pytest.approx(0.0656, abs=1e-4)
    assert fit.residual_sd == pytest.approx(25.592, abs=5e-4)
    assert fit.reml_criterion == pytest.approx(1743.628, abs=5e-4)
    assert (fit.n, fit.subjects) == (180, 18)
    # Every subject was measured on the same days, so the mean slope has the freedom of 18 slopes.
    assert days.df == pytest.approx(17, abs=0.05)


def test_random_intercepts_of_the_sleep_study():
    fit = mixed_model(REACTION, {"days": DAYS}, SUBJECTS)
    days = fit.coefficients["days"]
    assert days.standard_error == pytest.approx(0.80422, abs=5e-6)
    assert fit.random_sd["intercept"] == pytest.approx(37.124, abs=5e-4)
    assert fit.residual_sd == pytest.approx(30.991, abs=5e-4)
    assert fit.reml_criterion == pytest.approx(1786.465, abs=5e-4)
    assert days.df == pytest.approx(161, abs=0.5)


def test_unbalanced_rows_in_any_order_give_the_same_model():
    random = np.random.default_rng(0)
    kept = random.permutation(180)[:140]
    shuffled = mixed_model(REACTION[kept], {"days": DAYS[kept]}, SUBJECTS[kept], slope="days")
    gaps = REACTION.copy()
    gaps[np.setdiff1d(np.arange(180), kept)] = np.nan
    fit = mixed_model(gaps, {"days": DAYS}, SUBJECTS, slope="days")
    assert fit.reml_criterion == pytest.approx(shuffled.reml_criterion, abs=1e-6)
    assert len(fit.excluded) == 40


def test_the_criterion_is_that_of_the_whole_covariance_matrix():
    fit = mixed_model(REACTION[:60], {"days": DAYS[:60]}, SUBJECTS[:60], nested=DAYS[:60] // 3)
    units = SUBJECTS[:60] * 10 + DAYS[:60] // 3
    same_subject, same_unit = (np.equal.outer(labels, labels) for labels in (SUBJECTS[:60], units))
    sds = fit.random_sd
    v = sds["intercept"] ** 2 * same_subject + sds["nested intercept"] ** 2 * same_unit
    v = v + fit.residual_sd**2 * np.eye(60)
    x = np.column_stack([np.ones(60), DAYS[:60]])
    precision = x.T @ np.linalg.inv(v) @ x
    beta = np.linalg.solve(precision, x.T @ np.linalg.solve(v, REACTION[:60]))
    r = REACTION[:60] - x @ beta
    expected = 58 * np.log(2 * np.pi) + np.linalg.slogdet(v)[1] + np.linalg.slogdet(precision)[1]
    assert fit.reml_criterion == pytest.approx(expected + r @ np.linalg.solve(v, r), abs=1e-6)


@pytest.mark.parametrize("more", [{}, {"nested": LESION}, {"slope": "time"}])
def test_lesions_without_noise_give_their_slopes_exactly(more):
    fit = lesions(EXACT, **more)
    assert fit.coefficients["time"].estimate.value == pytest.approx(-1.0, abs=1e-7)
    assert fit.coefficients["time x treated"].estimate.value == pytest.approx(-2.77, abs=1e-7)


@pytest.mark.parametrize("more", [{}, {"nested": LESION}])
def test_lesions_with_noise_give_the_printed_slopes(more):
    fit = lesions(NOISY, **more)
    assert fit.coefficients["time"].estimate.value == pytest.approx(-1.0653061, abs=5e-8)
    assert fit.coefficients["time x treated"].estimate.value == pytest.approx(-2.77, abs=5e-8)


def test_lesions_nested_in_patients_have_the_printed_standard_errors():
    fit = lesions(NOISY, nested=LESION)
    assert fit.coefficients["time"].standard_error == pytest.approx(0.0991, abs=5e-5)
    assert fit.coefficients["time x treated"].standard_error == pytest.approx(0.1402, abs=5e-5)
    assert (fit.subjects, fit.nested) == (12, 24)


def test_treating_lesions_as_independent_is_remarked_on():
    fit = lesions(NOISY, nested=LESION)
    fixed = {"time": TIME, "treated": TREATED, "time x treated": TIME * TREATED}
    independent = linear_regression(NOISY, fixed)
    for name, coefficient in independent.coefficients.items():
        assert fit.naive_standard_errors[name] == pytest.approx(coefficient.standard_error)
    assert fit.naive_standard_errors["time"] > 5 * fit.coefficients["time"].standard_error
    assert any("Treating rows as independent" in remark for remark in fit.remarks)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"subject": np.arange(96)}, "Use a linear regression"),
        ({"subject": np.arange(96) % 2}, "at least 3 subjects"),
        ({"slope": "age"}, "'age' is no fixed predictor"),
        ({"nested": PATIENT}, "one nested unit"),
        ({"nested": np.arange(96)}, "one row"),
        ({"fixed": {"time": TIME, "again": 2 * TIME}}, "again is determined by intercept, time"),
        ({"response": ["x"] * 96}, "Response: 96 value"),
    ],
)
def test_models_that_cannot_be_fitted_are_refused(change, message):
    whole = {"response": NOISY, "fixed": {"time": TIME}, "subject": PATIENT} | change
    with pytest.raises(ValueError, match=message):
        mixed_model(**whole)


def test_a_known_change_is_found_and_none_where_there_is_none():
    random = np.random.default_rng(7)
    cohorts, subjects = 30, 16
    who, time = np.repeat(np.arange(subjects), 3), np.tile([0.0, 1.0, 2.0], subjects)
    group = (who % 2).astype(float)
    false, covered = 0, 0
    for _ in range(cohorts):
        values = random.normal(0, 5, subjects)[who] + (2 + random.normal(0, 1, subjects)[who]) * time
        values = values + random.normal(0, 1, values.size)
        fit = mixed_model(values, {"time": time, "group": group, "both": time * group}, who, slope="time")
        false += fit.coefficients["both"].p < 0.05
        change = fit.coefficients["time"].estimate
        covered += change.low <= 2 <= change.high
    assert false <= stats.binom.ppf(0.9995, cohorts, 0.05)
    assert covered >= stats.binom.ppf(0.0005, cohorts, 0.95)
