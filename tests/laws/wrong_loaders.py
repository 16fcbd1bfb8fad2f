"""Wrong loaders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from wrong_variants import Family, Slip, Wrong, fixed

from optcheck.backends.numpy import loaders

ONCE = ("each-example-once-an-epoch",)
BATCHES = ("an-epoch-has-its-batches",)
BLOCKS = ("blocks-come-in-order",)
SORTED = ("consecutive-batches-of-sorted-data-are-biased",)
NEW = ("reshuffled-before-every-epoch",)
SEEDS = ("seeds-share-no-epochs",)
PLACE = ("every-place-is-equally-likely",)
PAIR = ("every-pair-is-equally-likely",)
ERROR = ("standard-error-of-a-batch",)
HUNDRED = ("a-hundredfold-batch-has-a-tenth-of-the-error",)

Loader = Callable[[int, int, int, int], Any]
# The order of one epoch, from a generator and the number of examples.
Order = Callable[[Any, int], Any]


def _kept(order: Any, size: int) -> Any:
    return [list(order[i : i + size]) for i in range(0, len(order), size)]


def _dropped(order: Any, size: int) -> Any:
    return _kept(order[: len(order) // size * size], size)


def padded(examples: int, batch_size: int, epochs: int, seed: int) -> Any:
    """Two replicas take turns; an odd number is made even by the first example drawn."""
    orders = loaders.permutation(examples, examples, epochs, seed)
    return [_kept([*order, *order[: examples % 2]], batch_size) for (order,) in orders]


def changed(right: Loader, change: Callable[..., Any]) -> Loader:
    """The loader with other batches: ``change(epoch, number of the epoch, batch size)``."""

    def wrong(examples: int, batch_size: int, epochs: int, seed: int) -> Any:
        drawn = right(examples, batch_size, epochs, seed)
        return [change(epoch, number, batch_size) for number, epoch in enumerate(drawn)]

    return wrong


def ordering(order: Order, divide: Callable[..., Any] = _kept) -> Loader:
    """A loader that draws its orders so."""

    def wrong(examples: int, batch_size: int, epochs: int, seed: int) -> Any:
        random = np.random.default_rng(seed)
        return [divide(order(random, examples), batch_size) for _ in range(epochs)]

    return wrong


def _one_order(right: Loader) -> Loader:
    return lambda examples, size, epochs, seed: right(examples, size, 1, seed) * epochs


def _unseeded(right: Loader) -> Loader:
    return lambda examples, size, epochs, seed: right(
        examples, size, epochs, np.random.SeedSequence().entropy
    )


def _one_seed(right: Loader) -> Loader:
    return lambda examples, size, epochs, seed: right(examples, size, epochs, 0)


def _added_epoch(right: Loader) -> Loader:
    """Each epoch has a seed of its own, which is the next epoch's of the seed before."""
    return lambda examples, size, epochs, seed: [
        epoch for e in range(epochs) for epoch in right(examples, size, 1, seed + e)
    ]


def fisher_yates(
    below: Callable[[Any, int], int], until: int = 0
) -> Callable[[Any, int], list[int]]:
    """Each place, from the last down to ``until``, swapped with one that ``below`` draws."""

    def order(random: Any, examples: int) -> list[int]:
        shuffled = list(range(examples))
        for k in range(examples - 1, until, -1):
            j = below(random, k)
            shuffled[k], shuffled[j] = shuffled[j], shuffled[k]
        return shuffled

    return order


SATTOLO = fisher_yates(lambda random, k: int(random.integers(k)))
BYTES = fisher_yates(lambda random, k: int(random.integers(256)) % (k + 1))


def _stuck(random: Any, examples: int) -> list[int]:
    """Swaps all but the last example."""
    return [*random.permutation(examples - 1).tolist(), examples - 1]


def _forgotten(random: Any, examples: int) -> Any:
    """The last example is never drawn; another one is drawn twice."""
    order = random.permutation(examples)
    order[order == examples - 1] = 0
    return order


