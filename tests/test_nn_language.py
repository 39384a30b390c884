"""Language models as modules: the loss in nats, bits of a text, sampling, and what each model can see."""

import math

import numpy as np
import pytest
import torch

from rnnlib.nn import CharLM, WindowLM
from rnnlib.scratch.linear import affine, embedding, one_hot
from rnnlib.scratch.loss import softmax_cross_entropy
from rnnlib.scratch.lstm import lstm_forward
from rnnlib.train import fit

B, T, V, H, E, N = 3, 6, 7, 5, 4, 3
TOL = 1e-12  # float64, absolute
MODELS = {
    "rnn": lambda: CharLM(V, H, "rnn"),
    "lstm": lambda: CharLM(V, H, E=E, num_layers=2),
    "gru": lambda: CharLM(V, H, "gru", E=H, tie=True),
    "window": lambda: WindowLM(V, N, E, H),
}


def make(name):
    torch.manual_seed(2)
    return MODELS[name]().double()


def some_ids(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, V, shape))


def close(a, b, tol=TOL):
    torch.testing.assert_close(a, b, rtol=0, atol=tol)


@pytest.mark.parametrize("name", MODELS)
def test_shapes_and_a_loss_that_flows_everywhere(name):
    model = make(name)
    ids, targets = some_ids(B, T), some_ids(B, T, seed=1)
    logits, state = model(ids)
    assert logits.shape == (B, T, V)
    loss, again = model.loss(ids, targets)
    loss.backward()
    assert loss.ndim == 0 and type(again) is type(state)
    assert all(p.grad is not None and p.grad.any() for p in model.parameters())


@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_knows_nothing_needs_log_V(name):
    model = make(name)
    for p in model.parameters():
        p.data.zero_()
    loss, _ = model.loss(some_ids(B, T), some_ids(B, T, seed=1))
    assert loss.item() == pytest.approx(math.log(V))
    assert model.bits(some_ids(40)) == pytest.approx(math.log2(V))


@pytest.mark.parametrize("name", MODELS)
def test_two_windows_with_the_state_between_are_one(name):
    model = make(name)
    ids = some_ids(B, T)
    whole, end = model(ids)
    first, state = model(ids[:, :2])
    second, final = model(ids[:, 2:], state)
    close(torch.cat([first, second], 1), whole)
    for a, b in zip(end, final, strict=True):
        close(a, b)


@pytest.mark.parametrize("name", MODELS)
def test_nothing_that_comes_later_is_seen(name):
    model = make(name)
    ids = some_ids(B, T)
    other = ids.clone()
    other[:, 4] = (ids[:, 4] + 1) % V
    a, b = model(ids)[0], model(other)[0]
    close(a[:, :4], b[:, :4])
    assert not torch.allclose(a[:, 4], b[:, 4])


def test_a_window_sees_n_ids_and_a_recurrent_model_sees_more():
    ids = some_ids(B, T)
    other = ids.clone()
    other[:, 0] = (ids[:, 0] + 1) % V
    window, recurrent = make("window"), make("rnn")
    close(window(ids)[0][:, N:], window(other)[0][:, N:])
    assert not torch.allclose(window(ids)[0][:, N - 1], window(other)[0][:, N - 1])
    assert not torch.allclose(recurrent(ids)[0][:, -1], recurrent(other)[0][:, -1], rtol=0, atol=1e-9)


@pytest.mark.parametrize("size", [None, E], ids=["one-hot", "embedding"])
def test_the_same_numbers_by_hand(size):
    torch.manual_seed(4)
    model = CharLM(V, H, E=size).double()
    ids, targets, arrays = some_ids(B, T), some_ids(B, T, seed=1), model.to_arrays()
    x = one_hot(ids.numpy(), V, np.float64) if size is None else embedding(ids.numpy(), arrays["W_e"])[0]
    h_seq, _, _ = lstm_forward(x, *(arrays[f"layer.cells.0.{name}"] for name in ("W_x", "W_h", "b")))
    logits, _ = affine(h_seq, arrays["W_hy"], arrays["b_y"])
    np.testing.assert_allclose(model(ids)[0].detach(), logits, rtol=0, atol=TOL)
    mask = np.arange(T) < np.array([[6], [2], [4]])
    expected, _ = softmax_cross_entropy(logits, targets.numpy(), mask)
    assert model.loss(ids, targets, mask=torch.from_numpy(mask))[0].item() == pytest.approx(expected, abs=TOL)


def test_a_tied_read_out_is_the_embedding():
    model = make("gru")
    assert "W_hy" not in dict(model.named_parameters())
    ids = some_ids(B, T)
    h_seq, _ = model.layer(model.W_e[ids])
    close(model(ids)[0], h_seq @ model.W_e.T + model.b_y)


def test_dropout_rests_in_eval_and_bits_put_the_mode_back():
    model = CharLM(V, H, E=E, num_layers=2, dropout=0.5)
    ids = some_ids(B, T)
    assert not torch.equal(model(ids)[0], model(ids)[0])
    assert model.bits(some_ids(30)) == model.bits(some_ids(30)) and model.training
    model.eval()
    assert torch.equal(model(ids)[0], model(ids)[0])


@pytest.mark.parametrize("name", MODELS)
def test_bits_do_not_depend_on_how_the_text_is_cut(name):
    model, ids = make(name), some_ids(41)
    whole = model.bits(ids, T=100)
    loss, _ = model.loss(ids[None, :-1], ids[None, 1:])
    assert whole == pytest.approx(loss.item() / math.log(2), abs=TOL)
    assert model.bits(ids.numpy(), T=7) == pytest.approx(whole, abs=TOL)
    streams = ids[:40].view(4, 10), ids[1:41].view(4, 10)
    assert model.bits(ids, B=4, T=3) == pytest.approx(model.loss(*streams)[0].item() / math.log(2), abs=TOL)


