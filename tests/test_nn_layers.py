"""RNN, LSTM and GRU as modules: three ways to run them, one answer; torch's layers and rnnlib.scratch as oracles."""

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnnlib.nn import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell, which
from rnnlib.scratch.gru import gru_forward
from rnnlib.scratch.lstm import lstm_forward
from rnnlib.scratch.rnn import rnn_forward

B, T, D, H = 3, 6, 4, 5
OUT_TOL, GRAD_TOL = 1e-12, 1e-10  # float64, absolute
F32_TOL = 2e-5
LENGTHS = np.array([6, 2, 4])
TWINS = {RNN: torch.nn.RNN, LSTM: torch.nn.LSTM, GRU: torch.nn.GRU}
LAYERS = [(RNN, {}), (RNN, {"activation": "relu"}), (LSTM, {}), (GRU, {})]
VARIANTS = [(LSTM, {"peephole": True}), (GRU, {"reset": "before"})]
ONLY_LOOP = [
    (cls, {name: value}) for cls in TWINS for name, value in (("layer_norm", True), ("zoneout", 0.3), ("variational_dropout", 0.3))
]
ONLY_LOOP += [(LSTM, {"recurrent_dropout": 0.3}), (GRU, {"recurrent_dropout": 0.3})]
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device"))]


def make(cls, dtype=torch.float64, device="cpu", **options):
    torch.manual_seed(11)
    return cls(D, H, **options).to(device, dtype)


def inputs(*shape, dtype=torch.float64, device="cpu", seed=3):
    rng = np.random.default_rng(seed)
    return torch.tensor(rng.standard_normal(shape), dtype=dtype, device=device, requires_grad=True)


def parts(state):
    return state if isinstance(state, tuple) else (state,)


def start(layer, x):
    """A state that is not zero, in the layer's shape."""
    count = layer.num_layers * layer.directions
    shape = (B, H) if count == 1 else (count, B, H)
    state = tuple(inputs(*shape, dtype=x.dtype, device=x.device, seed=5 + k) for k in range(len(layer.parts)))
    return state if len(state) > 1 else state[0]


def everything(layer, x, state, lengths=None):
    """Outputs, and the gradients of the input, of the initial state and of all parameters for one and the same loss."""
    h_seq, final = layer(x, state, lengths)
    wave = torch.linspace(0.5, 1.5, h_seq.numel(), dtype=h_seq.dtype, device=h_seq.device).view_as(h_seq)
    loss = (wave * h_seq).sum() + sum((k + 2) * (s**2).sum() for k, s in enumerate(parts(final)))
    wanted = [x, *(() if state is None else parts(state)), *layer.parameters()]
    return [h_seq, *parts(final)], torch.autograd.grad(loss, wanted)


def close(got, expected, tol):
    assert len(got) == len(expected)
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=tol)


# ---- one answer from three ways


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "lengths"])
@pytest.mark.parametrize("num_layers, bidirectional", [(1, False), (1, True), (2, False), (2, True)])
@pytest.mark.parametrize("cls, options", LAYERS)
def test_source_torch_and_loop_agree(cls, options, num_layers, bidirectional, lengths, device):
    layer = make(cls, device=device, num_layers=num_layers, bidirectional=bidirectional, **options)
    x = inputs(B, T, D, device=device)
    state = start(layer, x)
    answers = {}
    for layer.impl in ("torch", "source", "loop"):
        answers[layer.impl] = everything(layer, x, state, lengths)
    for impl in ("source", "loop"):
        close(answers[impl][0], answers["torch"][0], OUT_TOL)
        close(answers[impl][1], answers["torch"][1], GRAD_TOL)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "lengths"])
@pytest.mark.parametrize("cls, options", VARIANTS)
def test_variants_without_a_torch_kernel_agree_with_the_loop(cls, options, lengths, device):
    layer = make(cls, device=device, num_layers=2, bidirectional=True, **options)
    x = inputs(B, T, D, device=device)
    state = start(layer, x)
    answers = []
    for layer.impl in ("source", "loop"):
        answers.append(everything(layer, x, state, lengths))
    close(answers[0][0], answers[1][0], OUT_TOL)
    close(answers[0][1], answers[1][1], GRAD_TOL)


