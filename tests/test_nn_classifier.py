"""Many to one: what is read out, what padding may not change, and a task that needs the whole sequence."""

import itertools

import numpy as np
import pytest
import torch

from rnnlib.nn import SequenceClassifier
from rnnlib.train import fit

B, T, D, H, C = 5, 7, 3, 6, 4
TOL = 1e-12  # float64, absolute
LENGTHS = np.array([7, 1, 4, 5, 2])
KINDS = list(itertools.product(("rnn", "lstm", "gru"), ("last", "mean"), (1, 2), (False, True)))


def make(cell="gru", pool="last", num_layers=1, bidirectional=False, **options):
    torch.manual_seed(3)
    return SequenceClassifier(D, H, C, cell=cell, pool=pool, num_layers=num_layers, bidirectional=bidirectional, **options).double()


def inputs():
    return torch.from_numpy(np.random.default_rng(0).standard_normal((B, T, D)))


def close(a, b):
    torch.testing.assert_close(a, b, rtol=0, atol=TOL)


@pytest.mark.parametrize("cell, pool, num_layers, bidirectional", KINDS)
def test_a_padded_batch_is_its_rows_one_by_one(cell, pool, num_layers, bidirectional):
    model, x = make(cell, pool, num_layers, bidirectional), inputs()
    logits = model(x, LENGTHS)
    assert logits.shape == (B, C)
    close(logits, torch.cat([model(x[b : b + 1, :n]) for b, n in enumerate(LENGTHS)]))
    garbage = x.clone()
    for b, n in enumerate(LENGTHS):
        garbage[b, n:] = 1e9
    close(model(garbage, torch.from_numpy(LENGTHS)), logits)
    model.loss(x, torch.arange(B) % C, LENGTHS).backward()
    assert all(p.grad.any() for p in model.parameters())


def test_the_last_state_of_both_directions_is_read():
    model, x = make("lstm", bidirectional=True), inputs()
    h_seq, _ = model.layer(x)
    s = torch.cat([h_seq[:, -1, :H], h_seq[:, 0, H:]], 1)  # the reverse one ends at the first step
    close(model(x), s @ model.W_hy + model.b_y)


def test_ids_are_one_hot_vectors():
    model, ids = make(), torch.from_numpy(np.random.default_rng(1).integers(0, D, (B, T)))
    close(model(ids, LENGTHS), model(torch.eye(D, dtype=torch.float64)[ids], LENGTHS))


def test_loss_and_accuracy_of_a_model_that_knows_nothing():
    model = make("rnn", dropout=0.5)
    for p in model.parameters():
        p.data.zero_()
    model.b_y.data[2] = 1e-9
    assert model.loss(inputs(), torch.arange(B) % C).item() == pytest.approx(np.log(C))
    assert model.accuracy(inputs().numpy(), [2, 2, 0, 1, 2]) == pytest.approx(3 / 5) and model.training


def test_it_learns_which_of_two_marks_came_first():
    torch.manual_seed(0)
    model = SequenceClassifier(D, 12, 2)

    def batch(rng, B=40):
        ids, label = np.zeros((B, T), int), rng.integers(0, 2, B)
        ids[:, 1], ids[:, 4] = 1 + label, 2 - label
        return ids, label

    def batches(epoch):
        rng = np.random.default_rng([2, epoch])
        return [batch(rng) for _ in range(30)]

    fit(model, batches, SequenceClassifier.loss, epochs=4, lr=0.02, progress=False)
    assert model.accuracy(*batch(np.random.default_rng(7), 200)) == 1.0


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: SequenceClassifier(D, H, 1), ValueError, "n_classes: expected a number >= 2, got 1"),
        (lambda: make("grru"), ValueError, "cell: expected one of"),
        (lambda: make(pool="max"), ValueError, "pool: expected one of 'last', 'mean', got 'max'"),
        (lambda: make()(inputs()[0]), ValueError, r"x: expected shape \(B, T, 3\), got \(7, 3\)"),
        (lambda: make()(torch.full((B, T), D)), ValueError, "x: expected ids between 0 and 2"),
        (lambda: make().loss(inputs(), torch.full((B,), C)), ValueError, "labels: expected ids between 0 and 3"),
        (lambda: make().loss(inputs(), torch.zeros(B - 1, dtype=torch.int64)), ValueError, r"labels: expected shape \(5,\), got \(4,\)"),
        (lambda: make()(inputs(), LENGTHS + 1), ValueError, "lengths: expected values between 1 and T = 7"),
    ],
)
def test_errors_name_the_argument(call, error, text):
    with pytest.raises(error, match=text):
        call()
