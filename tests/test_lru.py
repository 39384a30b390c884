"""The linear recurrent unit: complex states, real parameters, real output."""

import numpy as np
import pytest
import torch
from places import back, everywhere, put

from rnnlib.gradcheck import check_gradients
from rnnlib.scratch.lru import lru_backward, lru_forward

TOLERANCE, DIFFERENCES = 1e-12, 1e-6  # against torch; of central differences
B, T, E, N = 3, 11, 4, 6
LENGTHS = np.array([11, 5, 1])


def case(seed=0):
    rng = np.random.default_rng(seed)
    shapes = {"x": (B, T, E), "nu": (N,), "theta": (N,), "gamma": (N,), "B_re": (E, N), "B_im": (E, N)}
    shapes |= {"C_re": (N, E), "C_im": (N, E), "D": (E,)}
    params = {name: 0.5 * rng.normal(size=shape) for name, shape in shapes.items()}
    h_0, dh_T = (rng.normal(size=(B, N)) + 1j * rng.normal(size=(B, N)) for _ in range(2))
    return params, h_0, rng.normal(size=(B, T, E)), dh_T


@everywhere
@pytest.mark.parametrize("method", ["auto", "loop", "chunked"])
def test_torch_agrees(place, method):
    params, h_0, dy, dh_T = case()
    p = {name: torch.tensor(v, requires_grad=True) for name, v in (params | {"h_0": h_0}).items()}
    decay = torch.exp(torch.complex(-torch.exp(p["nu"]), torch.exp(p["theta"])))
    B_in, C_out = torch.complex(p["B_re"], p["B_im"]), torch.complex(p["C_re"], p["C_im"])
    h, outputs = p["h_0"], []
    for x_t in p["x"].unbind(1):
        h = decay * h + torch.exp(p["gamma"]) * (x_t.to(B_in.dtype) @ B_in)
        outputs.append((h @ C_out).real + p["D"] * x_t)
    want = torch.stack(outputs, 1)
    ((want * torch.tensor(dy)).sum() + (h * torch.tensor(dh_T).conj()).real.sum()).backward()
    arguments = {name: put(place, v) for name, v in (params | {"h_0": h_0}).items()}
    y, h_T, tape = lru_forward(**arguments, method=method)
    np.testing.assert_allclose(back(y), want.detach().numpy(), atol=TOLERANCE)
    np.testing.assert_allclose(back(h_T), h.detach().numpy(), atol=TOLERANCE)
    grads = back(lru_backward(put(place, dy), tape, put(place, dh_T)))
    for name, leaf in p.items():
        np.testing.assert_allclose(grads[name], leaf.grad.numpy(), atol=TOLERANCE, err_msg=name)


@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_with_lengths(reverse):
    params, h_0, dy, _ = case()
    options = {"h_0": h_0, "lengths": LENGTHS, "reverse": reverse}
    grads = lru_backward(dy, lru_forward(**params, **options)[2])
    grads = {name: grads[name] for name in params}  # h_0 is complex
    check_gradients(lambda **p: (lru_forward(**p, **options)[0] * dy).sum(), params, grads, tol=DIFFERENCES)


def test_one_unit_by_hand():
    """Decay 1/2, a turn by 90 degrees, read-out of both parts: 1, then i/2, then -1/4."""
    one, none = np.ones((1, 1)), np.zeros((1, 1))
    args = {"nu": np.log([np.log(2.0)]), "theta": np.log([np.pi / 2]), "gamma": np.zeros(1), "B_re": one, "B_im": none, "D": np.zeros(1)}
    x = np.array([[[1.0], [0.0], [0.0]]])
    real, h_T, _ = lru_forward(x, **args, C_re=one, C_im=none)
    imaginary, _, _ = lru_forward(x, **args, C_re=none, C_im=-one)
    np.testing.assert_allclose(real[0, :, 0], [1, 0, -0.25], atol=TOLERANCE)
    np.testing.assert_allclose(imaginary[0, :, 0], [0, 0.5, 0], atol=TOLERANCE)
    np.testing.assert_allclose(h_T, [[-0.25]], atol=TOLERANCE)


def test_padding_changes_nothing():
    params, h_0, _, _ = case()
    y, h_T, _ = lru_forward(**params, h_0=h_0, lengths=LENGTHS)
    for row, length in enumerate(LENGTHS):
        alone, alone_T, _ = lru_forward(**params | {"x": params["x"][row : row + 1, :length]}, h_0=h_0[row : row + 1])
        np.testing.assert_allclose(y[row, :length], alone[0], atol=TOLERANCE)
        np.testing.assert_allclose(h_T[row], alone_T[0], atol=TOLERANCE)
        assert not y[row, length:].any()


def test_the_state_decays_whatever_the_parameters():
    params, *_ = case()
    x = np.zeros((1, 400, E))
    _, h_T, _ = lru_forward(**params | {"x": x}, h_0=np.ones((1, N), complex))
    assert np.abs(h_T).max() < 1


def test_errors_name_the_argument():
    params, h_0, dy, _ = case()
    with pytest.raises(ValueError, match=r"theta: expected shape \(6,\), got \(5,\)"):
        lru_forward(**params | {"theta": params["theta"][1:]})
    with pytest.raises(TypeError, match="h_0: expected dtype complex128, got float64"):
        lru_forward(**params, h_0=h_0.real)
    with pytest.raises(ValueError, match=r"dy_seq: expected shape \(3, 11, 4\), got \(3, 10, 4\)"):
        lru_backward(dy[:, 1:], lru_forward(**params)[2])