@pytest.mark.parametrize("impl", ["source", "torch"])
@pytest.mark.parametrize("cls", TWINS)
def test_float32_and_a_gradient_of_the_state_alone(cls, impl):
    layer = make(cls, dtype=torch.float32, impl=impl)
    x = inputs(B, T, D, dtype=torch.float32)
    exact = make(cls, impl="loop")
    got, expected = parts(layer(x)[1]), parts(exact(x.double())[1])
    grads = torch.autograd.grad(sum(s.sum() for s in got), [x, *layer.parameters()])
    exact_grads = torch.autograd.grad(sum(s.sum() for s in expected), list(exact.parameters()))
    assert got[0].dtype == torch.float32
    close([s.double() for s in got], expected, F32_TOL)
    close([g.double() for g in grads[1:]], exact_grads, F32_TOL * 10)


@pytest.mark.parametrize("cls, options", LAYERS[:1] + LAYERS[2:] + VARIANTS)
def test_gradcheck_of_the_hand_written_pair(cls, options):
    layer = make(cls, impl="source", **options)
    names = [name for name, _ in layer.named_parameters()]
    x = inputs(2, 3, D)
    state = tuple(inputs(2, H, seed=9 + k) for k in range(len(layer.parts)))

    def f(x, *rest):
        state = rest[: len(layer.parts)]
        weights = dict(zip(names, rest[len(layer.parts) :], strict=True))
        h_seq, final = torch.func.functional_call(layer, weights, (x, state if len(state) > 1 else state[0], np.array([3, 2])))
        return h_seq, *parts(final)

    assert torch.autograd.gradcheck(f, (x, *state, *(p.detach().requires_grad_() for p in layer.parameters())), fast_mode=True)


@pytest.mark.parametrize("cls, options", LAYERS + VARIANTS)
def test_on_the_cpu_the_pair_runs_on_arrays_elsewhere_on_tensors(cls, options, monkeypatch):
    layer = make(cls, impl="source", **options)
    x = inputs(B, T, D)
    as_arrays = everything(layer, x, start(layer, x))
    monkeypatch.setattr("rnnlib.nn.module._doors", lambda like: (lambda t: t, lambda t: t))
    as_tensors = everything(layer, x, start(layer, x))
    close(as_tensors[0], as_arrays[0], OUT_TOL)
    close(as_tensors[1], as_arrays[1], GRAD_TOL)


# ---- laws


@pytest.mark.parametrize("impl", ["source", "torch", "loop"])
@pytest.mark.parametrize("cls", TWINS)
def test_padding_changes_nothing_and_gets_no_gradient(cls, impl):
    layer = make(cls, impl=impl, num_layers=2, bidirectional=True)
    x = inputs(B, T, D)
    garbage = x.detach().clone()
    for row, length in enumerate(LENGTHS):
        garbage[row, length:] = 1e6
    garbage.requires_grad_()
    answers = [everything(layer, value, start(layer, x), LENGTHS) for value in (x, garbage)]
    close(answers[1][0], answers[0][0], 0.0)
    close(answers[1][1], answers[0][1], 0.0)
    h_seq, dx = answers[0][0][0], answers[0][1][0]
    for row, length in enumerate(LENGTHS):
        assert not h_seq[row, length:].any() and not dx[row, length:].any()


@pytest.mark.parametrize("cls", TWINS)
def test_lengths_are_torchs_packed_sequences(cls):
    layer = make(cls, impl="source", bidirectional=True)
    twin = TWINS[cls](D, H, batch_first=True, bidirectional=True).double()
    twin.load_state_dict(layer.to_torch_state_dict())
    x = inputs(B, T, D)
    packed = pack_padded_sequence(x, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False)
    out, final = twin(packed)
    h_seq, state = layer(x, lengths=LENGTHS)
    close([h_seq, *parts(state)], [pad_packed_sequence(out, batch_first=True)[0], *parts(final)], OUT_TOL)


