"""Mediation with known parts."""

import numpy as np
import pytest

from QSMRoiAnalysisCore.statistics.mediation import mediation


def test_the_parts_of_a_known_effect_are_found_and_add_up():
    random = np.random.default_rng(3)
    age, lesions = random.normal(50, 8, 150), random.normal(size=150)
    thalamus = 2.0 * lesions + 0.1 * age + random.normal(size=150)
    score = 0.5 * thalamus + 0.3 * lesions + random.normal(size=150)
    result = mediation(lesions, thalamus, score, {"age": age}, repetitions=200)
    assert result.indirect.low < 1.0 < result.indirect.high and result.indirect.low > 0
    assert result.direct.low < 0.3 < result.direct.high
    assert result.indirect.value + result.direct.value == pytest.approx(result.total.value)
    assert result.n == 150


def test_nothing_is_carried_by_a_bystander():
    random = np.random.default_rng(4)
    cause, bystander = random.normal(size=80), random.normal(size=80)
    outcome = cause + random.normal(size=80)
    outcome[5] = np.nan
    result = mediation(cause, bystander, outcome, {}, repetitions=200)
    assert result.indirect.low < 0 < result.indirect.high
    assert (result.n, result.excluded) == (79, (5,))


def test_mediators_that_are_the_cause_itself_are_refused():
    values = np.arange(10.0)
    with pytest.raises(ValueError, match="mediator is determined by intercept, cause"):
        mediation(values, 2 * values, values**2, {})
    with pytest.raises(ValueError, match="cannot be called cause"):
        mediation(values, values**2, values**3, {"cause": values})
