"""minGRU and minLSTM, step by step and in pieces."""

import numpy as np
import pytest
import torch
from places import back, everywhere, put

from rnnlib.gradcheck import complex_step
from rnnlib.scratch.min_rnn import min_gru_backward, min_gru_forward, min_lstm_backward, min_lstm_forward

TOLERANCE = 1e-12
B, T, D, H = 4, 19, 5, 6
LENGTHS = np.array([19, 7, 1, 12])
CELLS = {"gru": (min_gru_forward, min_gru_backward, 2), "lstm": (min_lstm_forward, min_lstm_backward, 3)}
both = pytest.mark.parametrize("cell", CELLS)


def case(cell, T=T, seed=0):
    rng, k = np.random.default_rng(seed), CELLS[cell][2]
    shapes = {"x": (B, T, D), "W_x": (D, k * H), "b": (k * H,), "h_0": (B, H)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}, rng.normal(size=(B, T, H)), rng.normal(size=(B, H))


def reference(cell, p):
    """The equations, one step after the other, in torch."""
    h, states = p["h_0"], []
    for x_t in p["x"].unbind(1):
        blocks = (x_t @ p["W_x"] + p["b"]).split(H, 1)
        if cell == "gru":
            z = torch.sigmoid(blocks[0])
            h = z * h + (1 - z) * blocks[1]
        else:
            i, f = torch.sigmoid(blocks[0]), torch.sigmoid(blocks[1])
            h = f / (f + i) * h + i / (f + i) * blocks[2]
        states.append(h)
    return torch.stack(states, 1), h


@both
@everywhere
@pytest.mark.parametrize("method", ["auto", "loop", "chunked"])
def test_torch_agrees(cell, place, method):
    forward, backward, _ = CELLS[cell]
    params, dh_seq, dh_T = case(cell)
    leaves = {name: torch.tensor(v, requires_grad=True) for name, v in params.items()}
    want_seq, want_T = reference(cell, leaves)
    ((want_seq * torch.tensor(dh_seq)).sum() + (want_T * torch.tensor(dh_T)).sum()).backward()
    h_seq, h_T, tape = forward(**{name: put(place, v) for name, v in params.items()}, method=method)
    grads = back(backward(put(place, dh_seq), tape, put(place, dh_T)))
    np.testing.assert_allclose(back(h_seq), want_seq.detach().numpy(), atol=TOLERANCE)
    np.testing.assert_allclose(back(h_T), want_T.detach().numpy(), atol=TOLERANCE)
    for name, leaf in leaves.items():
        np.testing.assert_allclose(grads[name], leaf.grad.numpy(), atol=TOLERANCE)


@both
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("method", ["loop", "chunked"])
def test_gradients_with_lengths(cell, reverse, method):
    forward, backward, _ = CELLS[cell]
    params, dh_seq, dh_T = case(cell)
    options = {"lengths": LENGTHS, "reverse": reverse, "method": method}

    def loss(**p):
        h_seq, h_T, _ = forward(**p, **options)
        return (h_seq * dh_seq).sum() + (h_T * dh_T).sum()

    grads = backward(dh_seq, forward(**params, **options)[2], dh_T)
    complex_step(loss, params, grads)
    for row, length in enumerate(LENGTHS):
        assert not grads["x"][row, length:].any()


@both
@pytest.mark.parametrize("reverse", [False, True])
def test_padding_changes_nothing(cell, reverse):
    forward = CELLS[cell][0]
    params, *_ = case(cell)
    h_seq, h_T, _ = forward(**params, lengths=LENGTHS, reverse=reverse)
    for row, length in enumerate(LENGTHS):
        one = params | {"x": params["x"][row : row + 1, :length], "h_0": params["h_0"][row : row + 1]}
        alone_seq, alone_T, _ = forward(**one, reverse=reverse)
        np.testing.assert_allclose(h_seq[row, :length], alone_seq[0], atol=TOLERANCE)
        np.testing.assert_allclose(h_T[row], alone_T[0], atol=TOLERANCE)
        assert not h_seq[row, length:].any()


@both
def test_gates_by_hand(cell):
    """With z (or f) shut the state is the candidate; with it open and the other shut it is the state before."""
    k, big = CELLS[cell][2], 60.0
    x, W_x = np.ones((1, 2, 1)), np.zeros((1, k))
    write, keep = ([-big, 3.0], [big, 3.0]) if cell == "gru" else ([0.0, -big, 3.0], [-big, 0.0, 3.0])
    for bias, want in ((write, 3.0), (keep, 7.0)):
        _, h_T, _ = CELLS[cell][0](x, W_x, np.array(bias), np.array([[7.0]]))
        assert h_T.item() == pytest.approx(want, abs=1e-12)


@both
def test_errors_name_the_argument(cell):
    forward, _, k = CELLS[cell]
    params, *_ = case(cell)
    with pytest.raises(ValueError, match=r"W_x: expected shape \(5, "):
        forward(**params | {"W_x": params["W_x"][1:]})
    with pytest.raises(ValueError, match=rf"b: expected shape \({k * H},\), got \({k * H - 1},\)"):
        forward(**params | {"b": params["b"][1:]})
    with pytest.raises(ValueError, match="lengths: expected values between 1 and T = 19, got values from 0 to 19"):
        forward(**params, lengths=np.array([19, 0, 1, 1]))
    with pytest.raises(ValueError, match="x: expected finite numbers, got NaN or infinity"):
        forward(**params | {"x": params["x"] * np.nan})