@pytest.mark.parametrize("cls, options", LAYERS + VARIANTS + ONLY_LOOP)
def test_two_halves_with_the_state_between_are_the_whole(cls, options):
    layer = make(cls, num_layers=2, **options).eval()
    x = inputs(B, T, D)
    whole, final = layer(x)
    first, state = layer(x[:, :2])
    second, end = layer(x[:, 2:], state)
    close([torch.cat([first, second], 1), *parts(end)], [whole, *parts(final)], OUT_TOL)


@pytest.mark.parametrize("cls, options", LAYERS + VARIANTS + ONLY_LOOP)
def test_a_cell_called_step_by_step_is_the_layer(cls, options):
    layer = make(cls, **options).eval()
    x, state, outputs = inputs(B, T, D), None, []
    for t in range(T):
        state = layer.cells[0](x[:, t], state)
        outputs.append(parts(state)[0])
    h_seq, final = layer(x)
    close([torch.stack(outputs, 1), *parts(state)], [h_seq, *parts(final)], OUT_TOL)


@pytest.mark.parametrize("impl", ["source", "torch", "loop"])
@pytest.mark.parametrize("cls", TWINS)
def test_batch_one_step_one_unit_one_non_contiguous_and_never_mutated(cls, impl):
    layer = make(cls, impl=impl)
    x = inputs(B, D, T).detach().transpose(1, 2)
    before = x.clone()
    h_seq, _ = layer(x)
    assert torch.equal(x, before)
    close([layer(x.contiguous())[0], torch.cat([layer(x[b : b + 1])[0] for b in range(B)])], [h_seq, h_seq], OUT_TOL)
    tiny = cls(1, 1, impl=impl)
    assert tiny(torch.ones(1, 1, 1))[0].shape == (1, 1, 1)


def test_weights_changed_between_forward_and_backward_are_noticed():
    layer = make(LSTM, impl="source")
    h_seq, _ = layer(inputs(B, T, D))
    with torch.no_grad():
        layer.cells[0].W_h.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        h_seq.sum().backward()


