"""What every cell must obey, whatever its equations. `laws(cells)` makes the tests of a file for its cells."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from places import back, everywhere, put

from rnnlib.arrays import copy, zeros
from rnnlib.gradcheck import complex_step
from rnnlib.scratch import sequence
from rnnlib.scratch.sequence import flip_valid

EXACT = 1e-12  # two float64 computations of the same number
STEP = 1e-14  # complex step
SINGLE = 2e-5  # float32 against float64
B, T, D, H = 4, 6, 3, 5
LENGTHS = np.array([3, 6, 1, 5])
LAYOUTS = [(None, False), (None, True), (LENGTHS, False), (LENGTHS, True)]
layouts = pytest.mark.parametrize("lengths, reverse", LAYOUTS, ids=["full", "full-reverse", "lengths", "lengths-reverse"])


@dataclass(frozen=True)
class Cell:
    """A cell under test: its three functions and how its dict of arrays becomes their arguments."""

    name: str
    step: object
    forward: object
    backward: object
    weights: dict  # name -> shape in words, "D 4H"
    states: tuple = ("h_0",)
    options: dict = field(default_factory=dict)
    peepholes: tuple = ()

    def arrays(self, B=B, T=T, D=D, H=H, seed=0):
        """Random input, initial state and parameters."""
        rng, sizes = np.random.default_rng(seed), {"D": D, "H": H, "3H": 3 * H, "4H": 4 * H}
        draw = rng.standard_normal
        arrays = {"x": draw((B, T, D))} | {s: draw((B, H)) for s in self.states}
        return arrays | {w: 0.7 * draw([sizes[n] for n in words.split()]) for w, words in self.weights.items()}

    def grads_in(self, B=B, T=T, H=H, seed=1):
        """Random gradients with respect to ``h_seq`` and to each final state."""
        draw = np.random.default_rng(seed).standard_normal
        return draw((B, T, H)), *(draw((B, H)) for _ in self.states)

    def _call(self, function, arrays, *first, **kw):
        names = [w for w in self.weights if w not in self.peepholes]
        if self.peepholes:
            kw["peepholes"] = tuple(arrays[p] for p in self.peepholes)
        return function(*first, *(arrays[w] for w in names), **kw, **self.options)

    def run(self, arrays, **kw):
        """``h_seq, final states, tape`` of the forward pass; without a state where ``arrays`` holds none."""
        state = None
        if "h_0" in arrays:
            state = tuple(arrays[s] for s in self.states)
        if len(self.states) == 1:
            h_seq, h_T, tape = self._call(self.forward, arrays, arrays["x"], h_0=state and state[0], **kw)
            return h_seq, (h_T,), tape
        return self._call(self.forward, arrays, arrays["x"], state=state, **kw)

    def advance(self, x_t, state, arrays):
        out = self._call(self.step, arrays, x_t, *state)
        return out if len(self.states) > 1 else (out,)

    def back(self, grads_in, tape):
        dh_seq, *dstate = grads_in
        return self.backward(dh_seq, tape, tuple(dstate) if len(dstate) > 1 else dstate[0])

    def loss(self, grads_in, **kw):
        """A loss of all outputs and final states whose gradients are ``grads_in``: what the checkers differentiate."""

        def f(**arrays):
            h_seq, state, _ = self.run(arrays, **kw)
            return sum((value * d).sum() for value, d in zip((h_seq, *state), grads_in, strict=True))

        return f


def close(a, b, tol=EXACT):
    """Equal to ``tol`` relative to the largest entry."""
    a, b = back(a), back(b)
    assert a.shape == b.shape
    assert np.abs(a - b).max() <= tol * max(1, np.abs(b).max())


def all_close(a, b, tol=EXACT):
    assert set(a) == set(b)
    for name in a:
        close(a[name], b[name], tol)


def both(cell, arrays, grads_in, **kw):
    """Outputs, final states and gradients of one forward and backward pass as one dict."""
    h_seq, state, tape = cell.run(arrays, **kw)
    grads = cell.back(grads_in, tape)
    return {"h_seq": h_seq} | {f"final {s}": v for s, v in zip(cell.states, state, strict=True)} | grads


def laws(*cells):
    """Decorator of an empty class: the tests of every law, for each of ``cells``."""

    def fill(cls):
        for name, value in vars(Laws).items():
            if name.startswith("test_"):
                setattr(cls, name, value)
        return pytest.mark.parametrize("cell", cells, ids=[c.name for c in cells])(cls)

    return fill


class Laws:
    @everywhere
    @layouts
    def test_shapes_dtypes_and_homes(self, cell, place, lengths, reverse):
        arrays = cell.arrays()
        for dtype in (np.float32, np.float64):
            here = {k: put(place, v.astype(dtype)) for k, v in arrays.items()}
            out = both(cell, here, [put(place, v.astype(dtype)) for v in cell.grads_in()], lengths=lengths, reverse=reverse)
            assert out["h_seq"].shape == (B, T, H)
            for name, value in out.items():
                assert value.dtype == here["x"].dtype, name
                assert type(value) is type(here["x"]), name
                assert tuple(value.shape) == (out["h_seq"].shape if name == "h_seq" else arrays[name.removeprefix("final ")].shape), name
                assert place == "numpy" or value.device == here["x"].device, name

    @everywhere
    def test_steps_one_by_one_are_the_sequence(self, cell, place):
        arrays = {k: put(place, v) for k, v in cell.arrays().items()}
        h_seq, final, _ = cell.run(arrays)
        state = tuple(arrays[s] for s in cell.states)
        for t in range(T):
            state = cell.advance(arrays["x"][:, t], state, arrays)
            close(state[0], h_seq[:, t])
        for one, other in zip(state, final, strict=True):
            close(one, other)

    def test_no_state_is_a_state_of_zeros(self, cell):
        arrays, grads_in = cell.arrays(), cell.grads_in()
        zero = arrays | {s: np.zeros((B, H)) for s in cell.states}
        none = {k: v for k, v in arrays.items() if k not in cell.states}
        all_close(both(cell, none, grads_in), both(cell, zero, grads_in), tol=0)

    def test_rows_do_not_see_each_other(self, cell):
        arrays, grads_in = cell.arrays(), cell.grads_in()
        batch = both(cell, arrays, grads_in, lengths=LENGTHS, reverse=True)
        for b in range(B):
            row = {k: v[b : b + 1] if k in ("x", *cell.states) else v for k, v in arrays.items()}
            alone = both(cell, row, [d[b : b + 1] for d in grads_in], lengths=LENGTHS[b : b + 1], reverse=True)
            for name in ("h_seq", "x", *cell.states, *(f"final {s}" for s in cell.states)):
                close(alone[name], batch[name][b : b + 1])

    def test_a_state_carries_across_a_cut(self, cell):
        arrays, (dh_seq, *dstate) = cell.arrays(), cell.grads_in()
        whole = both(cell, arrays, (dh_seq, *dstate))
        h_1, state, tape_1 = cell.run(arrays | {"x": arrays["x"][:, :2]})
        h_2, final, tape_2 = cell.run(arrays | {"x": arrays["x"][:, 2:]} | dict(zip(cell.states, state, strict=True)))
        close(np.concatenate([h_1, h_2], axis=1), whole["h_seq"])
        close(final[-1], whole[f"final {cell.states[-1]}"])
        second = cell.back((dh_seq[:, 2:], *dstate), tape_2)
        first = cell.back((dh_seq[:, :2], *(second[s] for s in cell.states)), tape_1)
        for name in cell.weights:
            close(first[name] + second[name], whole[name])
        for name in cell.states:
            close(first[name], whole[name])

    @everywhere
    @pytest.mark.parametrize("reverse", [False, True])
    def test_padding_changes_nothing(self, cell, place, reverse):
        arrays, grads_in = cell.arrays(), cell.grads_in()
        kw = {"lengths": LENGTHS, "reverse": reverse}
        clean = both(cell, {k: put(place, v) for k, v in arrays.items()}, put(place, *grads_in), **kw)
        padding = np.arange(T) >= LENGTHS[:, None]
        assert not back(clean["h_seq"])[padding].any()
        assert not back(clean["x"])[padding].any()
        x, dh_seq = arrays["x"].copy(), grads_in[0].copy()
        x[padding], dh_seq[padding] = 1e30, -1e30
        dirty = both(cell, {k: put(place, v) for k, v in (arrays | {"x": x}).items()}, put(place, dh_seq, *grads_in[1:]), **kw)
        all_close(dirty, clean, tol=0)
        longer = arrays | {"x": np.concatenate([x, x], axis=1)}
        padded = both(cell, longer, (np.concatenate([dh_seq, dh_seq], axis=1), *grads_in[1:]), **kw)
        for name in ("h_seq", "x"):
            assert not padded[name][:, T:].any()
            padded[name] = padded[name][:, :T]
        all_close(padded, clean)

    @everywhere
    @pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "lengths"])
    def test_reverse_is_flip_run_flip(self, cell, place, lengths):
        arrays, (dh_seq, *dstate) = cell.arrays(), cell.grads_in()
        here = {k: put(place, v) for k, v in arrays.items()}
        dh_seq, *dstate = put(place, dh_seq, *dstate)
        reverse = both(cell, here, (dh_seq, *dstate), lengths=lengths, reverse=True)
        flipped = both(cell, here | {"x": flip_valid(here["x"], lengths)}, (flip_valid(dh_seq, lengths), *dstate), lengths=lengths)
        for name in ("h_seq", "x"):
            flipped[name] = flip_valid(flipped[name], lengths)
        all_close(reverse, flipped)

    @layouts
    def test_gradients_by_complex_step(self, cell, lengths, reverse):
        arrays, grads_in = cell.arrays(), cell.grads_in()
        kw = {"lengths": lengths, "reverse": reverse}
        _, _, tape = cell.run(arrays, **kw)
        errors = complex_step(cell.loss(grads_in, **kw), arrays, cell.back(grads_in, tape), tol=STEP)
        assert set(errors) == {"x", *cell.states, *cell.weights}

    @pytest.mark.parametrize("sizes", [(1, T, D, H), (B, 1, D, H), (B, T, D, 1), (B, T, 1, H), (1, 1, 1, 1)], ids=str)
    def test_smallest_sizes(self, cell, sizes):
        B, T, D, H = sizes
        arrays, grads_in = cell.arrays(B, T, D, H), cell.grads_in(B, T, H)
        _, _, tape = cell.run(arrays)
        complex_step(cell.loss(grads_in), arrays, cell.back(grads_in, tape), tol=STEP)

    def test_a_wrong_gradient_is_caught(self, cell):
        arrays, grads_in = cell.arrays(), cell.grads_in()
        _, _, tape = cell.run(arrays)
        for name in arrays:
            grads = cell.back(grads_in, tape)
            grads[name].flat[-1] += 1e-6
            with pytest.raises(AssertionError, match=f"gradient of {name} is wrong"):
                complex_step(cell.loss(grads_in), arrays, grads, tol=STEP)

    @everywhere
    @layouts
    def test_both_libraries_give_the_same_numbers(self, cell, place, lengths, reverse):
        arrays, grads_in = cell.arrays(), cell.grads_in()
        kw = {"lengths": lengths, "reverse": reverse}
        here = both(cell, {k: put(place, v) for k, v in arrays.items()}, put(place, *grads_in), **kw)
        all_close(here, both(cell, arrays, grads_in, **kw))

    @everywhere
    def test_lengths_may_live_where_x_lives(self, cell, place):
        arrays = {k: put(place, v) for k, v in cell.arrays().items()}
        close(cell.run(arrays, lengths=put(place, LENGTHS))[0], cell.run(arrays, lengths=LENGTHS)[0], tol=0)

    @everywhere
    def test_float32_is_as_good_as_float32_can_be(self, cell, place):
        arrays, grads_in = cell.arrays(), cell.grads_in()
        single = both(
            cell, {k: put(place, v.astype(np.float32)) for k, v in arrays.items()}, [put(place, d.astype(np.float32)) for d in grads_in]
        )
        all_close(single, both(cell, arrays, grads_in), tol=SINGLE)

    @everywhere
    @pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "lengths"])
    def test_inputs_are_left_alone_and_outputs_are_the_callers_own(self, cell, place, lengths):
        arrays = {k: put(place, v) for k, v in cell.arrays().items()}
        grads_in = put(place, *cell.grads_in())
        before = {k: copy(v) for k, v in arrays.items()}, [copy(d) for d in grads_in]
        h_seq, state, tape = cell.run(arrays, lengths=lengths)
        first = {k: copy(v) for k, v in cell.back(grads_in, tape).items()}
        for value in (h_seq, *state):  # what the caller does with the outputs does not reach the backward pass
            value *= 0
        all_close(cell.back(grads_in, tape), first, tol=0)
        all_close(arrays, before[0], tol=0)
        for d, d_before in zip(grads_in, before[1], strict=True):
            close(d, d_before, tol=0)

    @everywhere
    def test_non_contiguous_arguments(self, cell, place):
        arrays, grads_in = cell.arrays(), cell.grads_in()

        def strided(a):
            return put(place, np.repeat(a.T, 2, axis=-1))[..., ::2].swapaxes(0, -1)

        here = {k: strided(v) for k, v in arrays.items()}
        all_close(both(cell, here, [strided(d) for d in grads_in]), both(cell, arrays, grads_in))

    @everywhere
    def test_a_tape_used_again_changes_nothing_returned_before(self, cell, place):
        one = {k: put(place, v) for k, v in cell.arrays().items()}
        other = {k: put(place, v) for k, v in cell.arrays(seed=5).items()}
        shorter = {k: put(place, v) for k, v in cell.arrays(B=2, T=9, seed=6).items()}
        grads_in = put(place, *cell.grads_in())
        h_seq, state, tape = cell.run(one)
        grads = cell.back(grads_in, tape)
        kept = copy(h_seq), [copy(s) for s in state], {k: copy(v) for k, v in grads.items()}
        buffer = tape.h
        for lengths, reverse in LAYOUTS:
            again, _, same = cell.run(other, tape=tape, lengths=lengths, reverse=reverse)
            assert same is tape and tape.h is buffer
            close(again, cell.run(other, lengths=lengths, reverse=reverse)[0], tol=0)
            fresh = both(cell, other, grads_in, lengths=lengths, reverse=reverse)
            for name, value in cell.back(grads_in, tape).items():
                close(value, fresh[name], tol=0)
        single = {k: put(place, back(v).astype(np.float32)) for k, v in one.items()}
        again, _, same = cell.run(single, tape=tape)  # buffers of another dtype cannot be used again
        assert same.h.dtype == single["x"].dtype
        close(again, cell.run(single)[0], tol=0)
        cell.run(one, tape=tape)
        close(cell.run(shorter, tape=tape)[0], cell.run(shorter)[0], tol=0)  # nor those of another shape
        close(h_seq, kept[0], tol=0)
        all_close(grads, kept[2], tol=0)
        for s, s_kept in zip(state, kept[1], strict=True):
            close(s, s_kept, tol=0)

    @everywhere
    @layouts
    @pytest.mark.parametrize("cache", [1, 4 * B * 4 * H])
    def test_a_backward_pass_in_blocks_of_steps_is_the_same(self, cell, place, lengths, reverse, cache, monkeypatch):
        """Only a long sequence is walked back in blocks; here a small cache makes six steps long, four or five and a rest."""
        arrays, grads_in = {k: put(place, v) for k, v in cell.arrays().items()}, put(place, *cell.grads_in())
        whole = both(cell, arrays, grads_in, lengths=lengths, reverse=reverse)
        monkeypatch.setattr(sequence, "_CACHE", cache)
        all_close(both(cell, arrays, grads_in, lengths=lengths, reverse=reverse), whole)

    @everywhere
    def test_the_gradient_is_linear_and_none_is_zero(self, cell, place):
        arrays = {k: put(place, v) for k, v in cell.arrays().items()}
        dh_seq, *dstate = put(place, *cell.grads_in())
        nothing = [zeros((B, H), dh_seq) for _ in dstate]
        _, _, tape = cell.run(arrays, lengths=LENGTHS)
        whole = cell.back((dh_seq, *dstate), tape)
        outputs, finals = cell.backward(dh_seq, tape), cell.back((None, *dstate), tape)
        all_close(outputs, cell.back((dh_seq, *nothing), tape), tol=0)
        all_close({k: outputs[k] + finals[k] for k in whole}, whole)

    def test_autograd_is_not_followed_silently(self, cell):
        arrays = {k: put("cpu", v) for k, v in cell.arrays().items()}
        for name in arrays:
            followed = arrays | {name: arrays[name].clone().requires_grad_()}
            with pytest.raises(TypeError, match=f"{name}: expected a tensor that autograd does not follow"):
                cell.run(followed)
            with torch.no_grad():
                cell.run(followed)

    def test_bad_arguments_are_named(self, cell):
        arrays = cell.arrays()
        state = tuple(arrays[s] for s in cell.states)
        for name, good in arrays.items():
            bad = [
                (good.sum(0), ValueError, "expected shape") if good.ndim > 1 else (good[0], TypeError, "expected an array"),
                (good[None], ValueError, "expected shape"),
                (good.astype(int), TypeError, "expected a floating-point dtype, got int64"),
                (good.tolist(), TypeError, "expected an array, got list"),
                (good * np.nan, ValueError, "expected finite numbers"),
                (good[..., :0], ValueError, "expected"),
            ]
            if name != "x":
                bad.append((np.concatenate([good, good[:1]]), ValueError, "expected shape"))
                bad.append((good.astype(np.float32), TypeError, "expected dtype float64, got float32"))
                bad.append((torch.tensor(good), TypeError, "expected ndarray, got Tensor"))
            for value, error, text in bad:
                with pytest.raises(error, match=rf"^\w+: {text}") as caught:
                    cell.run(arrays | {name: value})
                if name not in ("x", next(iter(cell.weights))):  # these two also bind the sizes of the others
                    assert str(caught.value).startswith(f"{name}:"), caught.value
                if name in cell.weights:
                    with pytest.raises(error):
                        cell.advance(arrays["x"][:, 0], state, arrays | {name: value})
        for k, name in enumerate(("h_prev", "c_prev")[: len(state)]):
            for value, error in ((state[0][0], ValueError), (state[0][:, :2], ValueError), (state[0] * np.inf, ValueError), (1, TypeError)):
                with pytest.raises(error, match=f"^{name}: expected"):
                    cell.advance(arrays["x"][:, 0], (*state[:k], value, *state[k + 1 :]), arrays)
        with pytest.raises(ValueError, match=r"^x_t: expected shape \(B, D\)"):
            cell.advance(arrays["x"], state, arrays)

    def test_bad_lengths_are_named(self, cell):
        arrays = cell.arrays()
        for lengths, error, text in [
            ([1, 2, 3, T + 1], ValueError, rf"lengths: expected values between 1 and T = {T}, got values from 1 to {T + 1}"),
            ([0, 2, 3, 4], ValueError, "lengths: expected values between 1 and"),
            ([1, 2, 3], ValueError, r"lengths: expected shape \(4,\), got \(3,\)"),
            ([1.0, 2.0, 3.0, 4.0], TypeError, "lengths: expected an integer dtype"),
        ]:
            with pytest.raises(error, match=text):
                cell.run(arrays, lengths=np.array(lengths))

    def test_bad_gradients_and_tapes_are_named(self, cell):
        arrays, grads_in = cell.arrays(), cell.grads_in()
        _, _, tape = cell.run(arrays)
        dh_seq = grads_in[0]
        for value, error, text in [
            (dh_seq[0], ValueError, r"dh_seq: expected shape \(4, 6, 5\), got \(6, 5\)"),
            (dh_seq[:, 1:], ValueError, r"dh_seq: expected shape \(4, 6, 5\), got \(4, 5, 5\)"),
            (dh_seq.astype(np.float32), TypeError, "dh_seq: expected dtype float64, got float32"),
            (torch.tensor(dh_seq), TypeError, "dh_seq: expected ndarray, got Tensor"),
            (dh_seq * np.nan, ValueError, "dh_seq: expected finite numbers"),
        ]:
            with pytest.raises(error, match=text):
                cell.backward(value, tape)
        for k, name in enumerate(("dh_T", "dc_T")[: len(cell.states)]):
            dstate = list(grads_in[1:])
            dstate[k] = dstate[k][:, :2]
            with pytest.raises(ValueError, match=rf"^{name}: expected shape \(4, 5\), got \(4, 2\)"):
                cell.back((dh_seq, *dstate), tape)
        for wrong in (None, {}, arrays):
            with pytest.raises(TypeError, match=f"^tape: expected the tape of a {tape.cell}_forward"):
                cell.backward(dh_seq, wrong)
        tape.cell = "another"
        with pytest.raises(TypeError, match="tape: expected"):
            cell.backward(dh_seq, tape)
        with pytest.raises(TypeError, match="tape: expected"):
            cell.run(arrays, tape=tape)


def torch_parity(cell, module, arrays, lengths, reverse):
    """Outputs, final states and all gradients of ``torch.nn`` with the weights of ``arrays`` against ours."""
    x, *state = (torch.tensor(arrays[n], requires_grad=True) for n in ("x", *cell.states))
    W_x, W_h, b_x, *b_h = (torch.tensor(arrays[n]) for n in cell.weights)
    module = module.double()
    with torch.no_grad():
        for parameter, value in zip(module.parameters(), (W_x.T, W_h.T, b_x, b_h[0] if b_h else 0 * b_x), strict=True):
            parameter[...] = value
    inside = flip_valid(x, lengths) if reverse else x
    rnn_utils = torch.nn.utils.rnn
    if lengths is not None:
        inside = rnn_utils.pack_padded_sequence(inside, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
    h_seq, final = module(inside, state[0][None] if len(state) == 1 else tuple(s[None] for s in state))
    final = final if len(state) > 1 else (final,)
    if lengths is not None:
        h_seq, _ = rnn_utils.pad_packed_sequence(h_seq, batch_first=True, total_length=x.shape[1])
    h_seq = flip_valid(h_seq, lengths) if reverse else h_seq
    grads_in = cell.grads_in(*h_seq.shape)
    loss = sum((value * torch.tensor(d)).sum() for value, d in zip((h_seq, *(s[0] for s in final)), grads_in, strict=True))
    loss.backward()
    d_W_x, d_W_h, *d_b = (p.grad for p in module.parameters())
    theirs = {"h_seq": h_seq, "x": x.grad} | {f"final {s}": v[0] for s, v in zip(cell.states, final, strict=True)}
    theirs |= {s: v.grad for s, v in zip(cell.states, state, strict=True)}
    theirs |= dict(zip(cell.weights, (d_W_x.T, d_W_h.T, *d_b), strict=False))
    all_close(both(cell, arrays, grads_in, lengths=lengths, reverse=reverse), theirs)
