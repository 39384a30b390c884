"""The vanilla RNN: value by hand, laws, gradients, torch."""

import numpy as np
import pytest
import torch
from cell_laws import Cell, D, H, close, laws, layouts, torch_parity

from rnnlib.scratch.rnn import rnn_backward, rnn_forward, rnn_step

WEIGHTS = {"W_xh": "D H", "W_hh": "H H", "b_h": "H"}
TANH = Cell("rnn-tanh", rnn_step, rnn_forward, rnn_backward, WEIGHTS)
RELU = Cell("rnn-relu", rnn_step, rnn_forward, rnn_backward, WEIGHTS, options={"activation": "relu"})


@laws(TANH, RELU)
class TestLaws:
    pass


@layouts
@pytest.mark.parametrize("cell", [TANH, RELU], ids=["tanh", "relu"])
def test_torch_gives_the_same(cell, lengths, reverse):
    module = torch.nn.RNN(D, H, batch_first=True, nonlinearity=cell.options.get("activation", "tanh"))
    torch_parity(cell, module, cell.arrays(), lengths, reverse)


def test_two_steps_on_paper():
    one = np.ones((1, 1))
    x = np.array([[[2.0], [-1.0]]])
    h_seq, h_T, tape = rnn_forward(x, one, 3 * one, np.zeros(1), activation="relu")
    assert h_seq.tolist() == [[[2.0], [5.0]]]  # relu(2), relu(-1 + 3 * 2)
    grads = rnn_backward(None, tape, np.ones((1, 1)))
    assert {k: v.ravel().tolist() for k, v in grads.items()} == {"x": [3, 1], "W_xh": [5], "W_hh": [2], "b_h": [4], "h_0": [9]}
    assert h_T.tolist() == [[5.0]]


def test_relu_gives_no_negative_zero():
    h = rnn_step(-np.ones((1, 1)), np.zeros((1, 1)), np.ones((1, 1)), np.ones((1, 1)), np.zeros(1), "relu")
    assert not np.signbit(h).any()


def test_an_exploding_relu_state_stays_out_of_the_padding():
    x, W = np.ones((2, 3000, 1), np.float32), np.full((1, 1), 3, np.float32)
    h_seq, _, tape = rnn_forward(x, W, W, np.ones(1, np.float32), activation="relu", lengths=np.array([4, 5]))
    grads = rnn_backward(np.ones_like(h_seq), tape)
    assert all(np.isfinite(v).all() for v in grads.values())


def test_activation_is_one_of_two():
    arrays = TANH.arrays()
    with pytest.raises(ValueError, match="activation: expected one of 'tanh', 'relu', got 'sigmoid'"):
        rnn_forward(*(arrays[n] for n in ("x", *WEIGHTS)), activation="sigmoid")
    with pytest.raises(ValueError, match="activation: expected one of"):
        rnn_step(arrays["x"][:, 0], arrays["h_0"], *(arrays[n] for n in WEIGHTS), "sigmoid")


def test_identity_weights_carry_the_state_for_ever():
    h_0 = np.abs(TANH.arrays()["h_0"])
    h_seq, _, _ = rnn_forward(np.zeros((4, 50, D)), np.zeros((D, H)), np.eye(H), np.zeros(H), h_0, activation="relu")
    close(h_seq[:, -1], h_0, tol=0)
