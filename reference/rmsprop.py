"""RMSProp: AdaGrad with an exponential average in place of the sum, and what is added to it.

A dialect says where epsilon stands; after it, joined with ``+``: ``centered`` (the variance and
not the mean square), the form of the momentum (the ids are those of the momentum dialects,
``nesterov`` for the shifted direction, ``look-ahead`` for goodfellow's algorithm 8.6), and where
the mean square starts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from optcheck.reference.adagrad import epsilon_inside_root, epsilon_outside_root
from optcheck.reference.domains import Domain, non_negative, positive, unit_interval
from optcheck.reference.functions import root_of_difference, scaled_quotient
from optcheck.reference.gradient_descent import descend
from optcheck.reference.momentum import exponential_average, gradient_velocity
from optcheck.reference.nesterov import look_ahead_point
from optcheck.reference.registry import Dialect, Method, equation, method, statement


@equation(
    "rmsprop-update-epsilon-outside",
    title="RMSProp, epsilon outside the root",
    formula=(
        r"r_i^{(\tau)}=\beta r_i^{(\tau-1)}+(1-\beta)g_i^2,\qquad "
        r"w_i^{(\tau)}=w_i^{(\tau-1)}-\frac{\eta}{\sqrt{r_i^{(\tau)}}+\delta}\,g_i"
    ),
    sources=("bishop:7.41", "bishop:7.42", "goodfellow:Alg 8.5"),
    erratum="G12: printed without a stabiliser, a coordinate with zero gradient gives 0/0.",
)
def mean_square(average: Any, g: Any, decay: Any) -> Any:
    """``decay * average + (1 - decay) * g**2``."""
    return exponential_average(average, g**2, decay)


statement(
    "rmsprop-update-epsilon-inside",
    title="RMSProp, epsilon inside the root, mean square from zero",
    formula=(
        r"r\leftarrow\beta r+(1-\beta)g^2,\qquad "
        r"w\leftarrow w-\frac{\alpha}{\sqrt{r+\varepsilon}}\,g"
    ),
    sources=("trofimov:slide 'RMSProp (Root Mean Square Propagation)'",),
    erratum="T12: a dialect. T13: the slide starts the mean square at the first squared gradient.",
)
statement(
    "rmsprop-update-epsilon-inside-first-gradient-init",
    title="RMSProp, mean square from the first squared gradient",
    formula=r"G(0)=g(0)^2,\qquad G(\tau)=\rho\,G(\tau-1)+(1-\rho)\,g(\tau)^2\ (\tau\ge1)",
    sources=("trofimov:slide 'RMSProp (Root Mean Square Propagation)'",),
    erratum="T13: a dialect; from zero the first step is larger by 1/sqrt(1 - rho).",
)
statement(
    "rmsprop-nesterov-algorithm",
    title="RMSProp with Nesterov momentum",
    formula=(
        r"\mathbf g=\nabla E(\theta+\alpha\mathbf v),\quad"
        r"\mathbf r\leftarrow\rho\mathbf r+(1-\rho)\mathbf g^2,\quad"
        r"\mathbf v\leftarrow\alpha\mathbf v-\frac{\eta}{\sqrt{\mathbf r}+\delta}\odot\mathbf g,"
        r"\quad\theta\leftarrow\theta+\mathbf v"
    ),
    sources=("goodfellow:Alg 8.6",),
    erratum="G05, G12: as printed it lacks the stabiliser and adds alpha v twice.",
)


statement(
    "rmsprop-algorithm-no-stabiliser",
    title="RMSProp without a stabiliser",
    formula=(
        r"\mathbf r\leftarrow\rho\mathbf r+(1-\rho)\mathbf g^2,\quad"
        r"\Delta\theta=-\frac{\eta}{\sqrt{\delta+\mathbf r}}\odot\mathbf g;\qquad"
        r"\delta=0:\ \mathbf g\mapsto D\mathbf g\Rightarrow\Delta\theta\mapsto\Delta\theta,"
        r"\quad r_j=g_j=0\Rightarrow\Delta\theta_j=\tfrac00"
    ),
    sources=("goodfellow:Alg 8.5",),
    erratum=(
        "G12: printed without delta, so that a coordinate with no gradient so far gives 0/0. "
        "G16: the sum over a minibatch is not divided by its size, which changes nothing here."
    ),
)


@equation(
    "rmsprop-initial-bias",
    title="RMSProp's mean square starts too small",
    formula=(
        r"r_0=0:\quad\mathbb E[r_t]=(1-\rho^t)\,\mathbb E[g^2],\qquad "
        r"g\ \text{constant}:\ |\Delta w_t|=\frac{\eta}{\sqrt{1-\rho^t}}"
    ),
    sources=("goodfellow:sec 8.4.3",),
)
def weight_so_far(decay: Any, steps: Any) -> Any:
    """What the mean square from zero has of that of stationary gradients."""
    return 1 - decay**steps


@equation(
    "exponential-average-length-scale",
    title="How far back an exponential average looks",
    formula=(
        r"\sum_{k<n}(1-\rho)\rho^k=1-\rho^n\ge1-e^{-1}\ \text{at}\ n=\tfrac1{1-\rho},\qquad"
        r"\sum_{k<T}k(1-\rho)\rho^k=\frac{\rho\,(1-T\rho^{T-1}+(T-1)\rho^T)}{1-\rho}"
        r"\to\frac{\rho}{1-\rho}"
    ),
    sources=("goodfellow:sec 8.4.2",),
)
def summed_ages(decay: Any, steps: int) -> Any:
    """The ages of the last ``steps`` gradients, the last one's being 0, times their weights."""
    newest = 1 - steps * decay ** (steps - 1) + (steps - 1) * decay**steps
    return decay * newest / (1 - decay)


