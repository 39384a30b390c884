"""Self-attention as a language model: the code for places, what a step can see, parity with torch."""

import math

import numpy as np
import pytest
import torch

from rnnlib.nn.transformer import TransformerBlock, TransformerLM
from rnnlib.scratch.positions import sinusoids
from rnnlib.train import fit, seed_all

B, T, V, E, HEADS, LAYERS, N = 3, 5, 7, 6, 2, 2, 9
TOL = 1e-12  # float64, absolute


def make(**options):
    seed_all(1)
    return TransformerLM(V, E, HEADS, LAYERS, N, **options).double()


def some_ids(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, V, shape))


def test_sinusoids_by_hand():
    codes = sinusoids(3, 4)
    assert codes.dtype == np.float32 and codes.shape == (3, 4)
    np.testing.assert_allclose(codes[2], [math.sin(2), math.cos(2), math.sin(0.02), math.cos(0.02)], atol=1e-7)


def test_a_shift_of_places_is_a_rotation():
    """The same two numbers turn p_t into p_{t+3}, whatever t is."""
    codes, w = sinusoids(20, 2), 1.0
    turn = np.array([[math.cos(3 * w), -math.sin(3 * w)], [math.sin(3 * w), math.cos(3 * w)]])
    np.testing.assert_allclose(codes[3:], codes[:-3] @ turn, atol=1e-6)


def test_shapes_and_a_loss_that_flows_everywhere():
    model = make()
    logits, past = model(some_ids(B, T))
    assert logits.shape == (B, T, V) and past.shape == (B, N // 2)
    _, _, maps = model.look(some_ids(B, T))
    assert [m.shape for m in maps] == [(B, HEADS, T, T)] * LAYERS
    loss, _ = model.loss(some_ids(B, T), some_ids(B, T, seed=1))
    loss.backward()
    assert all(p.grad is not None and p.grad.any() for p in model.parameters())


def test_no_step_sees_what_comes_after_it():
    model, ids = make(), some_ids(B, T)
    other = ids.clone()
    other[:, 3:] = (other[:, 3:] + 1) % V
    torch.testing.assert_close(model(ids)[0][:, :3], model(other)[0][:, :3], rtol=0, atol=TOL)
    leaking = make(causal=False)
    assert (leaking(ids)[0][:, 0] - leaking(other)[0][:, 0]).abs().max() > 1e-3


def test_with_its_past_it_goes_on_as_if_it_had_read_all():
    model, ids = make(), some_ids(B, 8)
    whole = model(ids)[0]
    _, past = model(ids[:, :4])
    torch.testing.assert_close(model(ids[:, 4:], past)[0], whole[:, 4:], rtol=0, atol=TOL)
    assert past.tolist() == ids[:, :4].tolist()


def test_without_places_the_order_of_the_past_is_lost():
    model, ids = make(), some_ids(1, T)
    model.blocks = model.blocks[:1]
    model.places.zero_()
    swapped = ids[:, [1, 0, 3, 2, 4]]
    torch.testing.assert_close(model(ids)[0][:, -1], model(swapped)[0][:, -1], rtol=0, atol=TOL)


def test_block_is_torchs_encoder_layer():
    seed_all(2)
    block = TransformerBlock(E, HEADS).double()
    twin = torch.nn.TransformerEncoderLayer(E, HEADS, 4 * E, dropout=0.0, batch_first=True, norm_first=True, dtype=torch.float64)
    own = block.attention
    with torch.no_grad():
        twin.self_attn.in_proj_weight.copy_(torch.cat([own.W_q.T, own.W_k.T, own.W_v.T]))
        twin.self_attn.out_proj.weight.copy_(own.W_o.T)
        twin.self_attn.in_proj_bias.zero_()
        twin.self_attn.out_proj.bias.zero_()
        for theirs, ours in ((twin.linear1, (block.W_1, block.b_1)), (twin.linear2, (block.W_2, block.b_2))):
            theirs.weight.copy_(ours[0].T)
            theirs.bias.copy_(ours[1])
    x, mask = torch.randn(B, T, E, dtype=torch.float64), torch.ones(1, T, T).tril().bool()
    torch.testing.assert_close(block(x, mask)[0], twin(x, src_mask=~mask[0]), rtol=0, atol=TOL)


def test_it_learns_to_copy_the_id_three_steps_back():
    rng = np.random.default_rng(0)
    seed_all(0)
    model = TransformerLM(V, 16, 2, 1, 12)

    def batches(epoch):
        for _ in range(150):
            ids = torch.from_numpy(rng.integers(0, V, (32, 12)))
            yield ids[:, 3:], ids[:, :-3], ids

    def loss(model, targets_at, targets, ids):
        return torch.nn.functional.cross_entropy(model(ids)[0][:, 3:].flatten(0, 1), targets.flatten())

    history = fit(model, batches, loss, lr=1e-2, max_norm=1.0, progress=False)
    assert np.mean(history.loss[-10:]) < 0.2 * math.log(V)


def test_bits_and_samples():
    model = make()
    for p in model.parameters():
        p.data.zero_()
    assert model.bits(some_ids(40), T=4) == pytest.approx(math.log2(V))
    drawn = make().sample(np.array([1, 2]), 20, rng=np.random.default_rng(0))
    assert drawn.shape == (20,) and drawn.max() < V


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: sinusoids(3, 5), "E: expected an even number, got 5"),
        (lambda: TransformerLM(V, E, 4, 1, N), "n_heads: expected a divisor of E = 6, got 4"),
        (lambda: TransformerLM(V, E, 2, 1, 1), "N: expected a number >= 2, got 1"),
        (lambda: make()(some_ids(1, 10)), "ids: expected at most N = 9 ids with the 0 of state, got 10"),
    ],
)
def test_errors_name_the_argument(call, text):
    with pytest.raises(ValueError, match=text):
        call()
