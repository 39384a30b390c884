"""The LSTM, with and without peepholes: value by hand, laws, gradients, torch."""

import numpy as np
import pytest
import torch
from cell_laws import Cell, D, H, close, laws, layouts, torch_parity

from rnnlib.gradcheck import check_gradients
from rnnlib.scratch.lstm import lstm_backward, lstm_forward, lstm_step

WEIGHTS = {"W_x": "D 4H", "W_h": "H 4H", "b": "4H"}
PEEPHOLES = ("p_i", "p_f", "p_o")
PLAIN = Cell("lstm", lstm_step, lstm_forward, lstm_backward, WEIGHTS, ("h_0", "c_0"))
PEEPHOLE = Cell(
    "lstm-peepholes", lstm_step, lstm_forward, lstm_backward, WEIGHTS | dict.fromkeys(PEEPHOLES, "H"), ("h_0", "c_0"), peepholes=PEEPHOLES
)


@laws(PLAIN, PEEPHOLE)
class TestLaws:
    pass


@layouts
def test_torch_gives_the_same(lengths, reverse):
    torch_parity(PLAIN, torch.nn.LSTM(D, H, batch_first=True), PLAIN.arrays(), lengths, reverse)


def test_central_differences_agree_too():
    arrays, grads_in = PEEPHOLE.arrays(), PEEPHOLE.grads_in()
    _, _, tape = PEEPHOLE.run(arrays)
    check_gradients(PEEPHOLE.loss(grads_in), arrays, PEEPHOLE.back(grads_in, tape), tol=1e-7, samples=5)


def by_hand(block, value, x=0.0, c=0.0, peepholes=None):
    """h and c after one step of a cell of width 1 whose weights are zero but for the bias of one block."""
    b = np.zeros(4)
    b[block] = value
    zero = np.zeros((1, 1))
    h, c = lstm_step(zero + x, zero, zero + c, np.zeros((1, 4)), np.zeros((1, 4)), b, peepholes)
    return h.item(), c.item()


def test_each_gate_does_its_own_work():
    assert by_hand(0, 50, c=2) == (0.5 * np.tanh(1), 1)  # i open, but g is 0: half of the memory is kept
    assert by_hand(1, 50, c=2) == (0.5 * np.tanh(2), 2)  # f open: the memory is kept
    assert by_hand(1, -50, c=2)[1] == pytest.approx(0, abs=1e-15)  # f shut: forgotten
    assert by_hand(2, 50, c=2) == (0.5 * np.tanh(1.5), 1.5)  # g is 1 and half of it comes in
    assert by_hand(3, 50, c=2) == (np.tanh(1), 1)  # o open: all of it shows
    assert by_hand(3, -50, c=2)[0] == pytest.approx(0, abs=1e-15)  # o shut: nothing shows


def test_each_peephole_looks_at_its_own_state():
    p, zero = np.array([100.0]), np.zeros(1)
    assert by_hand(2, 50, c=2, peepholes=(p, zero, zero))[1] == 2  # i opens: 1 comes in, half of 2 stays
    assert by_hand(2, 50, c=2, peepholes=(zero, p, zero))[1] == 2.5  # f opens: 2 stays, half of 1 comes in
    assert by_hand(2, 50, c=2, peepholes=(zero, zero, p)) == (np.tanh(1.5), 1.5)  # o opens
    # p_o looks at the new memory: the old one is 0 here and would leave the gate half open
    assert by_hand(2, 50, c=0, peepholes=(zero, zero, p)) == (np.tanh(0.5), 0.5)


def test_zero_peepholes_are_no_peepholes():
    arrays = PEEPHOLE.arrays() | dict.fromkeys(PEEPHOLES, np.zeros(H))
    close(PEEPHOLE.run(arrays)[0], PLAIN.run(arrays)[0])


def test_an_open_cell_carries_memory_and_gradient_unchanged():
    T, c_0 = 200, np.array([[1.0, -2.0]])
    b = np.repeat([-60.0, 60.0, 0.0, 0.0], 2)  # i shut, f open
    zero = np.zeros
    _, (_, c_T), tape = lstm_forward(zero((1, T, 3)), zero((3, 8)), zero((2, 8)), b, (zero((1, 2)), c_0))
    close(c_T, c_0, tol=1e-15)
    close(lstm_backward(None, tape, (None, c_0))["c_0"], c_0, tol=1e-15)


def test_extreme_pre_activations_do_not_overflow():
    arrays = {k: 1e4 * v for k, v in PLAIN.arrays().items()}
    out = PLAIN.run({k: v.astype(np.float32) for k, v in arrays.items()})
    assert np.isfinite(out[0]).all()


def test_bad_tuples_are_named():
    a = PEEPHOLE.arrays()
    weights = [a[n] for n in WEIGHTS]
    with pytest.raises(TypeError, match=r"state: expected a tuple \(h_0, c_0\), got ndarray"):
        lstm_forward(a["x"], *weights, a["h_0"])
    with pytest.raises(ValueError, match=r"state: expected a tuple \(h_0, c_0\), got 3 entries"):
        lstm_forward(a["x"], *weights, (a["h_0"],) * 3)
    with pytest.raises(TypeError, match=r"peepholes: expected a tuple \(p_i, p_f, p_o\), got ndarray"):
        lstm_forward(a["x"], *weights, peepholes=a["p_i"])
    with pytest.raises(ValueError, match=r"peepholes: expected a tuple \(p_i, p_f, p_o\), got 2 entries"):
        lstm_step(a["x"][:, 0], a["h_0"], a["c_0"], *weights, (a["p_i"],) * 2)
    with pytest.raises(TypeError, match=r"dstate: expected a tuple \(dh_T, dc_T\), got ndarray"):
        lstm_backward(None, lstm_forward(a["x"], *weights)[2], a["h_0"])