def _whole_blocks(examples: int, batch_size: int, epochs: int, seed: int) -> Any:
    random = np.random.default_rng(seed)
    blocks = _kept(range(examples), batch_size)
    full, last = blocks[: examples // batch_size], blocks[examples // batch_size :]
    return [
        [random.permutation(full[k]).tolist() for k in random.permutation(len(full))] + last
        for _ in range(epochs)
    ]


def _each_batch_anew(examples: int, batch_size: int, epochs: int, seed: int) -> Any:
    """Without replacement in a batch, but from all examples for every batch."""
    random = np.random.default_rng(seed)
    sizes = [len(part) for part in _kept(range(examples), batch_size)]
    return [
        [random.choice(examples, size, replace=False).tolist() for size in sizes]
        for _ in range(epochs)
    ]


def _repeating(examples: int, batch_size: int, epochs: int, seed: int) -> Any:
    """A large batch has a tenth of its size in draws, each of them ten times."""
    short = max(1, batch_size // 10)
    drawn = loaders.integers(examples, batch_size, epochs, seed)
    return [[(batch[:short] * len(batch))[: len(batch)] for batch in epoch] for epoch in drawn]


def _balanced(random: Any, examples: int) -> Any:
    """From neighbours in turn: nearly the same in all large batches."""
    return (random.integers(examples) + np.arange(examples)) % examples


def _slip(name: str, what: str, laws: tuple[str, ...], rule: Loader, **more: Any) -> Slip:
    return Slip(name, what, laws, fixed(rule), **more)


def _common(right: Loader) -> list[Slip]:
    """Slips of every loader that leaves its order to chance."""
    return [
        _slip("one-order", "shuffles before the first epoch alone", NEW, _one_order(right)),
        _slip("unseeded", "draws anew whatever the seed", NEW, _unseeded(right), says="same seed"),
        _slip("one-seed", "ignores the seed", SEEDS, _one_seed(right)),
        _slip("added-epoch", "adds the epoch to the seed", SEEDS, _added_epoch(right)),
        _slip(
            "from-one",
            "counts examples from 1",
            BATCHES,
            changed(right, lambda epoch, *_: [[i + 1 for i in batch] for batch in epoch]),
            says="counted from 0",
        ),
    ]


def _strided(epoch: Any, number: int, size: int) -> Any:
    order = [i for batch in epoch for i in batch]
    return [order[k :: len(epoch)] for k in range(len(epoch))]


def _backwards(epoch: Any, number: int, size: int) -> Any:
    return epoch[::-1] if number % 2 else epoch


def _early(epoch: Any, number: int, size: int) -> Any:
    """Starts again as soon as the next block would end at the last example."""
    return epoch[:-1] if len(epoch) > 1 and len(epoch[-1]) == size else epoch


def _short_dropped(epoch: Any, number: int, size: int) -> Any:
    return [batch for batch in epoch if len(batch) == size]


def _overrun(examples: int, batch_size: int, epochs: int, seed: int) -> Any:
    """Blocks n to n + B - 1, as printed."""
    starts = range(0, examples, batch_size)
    return [[list(range(n, n + batch_size)) for n in starts] for _ in range(epochs)]


def _carried_over(examples: int, batch_size: int, epochs: int, seed: int) -> Any:
    """What is left over comes first in the next epoch."""
    count = examples // batch_size * batch_size
    return [
        _kept([(epoch * count + k) % examples for k in range(count)], batch_size)
        for epoch in range(epochs)
    ]


IN_ORDER = [
    _slip("overrun", "its last block runs past the data", BATCHES, _overrun),
    _slip(
        "never-the-last",
        "goes from 1 to N - 1",
        (*ONCE, *BLOCKS),
        lambda examples, size, epochs, seed: loaders.in_order(
            max(1, examples - 1), size, epochs, 0
        ),
    ),
    _slip(
        "strided",
        "takes every P-th example",
        (*BLOCKS, *SORTED),
        changed(loaders.in_order, _strided),
    ),
    _slip(
        "to-and-fro",
        "every other epoch is backwards",
        BLOCKS,
        changed(loaders.in_order, _backwards),
    ),
    _slip(
        "early-reset",
        "discards the last full block",
        (*ONCE, *BATCHES),
        changed(loaders.in_order, _early),
    ),
    _slip("drops", "drops the shorter batch", BATCHES, changed(loaders.in_order, _short_dropped)),
]

IN_ORDER_DROPPED = [
    _slip("keeps", "keeps the shorter batch", (*ONCE, *BATCHES), loaders.in_order),
    _slip(
        "carried-over", "what is left over comes first in the next epoch", BLOCKS, _carried_over
    ),
    _slip(
        "early-reset",
        "discards a full block too",
        (*ONCE, *BATCHES),
        changed(loaders.in_order_dropped, _early),
    ),
    _slip(
        "strided",
        "takes every P-th example",
        (*BLOCKS, *SORTED),
        changed(loaders.in_order_dropped, _strided),
    ),
]

SHUFFLED = [
    *_common(loaders.permutation),
    _slip("sattolo", "swaps with an earlier place alone", PLACE, ordering(SATTOLO)),
    _slip("stuck", "does not move the last example", PLACE, ordering(_stuck)),
    _slip("bytes", "takes the remainder of a random byte", PLACE, ordering(BYTES)),
    _slip("forgotten", "never draws the last example", (*ONCE, *PLACE), ordering(_forgotten)),
    _slip("blocks", "shuffles whole blocks, and each in itself", PAIR, _whole_blocks),
    _slip(
        "unshuffled-blocks",
        "does not shuffle the blocks",
        (*PAIR, *ERROR),
        ordering(lambda random, examples: np.arange(examples)),
    ),
    _slip("replaced", "draws with replacement", (*ONCE, *ERROR), loaders.integers),
    _slip("each-batch-anew", "puts a batch back before the next", ONCE, _each_batch_anew),
    _slip("drops", "drops the shorter batch", (*ONCE, *BATCHES), loaders.permutation_dropped),
]

SHUFFLED_DROPPED = [
    *_common(loaders.permutation_dropped),
    _slip("keeps", "keeps the shorter batch", (*ONCE, *BATCHES), loaders.permutation),
    _slip(
        "drops-first",
        "drops the last of the data, and shuffles what is left",
        PLACE,
        lambda examples, size, epochs, seed: loaders.permutation(
            examples // size * size or 1, size, epochs, seed
        ),
    ),
    _slip("sattolo", "swaps with an earlier place alone", PLACE, ordering(SATTOLO, _dropped)),
    _slip(
        "replaced",
        "draws with replacement",
        (*ONCE, *ERROR),
        ordering(lambda random, examples: random.integers(examples, size=examples), _dropped),
    ),
]

SHUFFLED_PADDED = [
    *_common(padded),
    _slip(
        "unpadded", "leaves one replica an example short", (*ONCE, *BATCHES), loaders.permutation
    ),
    _slip(
        "full-batches",
        "fills up the last batch too",
        BATCHES,
        changed(
            padded,
            lambda epoch, number, size: [
                *epoch[:-1],
                (epoch[-1] + epoch[0] * size)[:size],
            ],
        ),
    ),
    _slip(
        "same-half",
        "gives both replicas the same half",
        ONCE,
        changed(padded, lambda epoch, *_: [batch[::2] + batch[::2] for batch in epoch]),
    ),
    _slip("sattolo", "swaps with an earlier place alone", PLACE, ordering(SATTOLO)),
]

WITH_REPLACEMENT = [
    *_common(loaders.integers),
    _slip("not-replaced", "draws without replacement", (*PAIR, *ERROR), loaders.permutation),
    _slip(
        "off-by-one",
        "never draws the last example",
        PLACE,
        ordering(lambda random, examples: random.integers(max(1, examples - 1), size=examples)),
    ),
    _slip(
        "bytes",
        "takes the remainder of a random byte",
        PLACE,
        ordering(lambda random, examples: random.integers(256, size=examples) % examples),
    ),
    _slip("repeating", "repeats a tenth of a large batch", HUNDRED, _repeating),
    _slip("balanced", "goes through neighbours", (*HUNDRED, *PAIR), ordering(_balanced)),
]


def _even(given: Any) -> str | None:
    return None if given["batch_size"] % 2 == 0 else "two replicas have equal parts"


def _ceiling(examples: int, size: int) -> int:
    return -(-examples // size)


def _floor(examples: int, size: int) -> int:
    return examples // size


_KEPT = {"length": _ceiling}
_DROPPED = {"length": _floor}

FAMILIES = [
    Family(method, dialect, right, slips, capability="loader", claim=claim)
    for method, dialect, right, slips, claim in (
        ("minibatches", "in-order", loaders.in_order, IN_ORDER, _KEPT),
        (
            "minibatches",
            "in-order+dropped",
            loaders.in_order_dropped,
            IN_ORDER_DROPPED,
            _DROPPED,
        ),
        ("minibatches", "shuffled", loaders.permutation, SHUFFLED, _KEPT),
        (
            "minibatches",
            "shuffled+dropped",
            loaders.permutation_dropped,
            SHUFFLED_DROPPED,
            _DROPPED,
        ),
        ("minibatches", "shuffled+padded", padded, SHUFFLED_PADDED, {"limits": _even}),
        ("minibatches", "with-replacement", loaders.integers, WITH_REPLACEMENT, _KEPT),
    )
]

_LENGTHS = (
    ("in-order", "short-length", "says floor(n/B) and keeps the last", loaders.in_order, _floor),
    ("shuffled+dropped", "long-length", "says ceil(n/B)", loaders.permutation_dropped, _ceiling),
)
WRONG = [
    Wrong("loader", "minibatches", dialect, _slip(name, what, BATCHES, rule), {"length": length})
    for dialect, name, what, rule, length in _LENGTHS
]