def test_under_autocast_the_pair_keeps_the_precision_of_its_weights():
    layer = make(GRU, dtype=torch.float32, impl="source")
    x = inputs(B, T, D, dtype=torch.float32)
    expected, _ = layer(x.bfloat16().float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got, state = layer(x.bfloat16(), torch.zeros(B, H, dtype=torch.bfloat16))
    assert got.dtype == state.dtype == torch.float32 and torch.equal(got, expected)


# ---- noise and normalisation


@pytest.mark.parametrize("cls, options", ONLY_LOOP)
def test_variants_of_the_loop_differ_from_the_plain_layer_and_are_named(cls, options):
    layer, plain = make(cls, **options), make(cls)
    x = inputs(B, T, D)
    assert which(layer, x) == f"loop: only the step loop under autograd has {next(iter(options))}"
    assert not torch.allclose(layer(x)[0], plain(x)[0])
    layer.eval()
    assert torch.equal(layer(x)[0], layer(x)[0])
    assert torch.autograd.gradcheck(lambda x: layer(x)[0], (inputs(2, 3, D),), fast_mode=True)


@pytest.mark.parametrize("cls", TWINS)
def test_variational_dropout_keeps_its_masks_through_a_sequence_and_rests_in_eval(cls):
    layer, plain = make(cls, variational_dropout=0.5), make(cls)
    x, cell = inputs(B, T, D), layer.cells[0]
    torch.manual_seed(0)
    x_mask, h_mask = cell.masks(x[:, 0])
    assert x_mask.shape == (B, D) and h_mask.shape == (B, H) and set(h_mask.unique().tolist()) == {0.0, 2.0}
    torch.manual_seed(0)
    h_seq, _ = layer(x)
    state = tuple(torch.zeros(B, H, dtype=x.dtype) for _ in layer.parts)
    for t in range(T):
        state = cell.advance(cell.project(x[:, t] * x_mask), state, h_mask)
        close([state[0]], [h_seq[:, t]], OUT_TOL)
    layer.eval()
    close([layer(x)[0]], [plain(x)[0]], OUT_TOL)


def test_recurrent_dropout_may_not_write_but_never_erases():
    cell, plain = make(LSTM, recurrent_dropout=0.5).cells[0], make(LSTM).cells[0]
    x_t, old = inputs(B, D).detach(), (inputs(B, H).detach(), inputs(B, H, seed=8).detach())
    f = torch.sigmoid((plain.project(x_t) + old[0] @ plain.W_h)[:, H : 2 * H])
    _, c = plain(x_t, old)
    _, dropped = cell(x_t, old)
    kept, written = f * old[1], c - f * old[1]
    nothing, twice = (torch.isclose(dropped, v, rtol=0, atol=OUT_TOL) for v in (kept, kept + 2 * written))
    assert (nothing | twice).all() and nothing.any() and twice.any()


@pytest.mark.parametrize("cls", TWINS)
def test_zoneout_keeps_whole_values_and_its_expectation_in_eval(cls):
    layer, p = make(cls, zoneout=0.4), 0.4
    cell, plain = layer.cells[0], make(cls).cells[0]
    x_t, old = inputs(B, D).detach(), tuple(inputs(B, H, seed=k).detach() for k in range(len(layer.parts)))
    new = parts(plain(x_t, old if len(old) > 1 else old[0]))
    trained = parts(cell(x_t, old if len(old) > 1 else old[0]))
    for o, n, z in zip(old, new, trained, strict=True):
        kept, moved = z == o, torch.isclose(z, n, rtol=0, atol=OUT_TOL)
        assert (kept | moved).all() and kept.any() and moved.any()
    cell.eval()
    expected = [p * o + (1 - p) * n for o, n in zip(old, new, strict=True)]
    close(parts(cell(x_t, old if len(old) > 1 else old[0])), expected, OUT_TOL)


def test_layer_norm_forgets_the_scale_of_its_input():
    for cls in (LSTM, GRU):
        cell = make(cls, layer_norm=True).cells[0]
        x_t = inputs(B, D).detach()
        close([cell.project(1000 * x_t)], [cell.project(x_t)], 1e-3)
    cell = make(RNN, layer_norm=True).cells[0]
    close([cell(1000 * inputs(B, D).detach())], [cell(inputs(B, D).detach())], 1e-3)


@pytest.mark.parametrize("impl", ["source", "torch"])
def test_dropout_acts_between_layers_in_training_only(impl):
    layer = make(LSTM, num_layers=2, dropout=0.5, impl=impl)
    x = inputs(B, T, D)
    assert not torch.equal(layer(x)[0], layer(x)[0])
    first = [layer(x)[1][0][0] for _ in range(2)]
    assert torch.equal(*first)  # the lower layer sees none of it
    layer.eval()
    assert torch.equal(layer(x)[0], layer(x)[0])


def test_forget_bias_fills_its_block_alone():
    b = LSTM(D, H, forget_bias=1.0).cells[0].b
    assert (b[H : 2 * H] == 1).all() and (b[:H].abs() <= H**-0.5).all() and (b[2 * H :].abs() <= H**-0.5).all()


# ---- weights both ways


@pytest.mark.parametrize("cls, options", LAYERS)
def test_torch_state_dict_both_ways(cls, options):
    word = {"nonlinearity": options["activation"]} if options else {}
    twin = TWINS[cls](D, H, num_layers=2, bidirectional=True, batch_first=True, **word).double()
    layer = make(cls, num_layers=2, bidirectional=True, **options).load_torch_state_dict(twin.state_dict())
    x = inputs(B, T, D)
    close([layer(x)[0], *parts(layer(x)[1])], [twin(x)[0], *parts(twin(x)[1])], OUT_TOL)
    again = TWINS[cls](D, H, num_layers=2, bidirectional=True, batch_first=True, **word).double()
    again.load_state_dict(layer.to_torch_state_dict())
    close([again(x)[0]], [twin(x)[0]], OUT_TOL)
    bare = TWINS[cls](D, H, bias=False, batch_first=True, **word).double()
    close([make(cls, **options).load_torch_state_dict(bare.state_dict())(x)[0]], [bare(x)[0]], OUT_TOL)


def test_a_foreign_state_dict_is_refused_by_name():
    good = torch.nn.LSTM(D, H).state_dict()
    layer = LSTM(D, H)
    with pytest.raises(ValueError, match="state_dict: expected an entry 'weight_ih_l1'"):
        LSTM(D, H, num_layers=2).load_torch_state_dict(good)
    with pytest.raises(ValueError, match="state_dict: expected only the names of 1 layers, got weight_ih_l1"):
        layer.load_torch_state_dict(torch.nn.LSTM(D, H, num_layers=2).state_dict())
    with pytest.raises(ValueError, match=r"weight_ih_l0: expected shape \(20, 4\), got \(15, 4\)"):
        layer.load_torch_state_dict(torch.nn.GRU(D, H).state_dict())
    with pytest.raises(ValueError, match=r"load_torch_state_dict: .*torch has no kernel for peepholes"):
        LSTM(D, H, peephole=True).load_torch_state_dict(good)


@pytest.mark.parametrize("cls, forward", [(RNN, rnn_forward), (LSTM, lstm_forward), (GRU, gru_forward)])
def test_arrays_cross_to_scratch_and_back(cls, forward):
    layer = make(cls)
    x = inputs(B, T, D).detach()
    h_seq, *_ = forward(x.numpy(), **layer.cells[0].to_arrays())
    np.testing.assert_allclose(h_seq, layer(x)[0].detach(), rtol=0, atol=OUT_TOL)
    other = cls(D, H).double().load_arrays(layer.to_arrays())
    assert torch.equal(other(x)[0], layer(x)[0])
    arrays = layer.to_arrays()
    next(iter(arrays.values()))[:] = 0
    assert layer.cells[0].W_hidden.any()  # copies


def test_wrong_arrays_are_refused():
    layer = GRU(D, H)
    arrays = layer.to_arrays()
    with pytest.raises(ValueError, match=r"arrays: expected the names cells\.0\.W_x.* missing \['cells\.0\.b_h'\], unknown \['b'\]"):
        layer.load_arrays({"b": arrays.pop("cells.0.b_h"), **arrays})
    arrays = layer.to_arrays()
    with pytest.raises(ValueError, match=r"cells\.0\.W_x: expected shape \(4, 15\), got \(15, 4\)"):
        layer.load_arrays(arrays | {"cells.0.W_x": arrays["cells.0.W_x"].T})


# ---- which code runs


def test_auto_says_what_it_chose():
    x = torch.zeros(B, T, D)
    assert which(LSTM(D, H), x).startswith("torch: oneDNN")
    assert which(LSTM(D, H), x, LENGTHS).startswith("source: ")
    assert which(LSTM(D, H).double(), x.double()).startswith("source: ")
    assert which(RNN(D, H), x).startswith("source: ") and which(GRU(D, H), x).startswith("source: ")
    assert which(LSTM(D, H, peephole=True), x) == "source: torch has no kernel for peepholes"
    assert which(GRU(D, H, reset="before"), x) == "source: torch has no kernel for the reset before the product"
    assert which(GRU(D, H, impl="loop"), x) == "loop: asked for by name"
    with torch.no_grad():
        assert which(GRU(D, H), x).startswith("torch: without gradients")
    with pytest.raises(TypeError, match=r"layer: expected an RNN, LSTM or GRU of rnnlib\.nn, got Linear"):
        which(torch.nn.Linear(1, 1), x)


@pytest.mark.parametrize(
    "cls, options, text",
    [
        (LSTM, dict(impl="graph"), "impl: expected one of .*, got 'graph', which is reserved"),
        (GRU, dict(impl="triton"), "impl: expected one of .*, got 'triton', which is reserved"),
        (RNN, dict(impl="fast"), "impl: expected one of 'auto', 'source', 'torch', 'loop', got 'fast'"),
        (
            LSTM,
            dict(impl="torch", peephole=True),
            "impl: expected one of 'auto', 'source', 'loop', got 'torch': torch has no kernel for peep",
        ),
        (GRU, dict(impl="torch", reset="before"), "got 'torch': torch has no kernel for the reset before"),
        (LSTM, dict(impl="source", layer_norm=True, zoneout=0.1), "got 'source': only the step loop .* has layer_norm and zoneout"),
        (RNN, dict(activation="sigmoid"), "activation: expected one of"),
        (GRU, dict(reset="never"), "reset: expected one of"),
        (LSTM, dict(num_layers=0), "num_layers: expected a number >= 1, got 0"),
        (LSTM, dict(dropout=0.5), "dropout: expected 0 with one layer, got 0.5"),
        (LSTM, dict(dropout=1.5, num_layers=2), "dropout: expected a probability below 1"),
        (LSTM, dict(zoneout=-0.1), "zoneout: expected a number"),
        (GRU, dict(recurrent_dropout=1.0), "recurrent_dropout: expected a probability below 1, got 1.0"),
    ],
)
def test_impossible_requests_raise(cls, options, text):
    with pytest.raises(ValueError, match=text):
        cls(D, H, **options)


def test_an_implementation_assigned_later_is_checked_too():
    layer = LSTM(D, H, peephole=True)
    layer.impl = "torch"
    with pytest.raises(ValueError, match=r"impl: .*no kernel for peepholes"):
        layer(torch.zeros(B, T, D))


@pytest.mark.parametrize("impl", ["source", "torch", "loop"])
@pytest.mark.parametrize(
    "change, error, text",
    [
        (dict(x=np.zeros((B, T, D))), TypeError, "x: expected Tensor, got ndarray"),
        (dict(x=torch.zeros(B, D)), ValueError, r"x: expected shape \(B, T, 4\), got \(3, 4\)"),
        (dict(x=torch.zeros(B, T, D + 1)), ValueError, r"x: expected shape \(B, T, 4\), got \(3, 6, 5\)"),
        (dict(x=torch.zeros(B, T, D, dtype=torch.int64)), TypeError, "x: expected a floating-point dtype, got int64"),
        (dict(x=torch.zeros(B, T, D, dtype=torch.float64)), TypeError, "x: expected dtype float32, got float64"),
        (dict(x=torch.zeros(B, 0, D)), ValueError, "x: expected at least one entry"),
        (dict(state=torch.zeros(B, H)), TypeError, r"state: expected a tuple \(h, c\), got Tensor"),
        (dict(state=(torch.zeros(B, H), torch.zeros(B, D))), ValueError, r"state, c: expected shape \(3, 5\), got \(3, 4\)"),
        (dict(state=(torch.zeros(B, H), None)), TypeError, "state, c: expected an array, got NoneType"),
        (dict(lengths=np.array([7, 1, 1])), ValueError, "lengths: expected values between 1 and T = 6"),
        (dict(lengths=np.array([0, 1, 1])), ValueError, "lengths: expected values between 1 and T = 6"),
        (dict(lengths=np.array([1, 1])), ValueError, r"lengths: expected shape \(3,\), got \(2,\)"),
        (dict(lengths=np.array([1.0, 1.0, 2.0])), TypeError, "lengths: expected an integer dtype"),
    ],
)
def test_bad_input_is_named(impl, change, error, text):
    with pytest.raises(error, match=text):
        LSTM(D, H, impl=impl)(**({"x": torch.zeros(B, T, D)} | change))


def test_a_cell_names_bad_input_too():
    with pytest.raises(ValueError, match=r"x_t: expected shape \(B, 4\)"):
        RNNCell(D, H)(torch.zeros(B, T, D))
    with pytest.raises(ValueError, match=r"state, h: expected shape \(3, 5\), got \(2, 5\)"):
        LSTMCell(D, H)(torch.zeros(B, D), (torch.zeros(2, H), torch.zeros(2, H)))
    with pytest.raises(ValueError, match="D: expected a number >= 1, got 0"):
        GRUCell(0, H)
