"""Wrong derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from wrong_variants import Family, Slip, fixed

from optcheck.backends.numpy import derivatives as right

VALUE = ("value-is-that-of-the-function",)
GRADIENT = ("gradient-holds-the-partial-derivatives",)
STEEPEST = ("no-direction-is-steeper-than-the-gradient",)
FIRST = ("first-order-change",)
GRADIENT_CHANGE = ("change-of-the-gradient",)
MODEL_GRADIENT = ("gradient-of-a-model-is-its-formula",)
SIGMOID_SLOPE = ("steepest-point-of-a-sigmoid",)
HESSIAN = ("hessian-holds-the-second-derivatives",)
SECOND = ("second-order-change",)
MODEL_HESSIAN = ("hessian-of-a-line-or-a-sigmoid",)
PRODUCT = ("product-with-a-derivative",)
CAUCHY_SCHWARZ = ("directional-derivative-obeys-cauchy-schwarz",)
LINE = ("a-line-is-affine",)
GABOR = ("gabor-function-moves-and-narrows",)
NETWORK = ("shallow-network-is-piecewise-linear",)
GABOR_DATA = ("gabor-data-follow-their-recipe",)

Rule = Callable[..., Any]
# What becomes of a result; told the objective, the point and the direction too.
Change = Callable[..., Any]


def changed(rule: Rule, change: Change) -> Rule:
    """The rule with another result."""

    def wrong(objective: Any, x: Any, *direction: Any) -> Any:
        return change(rule(objective, x, *direction), objective, x, *direction)

    return wrong


def single(rule: Rule) -> Rule:
    """The rule in float32, whatever it was given."""
    return lambda objective, *given: rule(objective, *(each.astype("float32") for each in given))


def _is(objective: Any, name: str, *, output: bool = False) -> bool:
    structure = objective.structure
    named = isinstance(structure, tuple) and structure[0] == name
    return named and (structure[1] == "output") == output


def of_model(name: str, change: Callable[[Any], Any], *, output: bool = False) -> Change:
    """A result that is wrong for one model alone."""
    return lambda result, objective, x, *v: (
        change(result) if _is(objective, name, output=output) else result
    )


def _mean(result: Any, objective: Any, x: Any, *direction: Any) -> Any:
    """The loss for a mean over the examples."""
    losses = ("LinearRegression", "LogisticRegression", "Gabor", "ShallowReLU")
    if not any(_is(objective, name) for name in losses):
        return result
    return result / (len(objective.coefficients) // 2)


def _last_missing(result: Any, *told: Any) -> Any:
    found = np.array(result)
    found[-1] = 0.0
    return found


def _on_at_its_kink(objective: Any, x: Any) -> Any:
    """A rectified unit has the slope 1 at 0."""
    if not _is(objective, "ShallowReLU"):
        return right.gradient(objective, x)
    nudged = x.copy()
    nudged[4::2] = np.nextafter(nudged[4::2], x.dtype.type(np.inf))
    return right.gradient(objective, nudged)


def _overflowing(objective: Any, x: Any) -> Any:
    """A sigmoid by ``exp(z) / (1 + exp(z))``, which is inf / inf where z is large."""
    if not _is(objective, "LogisticRegression"):
        return right.gradient(objective, x)
    inputs, targets = np.split(np.array(objective.coefficients, x.dtype), 2)
    grown = np.exp(x[0] + x[1] * inputs)
    error = grown / (1 + grown) - targets
    return np.array([np.sum(error), np.sum(error * inputs)])


GRADIENT_CHANGES: list[tuple[str, str, tuple[str, ...], Change]] = [
    ("opposite", "points downhill", GRADIENT + FIRST + STEEPEST, lambda g, *told: -g),
    ("halved", "halves it", GRADIENT + FIRST + GRADIENT_CHANGE, lambda g, *told: g / 2),
    ("last-missing", "leaves the last variable out", GRADIENT + STEEPEST, _last_missing),
    ("mean", "is that of the mean loss", GRADIENT + MODEL_GRADIENT, _mean),
    ("reversed", "has its elements in reverse", STEEPEST + FIRST, lambda g, *told: g[::-1]),
]


def gradient_slips(rule: Rule) -> list[Slip]:
    """Slips that every way to a gradient can have."""
    return [
        *(
            Slip(name, what, laws, fixed(changed(rule, change)))
            for name, what, laws, change in GRADIENT_CHANGES
        ),
        Slip(
            "short",
            "has one element too few",
            GRADIENT,
            fixed(changed(rule, lambda g, *told: g[:-1])),
            says="shape",
        ),
    ]


WRITTEN_OUT_GRADIENTS = [
    Slip(
        "single", "computes in float32", GRADIENT + MODEL_GRADIENT, fixed(single(right.gradient))
    ),
    Slip("kink", "has a slope at a kink", MODEL_GRADIENT, fixed(_on_at_its_kink)),
    Slip("overflow", "overflows where a sigmoid saturates", MODEL_GRADIENT, fixed(_overflowing)),
    Slip(
        "tanh",
        "takes tanh for the sigmoid",
        SIGMOID_SLOPE,
        fixed(
            changed(right.gradient, of_model("LogisticRegression", lambda g: 2.0 * g, output=True))
        ),
    ),
    Slip(
        "printed-sign",
        "has the printed sign of the cross-entropy",
        MODEL_GRADIENT,
        fixed(changed(right.gradient, of_model("LogisticRegression", lambda g: -g))),
    ),
]


def difference(step: float, reach: float, *, central: bool = False) -> Rule:
    """A difference over ``step`` that is divided by ``reach``."""

    def wrong(objective: Any, x: Any) -> Any:
        found = []
        for axis in np.eye(len(x)):
            behind = x - step * axis if central else x
            found.append((objective.value(x + step * axis) - objective.value(behind)) / reach)
        return np.array(found)

    return wrong


FORWARD, CENTRAL = 2.0**-26, 2.0**-17
DIFFERENCES = {
    "forward-difference": [
        ("far", "takes a step a thousand times as long", difference(2.0**-16, 2.0**-16)),
        ("near", "takes so short a step that rounding is all", difference(2.0**-44, 2.0**-44)),
        ("undivided", "divides by twice the step", difference(FORWARD, 2 * FORWARD)),
    ],
    "central-difference": [
        ("one-sided", "looks to one side alone", difference(CENTRAL, CENTRAL)),
        ("far", "takes a step 64 times as long", difference(2.0**-11, 2.0**-10, central=True)),
        ("undivided", "divides by one step", difference(CENTRAL, CENTRAL, central=True)),
    ],
}


def _triangle(H: Any, *told: Any) -> Any:
    return np.triu(np.asarray(H))


def _diagonal(H: Any, *told: Any) -> Any:
    return np.diag(np.diag(np.asarray(H)))


def _gauss_newton(H: Any, objective: Any, x: Any, *direction: Any) -> Any:
    """Without the curvature of the residuals."""
    if not hasattr(objective, "jacobian"):
        return H
    J = np.asarray(objective.jacobian(x))
    return J.T @ J


def hessian_slips(rule: Rule) -> list[Slip]:
    """Slips that every way to a Hessian can have."""

    def slip(name: str, what: str, laws: tuple[str, ...], change: Change, says: str = "") -> Slip:
        return Slip(name, what, laws, fixed(changed(rule, change)), says=says)

    return [
        slip("opposite", "has the wrong sign", HESSIAN + SECOND, lambda H, *told: -np.asarray(H)),
        slip(
            "doubled",
            "counts each pair twice",
            HESSIAN + SECOND + GRADIENT_CHANGE,
            lambda H, *told: 2 * np.asarray(H),
        ),
        slip("triangle", "fills one triangle alone", HESSIAN + GRADIENT_CHANGE, _triangle),
        slip("diagonal", "is diagonal", HESSIAN + SECOND + MODEL_HESSIAN, _diagonal),
        slip("gauss-newton", "leaves the curvature of residuals out", SECOND, _gauss_newton),
        slip("flat", "is a vector", HESSIAN, lambda H, *told: np.ravel(H), says="shape"),
        slip("mean", "is that of the mean loss", MODEL_HESSIAN, _mean),
    ]


WRITTEN_OUT_HESSIANS = [
    Slip("single", "computes in float32", HESSIAN + MODEL_HESSIAN, fixed(single(right.hessian))),
    Slip(
        "printed-sign",
        "has the printed sign of the cross-entropy",
        MODEL_HESSIAN,
        fixed(changed(right.hessian, of_model("LogisticRegression", lambda H: -H))),
    ),
    Slip(
        "halved-line",
        "takes the sum of squares for half of it",
        MODEL_HESSIAN,
        fixed(changed(right.hessian, of_model("LinearRegression", lambda H: H / 2))),
    ),
]


def _normalised(result: Any, objective: Any, x: Any, direction: Any) -> Any:
    return result / (np.linalg.norm(direction) or 1.0)


def slope_slips(rule: Rule) -> list[Slip]:
    """Slips in a derivative along a direction."""

    def slip(name: str, what: str, laws: tuple[str, ...], wrong: Rule, says: str = "") -> Slip:
        return Slip(name, what, laws, fixed(wrong), says=says)

    return [
        slip("opposite", "goes back", PRODUCT + FIRST, changed(rule, lambda slope, *told: -slope)),
        slip("normalised", "is along a unit vector", PRODUCT + FIRST, changed(rule, _normalised)),
        slip(
            "length",
            "is the length of the gradient whatever the direction",
            PRODUCT + CAUCHY_SCHWARZ,
            lambda f, x, v: np.linalg.norm(right.gradient(f, x)) * np.linalg.norm(v),
        ),
        slip(
            "bent",
            "has a share of the curvature in it",
            PRODUCT + FIRST + CAUCHY_SCHWARZ,
            lambda f, x, v: rule(f, x, v) + 1e-3 * np.dot(v, right.hessian(f, x) @ v),
        ),
        slip(
            "terms",
            "does not add up the terms",
            PRODUCT,
            lambda f, x, v: np.multiply(right.gradient(f, x), v),
            says="shape",
        ),
    ]


def product_slips(rule: Rule) -> list[Slip]:
    """Slips in a product of the Hessian and a vector."""

    def slip(name: str, what: str, laws: tuple[str, ...], wrong: Rule, says: str = "") -> Slip:
        return Slip(name, what, laws, fixed(wrong), says=says)

    return [
        slip("opposite", "has the wrong sign", PRODUCT + SECOND, changed(rule, lambda p, *t: -p)),
        slip("normalised", "is along a unit vector", PRODUCT + SECOND, changed(rule, _normalised)),
        slip(
            "diagonal",
            "multiplies by the diagonal",
            PRODUCT + GRADIENT_CHANGE,
            lambda f, x, v: np.diag(np.asarray(right.hessian(f, x))) * v,
        ),
        slip(
            "difference",
            "is a difference of gradients over a step",
            PRODUCT,
            lambda f, x, v: (right.gradient(f, x + v / 64) - right.gradient(f, x)) * 64,
        ),
        slip(
            "form",
            "is the quadratic form",
            PRODUCT,
            lambda f, x, v: np.dot(v, rule(f, x, v)),
            says="shape",
        ),
    ]


def _slow_gabor(objective: Any, x: Any) -> Any:
    """0.6 in place of 0.06."""
    if _is(objective, "Gabor", output=True):
        x = x * np.array([1, 10], x.dtype)
    return right.value(objective, x)


def _squared_slope(objective: Any, x: Any) -> Any:
    if _is(objective, "LinearRegression", output=True):
        x = x * np.array([1, x[1]], x.dtype)
    return right.value(objective, x)


def _leaky(objective: Any, x: Any) -> Any:
    """Units that let a hundredth through where they are off."""
    found = right.value(objective, x)
    if _is(objective, "ShallowReLU", output=True):
        z = x[4::2] + x[5::2] * x.dtype.type(objective.coefficients[0])
        found = found + np.dot(x[1:4], np.minimum(z, 0)) / 100
    return found


def _overflowing_loss(objective: Any, x: Any) -> Any:
    """``log(1 + exp(z))`` as it stands."""
    if not _is(objective, "LogisticRegression"):
        return right.value(objective, x)
    inputs, targets = np.split(np.array(objective.coefficients, x.dtype), 2)
    z = x[0] + x[1] * inputs
    return np.sum(np.log(1 + np.exp(z)) - targets * z)


VALUES = [
    Slip("overflow", "overflows where a sigmoid saturates", VALUE, fixed(_overflowing_loss)),
    Slip(
        "printed-sign",
        "has the printed sign of the cross-entropy",
        VALUE,
        fixed(changed(right.value, of_model("LogisticRegression", lambda loss: -loss))),
    ),
    Slip("frequency", "has 0.6 in place of 0.06", GABOR, fixed(_slow_gabor)),
    Slip(
        "even",
        "takes the absolute value",
        GABOR,
        fixed(changed(right.value, of_model("Gabor", abs, output=True))),
    ),
    Slip("curved-line", "squares the slope", LINE, fixed(_squared_slope)),
    Slip(
        "tanh",
        "takes tanh for the sigmoid",
        LINE,
        fixed(
            changed(right.value, of_model("LogisticRegression", lambda y: 2 * y - 1, output=True))
        ),
    ),
    Slip("leaky", "lets negative activations through", NETWORK, fixed(_leaky)),
    Slip(
        "half-sum",
        "halves the sum of squares",
        GABOR_DATA,
        fixed(changed(right.value, of_model("Gabor", lambda loss: loss / 2))),
    ),
    Slip("mean", "is the mean loss", GABOR_DATA + VALUE, fixed(changed(right.value, _mean))),
    Slip("single", "computes in float32", GABOR + LINE, fixed(single(right.value))),
    Slip(
        "array",
        "is an array of one element",
        LINE + GABOR + NETWORK,
        fixed(changed(right.value, lambda value, *told: np.array([value]))),
        says="shape",
    ),
]


def _families() -> list[Family]:
    def family(method: str, dialect: str, rule: Rule, slips: list[Slip], **more: Any) -> Family:
        return Family(method, dialect, rule, slips, capability="derivative", **more)

    found = [
        family("value", "evaluated", right.value, VALUES),
        family(
            "gradient",
            "written-out",
            right.gradient,
            [*gradient_slips(right.gradient), *WRITTEN_OUT_GRADIENTS],
        ),
        family(
            "hessian",
            "written-out",
            right.hessian,
            [*hessian_slips(right.hessian), *WRITTEN_OUT_HESSIANS],
        ),
    ]
    for mode in ("reverse-mode", "forward-mode"):
        found.append(family("gradient", mode, right.gradient, gradient_slips(right.gradient)))
    claims = {"forward-difference": FORWARD, "central-difference": CENTRAL}
    rules = {
        "forward-difference": right.approximate_gradient,
        "central-difference": right.central_gradient,
    }
    for dialect, rule in rules.items():
        own = [
            Slip(name, what, GRADIENT, fixed(wrong)) for name, what, wrong in DIFFERENCES[dialect]
        ]
        claim = {"fixed": {"step": claims[dialect]}, "dtypes": ("float64",)}
        slips = [*gradient_slips(rule), *own]
        found.append(family("gradient", dialect, rule, slips, claim=claim))
    for outer in ("forward", "reverse"):
        for inner in ("forward", "reverse"):
            slips = hessian_slips(right.hessian)
            found.append(family("hessian", f"{outer}-over-{inner}", right.hessian, slips))
    for dialect in ("written-out", "forward-mode"):
        rule = right.directional_derivative
        found.append(family("directional-derivative", dialect, rule, slope_slips(rule)))
    for dialect in ("written-out", "forward-over-reverse", "reverse-over-reverse"):
        rule = right.hessian_vector_product
        found.append(family("hessian-vector-product", dialect, rule, product_slips(rule)))
    return found


FAMILIES = _families()
