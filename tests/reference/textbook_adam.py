"""Adam and its descendants from the texts, gradient accumulation with Adam, and SWATS."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from exact_numbers import MP
from textbook_registry import RULES, WHOLE_RULES, ZERO, State, rule


def _first(state: State, g: Any, h: SimpleNamespace) -> Any:
    return h.beta1 * state.get("first_moment", ZERO) + (1 - h.beta1) * g


def _second(state: State, g: Any, h: SimpleNamespace) -> Any:
    return h.beta2 * state.get("second_moment", ZERO) + (1 - h.beta2) * g * g


def _adam_step(dialect: str, s: Any, r: Any, h: SimpleNamespace, t: int) -> Any:
    s_hat, r_hat = s / (1 - h.beta1**t), r / (1 - h.beta2**t)
    if dialect == "epsilon-outside-root":
        return s_hat / (MP.sqrt(r_hat) + h.epsilon)
    if dialect == "epsilon-inside-root":
        return s_hat / MP.sqrt(r_hat + h.epsilon)
    if dialect == "epsilon-hat":
        return MP.sqrt(1 - h.beta2**t) * s_hat / (MP.sqrt(r) + h.epsilon)
    assert dialect == "uncorrected"
    return s / (MP.sqrt(r) + h.epsilon)


def _adam(dialect: str) -> None:
    @rule("adam", dialect)
    def update(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
        s, r = _first(state, g, h), _second(state, g, h)
        step = h.learning_rate * _adam_step(dialect, s, r, h, t)
        return w - step, {"first_moment": s, "second_moment": r}


for _dialect in ("epsilon-outside-root", "epsilon-inside-root", "epsilon-hat", "uncorrected"):
    _adam(_dialect)


@rule("adamw", "decoupled")
def _adamw(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    s, r = _first(state, g, h), _second(state, g, h)
    step = s / (1 - h.beta1**t) / (MP.sqrt(r / (1 - h.beta2**t)) + h.epsilon)
    moved = w - h.learning_rate * (step + h.weight_decay * w)
    return moved, {"first_moment": s, "second_moment": r}


@rule("adamw", "decoupled-unscaled")
def _adamw_unscaled(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    """As Loshchilov and Hutter print it: the learning rate does not scale the decay."""
    s, r = _first(state, g, h), _second(state, g, h)
    step = s / (1 - h.beta1**t) / (MP.sqrt(r / (1 - h.beta2**t)) + h.epsilon)
    moved = (1 - h.weight_decay) * w - h.learning_rate * step
    return moved, {"first_moment": s, "second_moment": r}


def _amsgrad_state(s: Any, r: Any, largest: Any) -> State:
    return {"first_moment": s, "second_moment": r, "largest_second_moment": largest}


@rule("amsgrad", "maximum-of-raw")
def _amsgrad_raw(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    s, r = _first(state, g, h), _second(state, g, h)
    u = max(state.get("largest_second_moment", ZERO), r)
    bottom = MP.sqrt(u / (1 - h.beta2**t)) + h.epsilon
    return w - h.learning_rate * s / (1 - h.beta1**t) / bottom, _amsgrad_state(s, r, u)


@rule("amsgrad", "maximum-of-corrected")
def _amsgrad_corrected(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    s, r = _first(state, g, h), _second(state, g, h)
    u = max(state.get("largest_second_moment", ZERO), r / (1 - h.beta2**t))
    bottom = MP.sqrt(u) + h.epsilon
    return w - h.learning_rate * s / (1 - h.beta1**t) / bottom, _amsgrad_state(s, r, u)


@rule("amsgrad", "maximum-of-corrected+epsilon-inside-root")
def _amsgrad_inside(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    s, r = _first(state, g, h), _second(state, g, h)
    u = max(state.get("largest_second_moment", ZERO), r / (1 - h.beta2**t))
    bottom = MP.sqrt(u + h.epsilon)
    return w - h.learning_rate * s / (1 - h.beta1**t) / bottom, _amsgrad_state(s, r, u)


@rule("amsgrad", "first-corrected")
def _amsgrad_first(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    s, r = _first(state, g, h), _second(state, g, h)
    u = max(state.get("largest_second_moment", ZERO), r)
    bottom = MP.sqrt(u) + h.epsilon
    return w - h.learning_rate * s / (1 - h.beta1**t) / bottom, _amsgrad_state(s, r, u)


@rule("amsgrad", "uncorrected")
def _amsgrad_uncorrected(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    """Reddi's Algorithm 2, with a stabiliser."""
    s, r = _first(state, g, h), _second(state, g, h)
    u = max(state.get("largest_second_moment", ZERO), r)
    return w - h.learning_rate * s / (MP.sqrt(u) + h.epsilon), _amsgrad_state(s, r, u)


