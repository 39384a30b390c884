"""The linear recurrence: in pieces it is what it is step by step."""

import numpy as np
import pytest
import torch
from places import back, everywhere, put

from rnnlib.gradcheck import complex_step
from rnnlib.scratch.scan import scan, scan_backward

TOLERANCE = 1e-12  # float64 against float64
B, T, H = 3, 17, 5  # T is no square: the last piece is filled up


def case(T=T, dtype=float, seed=0):
    rng = np.random.default_rng(seed)
    a, b, h_0, dh_seq = (rng.normal(size=s) for s in ((B, T, H), (B, T, H), (B, H), (B, T, H)))
    if dtype is complex:
        a, b, h_0, dh_seq = (v + 1j * rng.normal(size=v.shape) for v in (a, b, h_0, dh_seq))
    return 0.7 * a, b, h_0, dh_seq


def test_by_hand():
    a, b = np.array([[[2.0], [3.0], [0.5]]]), np.array([[[1.0], [0.0], [4.0]]])
    for method in ("loop", "chunked"):
        assert scan(a, b, np.array([[5.0]]), method)[0][0, :, 0].tolist() == [11.0, 33.0, 20.5]


@everywhere
@pytest.mark.parametrize("length", [1, 2, 15, 16, T, 40])
def test_pieces_are_steps(place, length):
    a, b, h_0, dh_seq = put(place, *case(length))
    steps, steps_tape = scan(a, b, h_0, "loop")
    pieces, pieces_tape = scan(a, b, h_0, "chunked")
    chosen, _ = scan(a, b, h_0)
    np.testing.assert_allclose(back(pieces), back(steps), atol=TOLERANCE, rtol=TOLERANCE)
    np.testing.assert_allclose(back(chosen), back(steps), atol=TOLERANCE, rtol=TOLERANCE)
    want, got = back(scan_backward(dh_seq, steps_tape)), back(scan_backward(dh_seq, pieces_tape))
    for name in ("a", "b", "h_0"):
        np.testing.assert_allclose(got[name], want[name], atol=TOLERANCE, rtol=TOLERANCE)


@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize("method", ["loop", "chunked"])
def test_torch_agrees(dtype, method):
    a, b, h_0, dh_seq = case(dtype=dtype)
    h_seq, tape = scan(a, b, h_0, method)
    grads = scan_backward(dh_seq, tape)
    leaves = [torch.tensor(v, requires_grad=True) for v in (a, b, h_0)]
    h, states = leaves[2], []
    for t in range(T):
        h = leaves[0][:, t] * h + leaves[1][:, t]
        states.append(h)
    torch.stack(states, 1).backward(torch.tensor(dh_seq))
    np.testing.assert_allclose(h_seq, torch.stack(states, 1).detach().numpy(), atol=TOLERANCE)
    for leaf, name in zip(leaves, ("a", "b", "h_0"), strict=True):
        np.testing.assert_allclose(grads[name], leaf.grad.numpy(), atol=TOLERANCE)


def test_complex_step():
    a, b, h_0, dh_seq = case()
    grads = scan_backward(dh_seq, scan(a, b, h_0)[1])
    params = {"a": a, "b": b, "h_0": h_0}
    complex_step(lambda **p: (scan(**p)[0] * dh_seq).sum(), params, grads)


def test_no_state_is_a_zero_state_and_nothing_is_changed():
    a, b, h_0, _ = case()
    kept = a.copy(), b.copy(), h_0.copy()
    np.testing.assert_array_equal(scan(a, b)[0], scan(a, b, 0 * h_0)[0])
    scan(a, b, h_0, "chunked")
    for now, before in zip((a, b, h_0), kept, strict=True):
        np.testing.assert_array_equal(now, before)
    np.testing.assert_allclose(scan(np.asfortranarray(a), b[:, ::-1][:, ::-1], h_0)[0], scan(a, b, h_0)[0], atol=TOLERANCE)
    assert scan(*(v.astype(np.float32) for v in (a, b, h_0)))[0].dtype == np.float32


def test_a_later_step_changes_nothing_before():
    a, b, h_0, _ = case()
    changed = b.copy()
    changed[:, 9:] += 1
    for method in ("loop", "chunked"):
        np.testing.assert_allclose(scan(a, changed, h_0, method)[0][:, :9], scan(a, b, h_0, method)[0][:, :9], atol=TOLERANCE)


def test_errors_name_the_argument():
    a, b, h_0, dh_seq = case()
    with pytest.raises(ValueError, match=r"b: expected shape \(3, 17, 5\), got \(3, 16, 5\)"):
        scan(a, b[:, 1:])
    with pytest.raises(ValueError, match=r"h_0: expected shape \(3, 5\), got \(2, 5\)"):
        scan(a, b, h_0[1:])
    with pytest.raises(ValueError, match="method: expected one of 'auto', 'loop', 'chunked', got 'tree'"):
        scan(a, b, method="tree")
    with pytest.raises(TypeError, match="b: expected dtype float64, got float32"):
        scan(a, b.astype(np.float32))
    with pytest.raises(TypeError, match="tape: expected the tape of a scan_forward, got dict"):
        scan_backward(dh_seq, {})
