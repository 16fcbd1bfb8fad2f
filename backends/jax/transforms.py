"""The transforms of optax behind its aliases: they have defaults of their own."""

from __future__ import annotations

from optcheck.backends.jax.table import ADAM, RMSPROP, Row

# method, dialect, transform, its arguments in order, and the values documented for them
_TRANSFORMS = (
    ("rmsprop", "epsilon-inside-root", "scale_by_rms", RMSPROP),
    ("rmsprop", "epsilon-inside-root+centered", "scale_by_stddev", RMSPROP),
    (
        *("adagrad", "epsilon-inside-root", "scale_by_rss"),
        {"initial_accumulator": 0.1, "epsilon": 1e-7},
    ),
    ("adam", "epsilon-outside-root", "scale_by_adam", ADAM),
    ("amsgrad", "maximum-of-corrected", "scale_by_amsgrad", ADAM),
    ("adamax", "epsilon-in-maximum", "scale_by_adamax", ADAM),
)


def _row(method: str, dialect: str, transform: str, defaults: dict[str, float]) -> Row:
    def chained(arguments: str) -> str:
        last = "optax.scale_by_learning_rate(learning_rate)"
        return f"optax.chain(optax.{transform}({arguments}), {last})"

    return Row(method, dialect, chained(", ".join(defaults)), chained(""), defaults, True)


TRANSFORMS = tuple(_row(*each) for each in _TRANSFORMS)