@pytest.mark.parametrize("name", MODELS)
def test_sampling_follows_the_models_own_distribution(name):
    model, prompt = make(name), np.array([1, 2, 0, 3])
    first = model.sample(prompt, 12, rng=np.random.default_rng(0))
    assert first.shape == (12,) and first.dtype == np.int64
    assert (first == model.sample(prompt, 12, rng=np.random.default_rng(0))).all()
    greedy, ids = model.sample(prompt, 5, rng=np.random.default_rng(0), temperature=0), torch.from_numpy(prompt)
    for k in range(5):
        assert greedy[k] == model(ids[None])[0][0, -1].argmax()
        ids = torch.cat([ids, torch.from_numpy(greedy[k : k + 1])])
    assert (model.sample(prompt, 5, rng=np.random.default_rng(1), top_k=1) == greedy).all()
    probs = torch.softmax(model(torch.from_numpy(prompt)[None])[0][0, -1] / 0.7, 0).detach().numpy()
    rng = np.random.default_rng(3)
    counts = np.bincount([model.sample(prompt, 1, rng=rng, temperature=0.7)[0] for _ in range(300)], minlength=V)
    assert np.abs(counts / 300 - probs).max() < 5 * math.sqrt(0.25 / 300)
    allowed = set(np.argsort(probs)[-2:])
    assert {model.sample(prompt, 1, rng=rng, top_k=2)[0] for _ in range(30)} <= allowed


@pytest.mark.parametrize(
    "options",
    [
        dict(cell="rnn", activation="relu"),
        dict(cell="lstm", peephole=True),
        dict(cell="gru", reset="before", E=E),
        dict(cell="gru", E=H, tie=True),
        dict(cell="lstm", layer_norm=True),
        dict(cell="lstm", num_layers=2, E=E),
    ],
    ids=str,
)
def test_the_step_that_samples_is_the_model(options):
    torch.manual_seed(5)
    model = CharLM(V, H, **options).double().eval()
    ids = some_ids(B, T)
    logits, _ = model(ids)
    _, state = model(ids[:, :2])
    step = model.step()
    for t in range(2, T):
        now, state = step(ids[:, t].numpy(), state)
        assert isinstance(now, np.ndarray) == (options.get("num_layers", 1) == 1 and "layer_norm" not in options)
        close(torch.as_tensor(now), logits[:, t].detach())


@pytest.mark.parametrize("name", MODELS)
def test_fit_teaches_a_cycle(name):
    model = make(name).float()
    ids = torch.arange(600) % V

    def batches(epoch):
        streams = ids.view(4, 150)
        for start in range(0, 140, 10):
            yield streams[:, start : start + 10], (streams[:, start : start + 10] + 1) % V

    history = fit(model, batches, type(model).loss, epochs=12, lr=0.03, max_norm=1.0, carry_state=True, progress=False)
    assert history.loss[-1] < 0.2 < history.loss[0]
    assert model.sample([5, 6, 0], 4, rng=np.random.default_rng(0), temperature=0).tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: CharLM(1, H), ValueError, "V: expected a number >= 2, got 1"),
        (lambda: CharLM(V, H, "lstn"), ValueError, "cell: expected one of 'rnn', 'lstm', 'gru', got 'lstn'"),
        (lambda: CharLM(V, H, E=E, tie=True), ValueError, "tie: expected E = H = 5, got E = 4"),
        (lambda: CharLM(V, H, bidirectional=True), ValueError, "bidirectional: expected False"),
        (lambda: CharLM(V, H, dropout=1.0), ValueError, "dropout: expected a probability below 1"),
        (lambda: WindowLM(V, 0, E, H), ValueError, "n: expected a number >= 1, got 0"),
        (lambda: make("lstm")(torch.zeros(B, T)), TypeError, "ids: expected an integer dtype, got float32"),
        (lambda: make("lstm")(np.zeros((B, T), int)), TypeError, "ids: expected a tensor, got ndarray"),
        (lambda: make("window")(torch.full((B, T), V)), ValueError, "ids: expected ids between 0 and 6"),
        (lambda: make("window")(some_ids(B, T), some_ids(B, N)), ValueError, r"state: expected shape \(3, 2\), got \(3, 3\)"),
        (lambda: make("gru").loss(some_ids(B, T), some_ids(B, T + 1)), ValueError, r"targets: expected shape \(3, 6\), got \(3, 7\)"),
        (lambda: make("gru").loss(some_ids(B, T), some_ids(B, T), mask=torch.ones(B, T)), TypeError, "mask: expected dtype bool"),
        (lambda: make("rnn").bits(some_ids(3), B=3), ValueError, r"ids: expected at least B \+ 1 = 4 ids, got 3"),
        (lambda: make("rnn").sample([], 3, rng=np.random.default_rng(0)), TypeError, "prompt: expected an integer dtype"),
        (lambda: make("rnn").sample([1], 3, rng=0), TypeError, r"rng: expected a numpy\.random\.Generator, got int"),
        (
            lambda: make("rnn").sample([1], 3, rng=np.random.default_rng(0), top_k=0),
            ValueError,
            "top_k: expected a number >= 1, got 0",
        ),
        (
            lambda: make("rnn").sample([1], 3, rng=np.random.default_rng(0), temperature=-1),
            ValueError,
            "temperature: expected a number >= 0",
        ),
    ],
)
def test_errors_name_the_argument(call, error, text):
    with pytest.raises(error, match=text):
        call()