@rule("adamax", "epsilon-in-maximum")
def _adamax(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    s = _first(state, g, h)
    u = max(h.beta2 * state.get("infinity_norm", ZERO), abs(g) + h.epsilon)
    step = h.learning_rate / (1 - h.beta1**t) * s / u
    return w - step, {"first_moment": s, "infinity_norm": u}


@rule("adamax", "epsilon-added")
def _adamax_added(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    s = _first(state, g, h)
    u = max(h.beta2 * state.get("infinity_norm", ZERO), abs(g))
    step = h.learning_rate / (1 - h.beta1**t) * s / (u + h.epsilon)
    return w - step, {"first_moment": s, "infinity_norm": u}


def _yogi(w: Any, g: Any, s: Any, v: Any, h: SimpleNamespace, t: int) -> Any:
    """Zaheer and others, Algorithm 2, with the corrections of the libraries."""
    s = h.beta1 * s + (1 - h.beta1) * g
    v = v - (1 - h.beta2) * MP.sign(v - g * g) * g * g
    bottom = MP.sqrt(v / (1 - h.beta2**t)) + h.epsilon
    step = h.learning_rate * s / (1 - h.beta1**t) / bottom
    return w - step, {"first_moment": s, "second_moment": v}


@rule("yogi", "both-moments-given")
def _yogi_both(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    given = h.initial_accumulator
    s, v = state.get("first_moment", given), state.get("second_moment", given)
    return _yogi(w, g, s, v, h, t)


@rule("yogi", "second-moment-given")
def _yogi_second(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    s = state.get("first_moment", ZERO)
    return _yogi(w, g, s, state.get("second_moment", h.initial_accumulator), h, t)


def _ahead(s: Any, g: Any, h: SimpleNamespace, t: int) -> Any:
    """Dozat's moment with a constant beta1."""
    return h.beta1 * s / (1 - h.beta1 ** (t + 1)) + (1 - h.beta1) * g / (1 - h.beta1**t)


@rule("nadam", "constant-momentum")
def _nadam(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    s, r = _first(state, g, h), _second(state, g, h)
    bottom = MP.sqrt(r / (1 - h.beta2**t)) + h.epsilon
    moved = w - h.learning_rate * _ahead(s, g, h, t) / bottom
    return moved, {"first_moment": s, "second_moment": r}


@rule("nadam", "scheduled-momentum")
def _nadam_scheduled(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    """torch.optim.NAdam, whose moment keeps beta1 and whose step has mu_1, mu_2, ..."""
    s, r = _first(state, g, h), _second(state, g, h)
    mu = [
        h.beta1 * (1 - MP.power(h.momentum_base, k * h.momentum_decay) / 2)
        for k in range(1, t + 2)
    ]
    direction = mu[t] * s / (1 - MP.fprod(mu)) + (1 - mu[t - 1]) * g / (1 - MP.fprod(mu[:-1]))
    bottom = MP.sqrt(r / (1 - h.beta2**t)) + h.epsilon
    return w - h.learning_rate * direction / bottom, {"first_moment": s, "second_moment": r}


def _rectification(h: SimpleNamespace, t: int) -> Any:
    """Liu and others, Algorithm 2: r_t, or None where the adaptive step is not taken."""
    longest = 2 / (1 - h.beta2) - 1
    length = longest - 2 * t * h.beta2**t / (1 - h.beta2**t)
    if length <= h.threshold:
        return None
    top = (length - 4) * (length - 2) * longest
    return MP.sqrt(top / ((longest - 4) * (longest - 2) * length))


def _radam_step(s_hat: Any, r: Any, h: SimpleNamespace, t: int, *, hat: bool = False) -> Any:
    rectification = _rectification(h, t)
    if rectification is None:
        return s_hat
    correction = MP.sqrt(1 - h.beta2**t)
    bottom = MP.sqrt(r) + (h.epsilon if hat else h.epsilon * correction)
    return rectification * s_hat * correction / bottom


@rule("radam", "epsilon-outside-root")
def _radam(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    s, r = _first(state, g, h), _second(state, g, h)
    step = _radam_step(s / (1 - h.beta1**t), r, h, t)
    return w - h.learning_rate * step, {"first_moment": s, "second_moment": r}


@rule("radam", "epsilon-hat")
def _radam_hat(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    s, r = _first(state, g, h), _second(state, g, h)
    step = _radam_step(s / (1 - h.beta1**t), r, h, t, hat=True)
    return w - h.learning_rate * step, {"first_moment": s, "second_moment": r}


@rule("radam", "epsilon-outside-root+nesterov")
def _radam_nesterov(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
    s, r = _first(state, g, h), _second(state, g, h)
    step = _radam_step(_ahead(s, g, h, t), r, h, t)
    return w - h.learning_rate * step, {"first_moment": s, "second_moment": r}


def _accumulation(dialect: str) -> None:
    @rule("gradient-accumulation", dialect)
    def update(w: Any, g: Any, state: State, h: SimpleNamespace, t: int) -> Any:
        k = int(h.accumulation_steps)
        n = (t - 1) % k + 1
        kept = state or dict.fromkeys(("first_moment", "second_moment"), ZERO)
        before = state.get("accumulated_gradient", ZERO)
        mean = (before * (n - 1) + g) / n
        collected = mean if dialect == "mean" else before + g
        if n < k:
            return w, {**kept, "accumulated_gradient": collected}
        w, kept = RULES["adam", "epsilon-outside-root"](w, collected, kept, h, t // k)
        return w, {**kept, "accumulated_gradient": ZERO}


_accumulation("mean")
_accumulation("sum")


def _swats(
    w: list[Any], g: list[Any], states: list[State], h: SimpleNamespace, t: int
) -> tuple[list[Any], list[State]]:
    """Keskar and Socher, Algorithm 1, with Adam's epsilon outside the root."""
    old = states[0]
    if old.get("phase") == "sgd":
        velocity = [h.beta1 * s["velocity"] + each for s, each in zip(states, g, strict=True)]
        moved = [
            each - (1 - h.beta1) * old["rate"] * v for each, v in zip(w, velocity, strict=True)
        ]
        return moved, [{**s, "velocity": v} for s, v in zip(states, velocity, strict=True)]
    first = [_first(s, each, h) for s, each in zip(states, g, strict=True)]
    second = [_second(s, each, h) for s, each in zip(states, g, strict=True)]
    p = [
        -h.learning_rate * _adam_step("epsilon-outside-root", s, r, h, t)
        for s, r in zip(first, second, strict=True)
    ]
    phase, rate = "adam", old.get("rate", ZERO)
    along = MP.fdot(p, g)
    if along != 0:
        gamma = MP.fdot(p, p) / -along
        rate = h.beta2 * rate + (1 - h.beta2) * gamma
        corrected = rate / (1 - h.beta2**t)
        if t > 1 and abs(corrected - gamma) < h.switch_tolerance:
            phase, rate = "sgd", corrected
    after = {"velocity": ZERO, "phase": phase, "rate": rate}
    return [each + step for each, step in zip(w, p, strict=True)], [
        {"first_moment": s, "second_moment": r, **after}
        for s, r in zip(first, second, strict=True)
    ]


WHOLE_RULES["swats", "plain"] = _swats