@equation(
    "rmsprop-centered",
    title="Centered RMSProp: divided by the standard deviation",
    formula=(
        r"m\leftarrow\beta m+(1-\beta)g,\qquad "
        r"w\leftarrow w-\frac{\eta}{\sqrt{r-m^2}+\delta}\,g"
    ),
    sources=("graves:arXiv 1308.0850, eq 38", "torch:optim.RMSprop"),
)
def variance(average: Any, mean: Any) -> Any:
    """``average - mean**2``; not negative, but a difference of rounded numbers may be."""
    return average - mean**2


def _centered_outside(difference: Any, epsilon: Any) -> Any:
    return root_of_difference(difference) + epsilon


def _centered_inside(difference: Any, epsilon: Any) -> Any:
    return root_of_difference(difference + epsilon)


_ROOTS: dict[str, tuple[Callable[..., Any], Callable[..., Any], str]] = {
    "epsilon-outside-root": (epsilon_outside_root, _centered_outside, "sqrt({}) + epsilon"),
    "epsilon-inside-root": (epsilon_inside_root, _centered_inside, "sqrt({} + epsilon)"),
}


@dataclass(frozen=True)
class _Form:
    """One dialect in parts; ``start`` is how the mean square begins."""

    root: str
    centered: bool = False
    momentum: str = ""
    start: str = ""
    corrected: bool = False

    @property
    def name(self) -> str:
        centered = "centered" if self.centered else ""
        corrected = "corrected" if self.corrected else ""
        parts = (self.root, centered, self.momentum, self.start, corrected)
        return "+".join(part for part in parts if part)

    def denominator(self, average: Any, mean: Any, h: Any) -> Any:
        plain, of_difference, _ = _ROOTS[self.root]
        # The total weight of the gradients so far, where the averages are corrected for it.
        weight = 1 - h.decay**h.step if self.corrected else 1
        average = average / weight if self.corrected else average
        if mean is None:
            return plain(average, h.epsilon)
        mean = mean / weight if self.corrected else mean
        return of_difference(variance(average, mean), h.epsilon)

    def update(self, w: Any, g: Any, state: Any, h: Any) -> Any:
        first = self.start == "first-square" and h.first
        average = g**2 if first else mean_square(state["second_moment"], g, h.decay)
        after = {"second_moment": average}
        mean = None
        if self.centered:
            lerp = "lerp" in h.evaluation
            mean = exponential_average(state["first_moment"], g, h.decay, interpolated=lerp)
            after["first_moment"] = mean
        denominator = self.denominator(average, mean, h)
        return self._move(w, g, denominator, state, after, h)

    def _move(self, w: Any, g: Any, denominator: Any, state: Any, after: Any, h: Any) -> Any:
        if not self.momentum:
            return w - scaled_quotient(h.learning_rate, g, denominator), after
        if self.momentum == "learning-rate-outside":
            quotient = scaled_quotient(1, g, denominator)
            velocity = gradient_velocity(state["velocity"], quotient, h.momentum)
            return descend(w, velocity, h.learning_rate), {**after, "velocity": velocity}
        step = -scaled_quotient(h.learning_rate, g, denominator)
        velocity = gradient_velocity(state["velocity"], step, h.momentum)
        nesterov = self.momentum.endswith("nesterov")
        change = step + h.momentum * velocity if nesterov else velocity
        return w + change, {**after, "velocity": velocity}

    def initial_state(self, zeros: Any, h: Any) -> dict[str, Any]:
        given = self.start == "initial-mean-square"
        state = {"second_moment": zeros + h.initial_mean_square if given else zeros}
        if self.centered:
            state["first_moment"] = zeros
        if self.momentum:
            state["velocity"] = zeros
        return state

    def dialect(self) -> Dialect:
        place = self.root.removesuffix("-root")
        equations = [f"rmsprop-update-{place}"]
        if self.centered:
            equations.append("rmsprop-centered")
        if self.start == "first-square":
            equations.append("rmsprop-update-epsilon-inside-first-gradient-init")
        if self.momentum == "look-ahead":
            equations.append("rmsprop-nesterov-algorithm")
        if self.corrected:
            equations.append("adam-bias-correction")
        return Dialect(
            update=self.update,
            equations=tuple(equations),
            summary=self._summary(),
            initial_state=self.initial_state,
            evaluation_point=_ahead if self.momentum == "look-ahead" else None,
        )

    def _summary(self) -> str:
        of = "r - m^2" if self.centered else "r"
        quotient = f"g / ({_ROOTS[self.root][2].format(of)})"
        moves = {
            "": f"w - eta {quotient}",
            "learning-rate-outside": f"v = mu v + {quotient}; w - eta v",
            "learning-rate-inside": f"v = mu v - eta {quotient}; w + v",
            "learning-rate-inside+nesterov": f"v = mu v - eta {quotient}; w + mu v - eta ...",
            "look-ahead": f"v = mu v - eta {quotient} at w + mu v; w + v",
        }
        starts = {
            "": "",
            "first-square": "; r starts at the first g^2",
            "initial-mean-square": "; r starts at a given value",
        }
        corrected = "; averages divided by 1 - beta^t" if self.corrected else ""
        return moves[self.momentum] + starts[self.start] + corrected

    def extra(self) -> Mapping[str, Domain]:
        domains: dict[str, Domain] = {}
        if self.momentum:
            domains["momentum"] = unit_interval(0.9, 0.5, 0.99, 0.0)
        if self.centered and self.corrected:
            # The first variance is zero: with a small epsilon rounding decides the first step.
            domains["epsilon"] = non_negative(0.1, 1e-3, 1e-8, 0.0)
        if self.start == "initial-mean-square":
            domains["initial_mean_square"] = non_negative(1.0, 0.1, 0.0)
        return domains


