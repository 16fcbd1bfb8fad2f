"""Every wrong implementation, for every method and dialect of the reference."""

from __future__ import annotations

import wrong_accumulation
import wrong_activations
import wrong_adadelta
import wrong_adam
import wrong_adam_variants
import wrong_adamax_yogi
import wrong_adaptive
import wrong_adaptive_claims
import wrong_annealing
import wrong_bfgs
import wrong_clippings
import wrong_conjugate_gradients
import wrong_continuation
import wrong_coordinate_descent
import wrong_costs
import wrong_curriculum
import wrong_decay
import wrong_derivatives
import wrong_descent
import wrong_descent_rates
import wrong_distribution
import wrong_factorizations
import wrong_gradients
import wrong_hygiene
import wrong_initializers
import wrong_interpolation
import wrong_l_bfgs
import wrong_levenberg_marquardt
import wrong_likelihoods
import wrong_line_searches
import wrong_loaders
import wrong_losses
import wrong_minibatches
import wrong_momentum
import wrong_momentum_rates
import wrong_nadam
import wrong_natural_gradient
import wrong_nesterov
import wrong_newton
import wrong_normalizers
import wrong_plateaus
import wrong_pretraining
import wrong_propagation
import wrong_radam
import wrong_recurrences
import wrong_reductions
import wrong_rmsprop
import wrong_rprop
import wrong_schedule_cycles
import wrong_schedule_shapes
import wrong_schedules
import wrong_shown_matrices
import wrong_signs
import wrong_stochastic_rates
import wrong_surfaces
import wrong_swats
import wrong_training
import wrong_warm_up
from wrong_variants import Family, Wrong

FAMILIES: list[Family] = [
    *wrong_momentum.FAMILIES,
    *wrong_nesterov.FAMILIES,
    *wrong_adaptive.FAMILIES,
    *wrong_rmsprop.FAMILIES,
    *wrong_adadelta.FAMILIES,
    *wrong_signs.FAMILIES,
    *wrong_rprop.FAMILIES,
    *wrong_decay.FAMILIES,
    *wrong_adam.FAMILIES,
    *wrong_adam_variants.FAMILIES,
    *wrong_adamax_yogi.FAMILIES,
    *wrong_nadam.FAMILIES,
    *wrong_radam.FAMILIES,
    *wrong_swats.FAMILIES,
    *wrong_accumulation.FAMILIES,
    *wrong_schedules.FAMILIES,
    *wrong_schedule_shapes.FAMILIES,
    *wrong_schedule_cycles.FAMILIES,
    *wrong_warm_up.FAMILIES,
    *wrong_clippings.FAMILIES,
    *wrong_hygiene.FAMILIES,
    *wrong_descent.FAMILIES,
    *wrong_derivatives.FAMILIES,
    *wrong_conjugate_gradients.FAMILIES,
    *wrong_levenberg_marquardt.FAMILIES,
    *wrong_bfgs.FAMILIES,
    *wrong_l_bfgs.FAMILIES,
    *wrong_shown_matrices.FAMILIES,
    *wrong_annealing.FAMILIES,
    *wrong_continuation.FAMILIES,
    *wrong_curriculum.FAMILIES,
    *wrong_pretraining.FAMILIES,
    *wrong_newton.FAMILIES,
    *wrong_natural_gradient.FAMILIES,
    *wrong_coordinate_descent.FAMILIES,
    *wrong_line_searches.FAMILIES,
    *wrong_loaders.FAMILIES,
    *wrong_losses.FAMILIES,
    *wrong_normalizers.FAMILIES,
    *wrong_likelihoods.FAMILIES,
    *wrong_activations.FAMILIES,
    *wrong_interpolation.FAMILIES,
    *wrong_initializers.FAMILIES,
    *wrong_factorizations.FAMILIES,
    *wrong_recurrences.FAMILIES,
    *wrong_plateaus.FAMILIES,
    *wrong_distribution.FAMILIES,
]
WRONG: list[Wrong] = [
    *(wrong for family in FAMILIES for wrong in family.variants()),
    *wrong_adaptive_claims.WRONG,
    *wrong_clippings.WRONG,
    *wrong_costs.WRONG,
    *wrong_descent_rates.WRONG,
    *wrong_gradients.WRONG,
    *wrong_initializers.WRONG,
    *wrong_loaders.WRONG,
    *wrong_minibatches.WRONG,
    *wrong_momentum_rates.WRONG,
    *wrong_plateaus.WRONG,
    *wrong_propagation.WRONG,
    *wrong_reductions.WRONG,
    *wrong_schedule_cycles.WRONG,
    *wrong_stochastic_rates.WRONG,
    *wrong_surfaces.WRONG,
    *wrong_training.WRONG,
]
