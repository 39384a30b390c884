"""The GRU, reset after and before the product: value by hand, laws, gradients, torch."""

import numpy as np
import pytest
import torch
from cell_laws import B, Cell, D, H, close, laws, layouts, torch_parity

from rnnlib.gradcheck import check_gradients
from rnnlib.scratch.gru import gru_backward, gru_forward, gru_step

WEIGHTS = {"W_x": "D 3H", "W_h": "H 3H", "b_x": "3H", "b_h": "3H"}
AFTER = Cell("gru-after", gru_step, gru_forward, gru_backward, WEIGHTS)
BEFORE = Cell("gru-before", gru_step, gru_forward, gru_backward, WEIGHTS, options={"reset": "before"})


@laws(AFTER, BEFORE)
class TestLaws:
    pass


@layouts
def test_torch_gives_the_same(lengths, reverse):
    torch_parity(AFTER, torch.nn.GRU(D, H, batch_first=True), AFTER.arrays(), lengths, reverse)


@pytest.mark.parametrize("cell", [AFTER, BEFORE], ids=["after", "before"])
def test_central_differences_agree_too(cell):
    arrays, grads_in = cell.arrays(), cell.grads_in()
    _, _, tape = cell.run(arrays)
    check_gradients(cell.loss(grads_in), arrays, cell.back(grads_in, tape), tol=1e-7, samples=5)


def by_hand(h, b_x=(0, 0, 0), b_h=(0, 0, 0), w_n=0.0, reset="after"):
    """The new state of a cell of width 1 whose weights are zero but for the recurrent one of n."""
    W_h = np.array([[0.0, 0.0, w_n]])
    b_x, b_h = np.array(b_x, float), np.array(b_h, float)
    return gru_step(np.zeros((1, 1)), np.full((1, 1), float(h)), np.zeros((1, 3)), W_h, b_x, b_h, reset).item()


@pytest.mark.parametrize("reset", ["after", "before"])
def test_each_gate_does_its_own_work(reset):
    assert by_hand(3, b_x=(0, 50, 9), reset=reset) == 3  # z open: the old state stays
    assert by_hand(3, b_x=(0, -50, 9), reset=reset) == np.tanh(9)  # z shut: n takes its place
    assert by_hand(3, b_h=(50, -50, 0), w_n=0.25, reset=reset) == np.tanh(0.75)  # r open: n sees the old state
    assert by_hand(3, b_h=(-800, -50, 0), w_n=0.25, reset=reset) == 0  # r shut: it does not


def test_the_two_resets_differ_in_the_bias_they_shut_out():
    shut = {"h": 3, "b_h": (-800, -50, 0.5), "w_n": 0.25}
    assert by_hand(**shut, reset="after") == 0  # r multiplies the recurrent bias as well
    assert by_hand(**shut, reset="before") == np.tanh(0.5)  # the bias stays


def test_an_open_update_gate_carries_state_and_gradient_unchanged():
    T, h_0 = 200, AFTER.arrays()["h_0"]
    zero, b = np.zeros, np.repeat([0.0, 60.0, 0.0], H)
    for reset in ("after", "before"):
        _, h_T, tape = gru_forward(zero((B, T, D)), zero((D, 3 * H)), zero((H, 3 * H)), b, 0 * b, h_0, reset=reset)
        close(h_T, h_0, tol=1e-15)
        close(gru_backward(None, tape, h_0)["h_0"], h_0, tol=1e-15)


def test_reset_is_one_of_two():
    a = AFTER.arrays()
    with pytest.raises(ValueError, match="reset: expected one of 'after', 'before', got True"):
        gru_forward(*(a[n] for n in ("x", *WEIGHTS)), reset=True)
    with pytest.raises(ValueError, match="reset: expected one of"):
        gru_step(a["x"][:, 0], a["h_0"], *(a[n] for n in WEIGHTS), reset="never")