def _ahead(w: Any, state: Any, h: Any) -> Any:
    return look_ahead_point(w, state["velocity"], h.momentum)


_OUTSIDE, _INSIDE = _ROOTS

_FORMS = (
    _Form(_OUTSIDE),
    _Form(_INSIDE),
    _Form(_OUTSIDE, centered=True),
    _Form(_INSIDE, centered=True),
    _Form(_OUTSIDE, momentum="learning-rate-outside"),
    _Form(_OUTSIDE, centered=True, momentum="learning-rate-outside"),
    _Form(_INSIDE, momentum="learning-rate-inside"),
    _Form(_INSIDE, centered=True, momentum="learning-rate-inside"),
    _Form(_INSIDE, momentum="learning-rate-inside+nesterov"),
    _Form(_OUTSIDE, momentum="look-ahead"),
    _Form(_INSIDE, start="first-square"),
    _Form(_INSIDE, start="initial-mean-square"),
    _Form(_INSIDE, corrected=True),
    _Form(_INSIDE, centered=True, corrected=True),
)

RMSPROP = method(
    Method(
        id="rmsprop",
        title="RMSProp",
        family="rmsprop",
        source="bishop:7.42",
        hyperparameters={
            "learning_rate": positive(0.01, 1.0, 0.001),
            "decay": unit_interval(0.9, 0.99, 0.5, 0.0),
            "epsilon": non_negative(1e-8, 1e-3, 0.1, 0.0),
        },
        extra={form.name: form.extra() for form in _FORMS},
        dialects={form.name: form.dialect() for form in _FORMS},
    )
)
