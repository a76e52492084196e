"""Analyses that protocols are made of: each turns columns of a study into findings by functions of `statistics`."""

from .accuracy import cutoffs, roc_areas, roc_comparison
from .association import correlation, measure_correlation
from .change import annual_changes, growth_curves, mixed_effects, side_equations
from .comparison import adjusted_comparison, category_comparison, group_comparison, side_comparison
from .evidence import pooled_effects
from .kinds import Analysis
from .models import (
    hierarchical_regression,
    logistic_prediction,
    mediated_effect,
    multimarker_logistic,
    rates,
    regression,
)
from .norms import abnormality, norm_deviation
from .several import multivariate_comparison

_TWO = frozenset({"groups"})
_BOTH = frozenset({"both roles"})

#: Kinds of analyses, by the name that protocols call them.
ANALYSES: dict[str, Analysis] = {
    "group_comparison": Analysis(group_comparison, uses=_TWO),
    "adjusted_comparison": Analysis(adjusted_comparison, adjusts=True, uses=_TWO),
    "multivariate_comparison": Analysis(multivariate_comparison, per_target=False, adjusts=True, uses=_TWO),
    "category_comparison": Analysis(category_comparison, per_target=False, uses=_TWO),
    "side_comparison": Analysis(side_comparison),
    "correlation": Analysis(correlation),
    "measure_correlation": Analysis(measure_correlation),
    "regression": Analysis(regression, adjusts=True),
    "hierarchical_regression": Analysis(hierarchical_regression, adjusts=True),
    "logistic_prediction": Analysis(logistic_prediction, adjusts=True),
    "multimarker_logistic": Analysis(multimarker_logistic, per_target=False, uses=_BOTH),
    "mediation": Analysis(mediated_effect, per_target=False, adjusts=True),
    "rates": Analysis(rates, per_target=False, adjusts=True),
    "roc": Analysis(roc_areas, uses=_BOTH),
    "roc_comparison": Analysis(roc_comparison, uses=_BOTH),
    "cutoff": Analysis(cutoffs, per_target=False, uses=_BOTH),
    "norm_deviation": Analysis(norm_deviation, uses=_BOTH),
    "abnormality": Analysis(abnormality, uses=_BOTH),
    "annual_change": Analysis(annual_changes, visits=2),
    "mixed_model": Analysis(mixed_effects, visits=2, adjusts=True),
    "growth_curve": Analysis(growth_curves, visits=2, adjusts=True),
    "estimating_equations": Analysis(side_equations, adjusts=True),
    "meta_analysis": Analysis(pooled_effects, per_target=False),
}
