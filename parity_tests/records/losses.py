"""Losses."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from minigrad.testing import strategies as s
from minigrad.testing.samples import Sample
from parity_tests.records.base import record

record(
    "cross_entropy",
    lambda m, F, x, t, w=None, **o: F.cross_entropy(x, t, w, **o),
    s.classifications(),
    lambda m, F: F.cross_entropy(m.zeros(2, 3), m.tensor([0, 3])),
    lambda m, F: F.cross_entropy(m.zeros(2, 3), m.tensor([0, -1])),
    lambda m, F: F.cross_entropy(m.zeros(2, 3), m.tensor([0, 1, 2])),
    lambda m, F: F.cross_entropy(m.zeros(2, 3), m.tensor([0, 1]), m.ones(2)),
    lambda m, F: F.cross_entropy(m.zeros(2, 3), m.tensor([0, 1]), label_smoothing=1.5),
    sums=True,
)
record(
    "cross_entropy.probabilities",
    lambda m, F, x, t, w=None, **o: F.cross_entropy(x, t, w, **o),
    s.classifications(probabilities=True),
    sums=True,
)
record(
    "cross_entropy.unbatched",
    lambda m, F, x, t: F.cross_entropy(x, t, label_smoothing=0.1) + F.cross_entropy(x, t),
    s.array_of((4,)).map(lambda a: Sample([a, np.array(2)])),
    sums=True,
)
record(
    "nll_loss",
    lambda m, F, x, t, w=None, **o: F.nll_loss(x.contiguous(), t, w, **o),
    s.classifications(smoothing=False),
    lambda m, F: F.nll_loss(m.zeros(2, 3), m.tensor([0, 3])),
    sums=True,
)
record(
    "mse_loss",
    lambda m, F, x, y, **o: F.mse_loss(x, y, **o),
    st.builds(
        lambda a, b, r: Sample([a, b], {"reduction": r}),
        s.array_of((3, 4)),
        s.array_of((3, 4)),
        st.sampled_from(["mean", "sum", "none"]),
    ),
    lambda m, F: F.mse_loss(m.zeros(2), m.zeros(2), reduction="median"),
    sums=True,
)

_reductions = st.sampled_from(["mean", "sum", "none"])


def _two(first: str = "normal", second: str = "normal", **options: Any) -> Any:
    """Return two (3, 4) tensors, a reduction, and other options."""
    return st.builds(
        lambda a, b, r, o: Sample([a, b], {"reduction": r, **o}),
        s.array_of((3, 4), first),
        s.array_of((3, 4), second),
        _reductions,
        st.fixed_dictionaries({name: st.sampled_from(values) for name, values in options.items()}),
    )


def _signs(t: Any) -> Any:
    """Return a target of 1 and −1."""
    return (t > 0).to(t.dtype) * 2 - 1


record("l1_loss", lambda m, F, x, y, **o: F.l1_loss(x, y, **o), _two("ties", "ties"), sums=True)
record(
    "smooth_l1_loss",
    lambda m, F, x, y, **o: F.smooth_l1_loss(x, y, **o),
    _two(beta=[1.0, 0.5, 0.0]),
    lambda m, F: F.smooth_l1_loss(m.zeros(2), m.zeros(2), beta=-1.0),
    sums=True,
)
record(
    "huber_loss",
    lambda m, F, x, y, **o: F.huber_loss(x, y, **o),
    _two(delta=[1.0, 0.5]),
    lambda m, F: F.huber_loss(m.zeros(2), m.zeros(2), delta=0.0),
    sums=True,
)
record(
    "binary_cross_entropy",
    lambda m, F, x, t, **o: F.binary_cross_entropy(x.sigmoid(), t.sigmoid(), **o),
    _two().map(lambda sample: Sample(sample.arrays, {"reduction": "none"})),  # torch adds 1e-12 to p: sums may cancel
    lambda m, F: F.binary_cross_entropy(m.ones(2) * 2, m.zeros(2)),
    lambda m, F: F.binary_cross_entropy(m.zeros(2), m.zeros(3)),
    sums=True,
)
record(
    "binary_cross_entropy_with_logits",
    lambda m, F, x, t, w, **o: F.binary_cross_entropy_with_logits(x * 5, t.sigmoid(), pos_weight=w, **o),
    st.builds(
        lambda x, t, w, r: Sample([x, t, w], {"reduction": r}, constants=(2,)),
        s.array_of((3, 4)),
        s.array_of((3, 4)),
        s.array_of((4,), "positive"),
        _reductions,
    ),
    lambda m, F: F.binary_cross_entropy_with_logits(m.zeros(2), m.zeros(3)),
    sums=True,
)
record(
    "kl_div",
    lambda m, F, x, t, **o: F.kl_div(F.log_softmax(x, 1), F.softmax(t, 1), **o),
    st.builds(
        lambda a, b, r: Sample([a, b], {"reduction": r}),
        s.array_of((3, 4)),
        s.array_of((3, 4)),
        st.sampled_from(["sum", "none", "batchmean"]),
    ),
    sums=True,
)
record(
    "kl_div.log_target",
    lambda m, F, x, t: F.kl_div(F.log_softmax(x, 1), F.log_softmax(t, 1), reduction="sum", log_target=True),
    st.builds(lambda a, b: Sample([a, b]), s.array_of((3, 4)), s.array_of((3, 4))),
    sums=True,
)
record(
    "hinge_embedding_loss",
    lambda m, F, x, t, **o: F.hinge_embedding_loss(x, _signs(t), **o),
    _two(margin=[1.0, 0.3]),
    sums=True,
)
record(
    "margin_ranking_loss",
    lambda m, F, x, y, **o: F.margin_ranking_loss(x, y, _signs(x + y), **o),
    _two(margin=[0.0, 0.5]),
    sums=True,
)
record(
    "cosine_embedding_loss",
    lambda m, F, x, y, **o: F.cosine_embedding_loss(x, y, _signs(x.detach().sum(1)), **o),
    _two(margin=[0.0, 0.3]),
    sums=True,
)
record(
    "triplet_margin_loss",
    lambda m, F, a, p, n, **o: F.triplet_margin_loss(a, p, n, **o),
    st.builds(
        lambda a, p, n, swap, margin: Sample([a, p, n], {"swap": swap, "margin": margin}),
        s.array_of((3, 4)),
        s.array_of((3, 4)),
        s.array_of((3, 4)),
        st.booleans(),
        st.sampled_from([0.5, 2.0]),
    ),
    lambda m, F: F.triplet_margin_loss(m.zeros(2, 2), m.zeros(2, 2), m.zeros(2, 2), margin=0.0),
    sums=True,
)


@st.composite
def _transcriptions(draw: Any) -> Sample:
    """Log-probabilities of sequences, targets with repeated labels, and the lengths of both."""
    steps, items, classes = draw(st.integers(4, 9)), draw(st.integers(1, 3)), draw(st.integers(2, 4))
    random = np.random.default_rng(draw(st.integers(0, 2**20)))
    blank = draw(st.integers(0, classes - 1))
    labels = [c for c in range(classes) if c != blank]
    longest = draw(st.integers(1, 4))
    targets = random.choice(labels, (items, longest))
    target_lengths = random.integers(0, longest + 1, items)
    input_lengths = random.integers(1, steps + 1, items)  # some are too short for their targets
    if draw(st.booleans()):
        targets = np.concatenate([row[:n] for row, n in zip(targets, target_lengths, strict=True)])
    options = {
        "input_lengths": tuple(int(n) for n in input_lengths),
        "target_lengths": tuple(int(n) for n in target_lengths),
        "blank": blank,
        "reduction": draw(st.sampled_from(["none", "mean", "sum"])),
        "zero_infinity": draw(st.booleans()),
    }
    return Sample([random.standard_normal((steps, items, classes)), targets], options)


record(
    "ctc_loss",
    lambda m, F, x, targets, **o: F.ctc_loss(F.log_softmax(x, 2), targets, **o),
    _transcriptions(),
    lambda m, F: F.ctc_loss(m.zeros(3, 1, 2), m.tensor([[1]]), (4,), (1,)),
    lambda m, F: F.ctc_loss(m.zeros(3, 1, 2), m.tensor([[1]]), (3, 3), (1,)),
    lambda m, F: F.ctc_loss(m.zeros(3, 1, 2), m.tensor([[1]]), (3,), (1,), blank=2),
    second=False,
    sums=True,
)

record(
    "losses.weighted",
    lambda m, F, x, y, w, reduction: F.huber_loss(x, y, reduction, 0.7, w) + F.mse_loss(x, y, None, None, reduction, w),
    st.builds(
        lambda a, b, w, r: Sample([a, b, w], {"reduction": r}),
        s.array_of((3, 4)),
        s.array_of((3, 4)),
        s.array_of((3, 4), "positive"),
        _reductions,
    ),
    lambda m, F: F.huber_loss(m.zeros(2), m.zeros(2), weight=m.zeros(3)),
    lambda m, F: F.mse_loss(m.zeros(2), m.zeros(2), weight=m.zeros(3)),
    sums=True,
)
