"""Encoder–decoder and captioner: teacher forcing, decoding, alignments, and what padding may not change."""

import itertools
import math

import numpy as np
import pytest
import torch

from rnnlib.nn import Captioner, Seq2Seq
from rnnlib.train import fit

B, S, T, E, H, K = 4, 6, 5, 7, 8, 9
V_SOURCE, V_TARGET = 11, 10
PAD, START, END = 0, 1, 2
TOL = 1e-12  # float64, absolute
KINDS = list(itertools.product((None, "additive", "dot", "general"), ("gru", "lstm", "rnn")))


def make(attention="additive", cell="gru", bidirectional=False, **options):
    torch.manual_seed(1)
    return Seq2Seq(V_SOURCE, V_TARGET, E, H, attention=attention, cell=cell, bidirectional=bidirectional, **options).double()


def make_captioner(**options):
    torch.manual_seed(1)
    return Captioner(V_TARGET, E, H, K, **options).double()


def some_source():
    source = torch.from_numpy(np.random.default_rng(0).integers(3, V_SOURCE, (B, S)))
    source[1, 4:], source[2, 1:] = PAD, PAD
    return source


def some_target():
    target = torch.from_numpy(np.random.default_rng(1).integers(3, V_TARGET, (B, T)))
    target[:, -1] = END
    target[1, 2], target[1, 3:] = END, PAD
    return target


def close(a, b, tol=TOL):
    torch.testing.assert_close(a, b, rtol=0, atol=tol)


@pytest.mark.parametrize("attention, cell", KINDS)
def test_shapes_alignments_and_a_loss_that_flows_everywhere(attention, cell):
    model = make(attention, cell)
    logits, attn = model(some_source(), some_target())
    assert logits.shape == (B, T, V_TARGET)
    if attention is None:
        assert attn is None
    else:
        assert attn.shape == (B, T, S)
        close(attn.sum(2), torch.ones(B, T).double())
        assert not attn[1, :, 4:].any() and not attn[2, :, 1:].any()
    model.loss(some_source(), some_target()).backward()
    assert all(p.grad is not None and p.grad.any() for p in model.parameters())


@pytest.mark.parametrize("attention, cell", [("additive", "lstm"), ("general", "gru"), (None, "rnn")])
def test_both_directions(attention, cell):
    model = make(attention, cell, bidirectional=True)
    model.loss(some_source(), some_target()).backward()
    assert all(p.grad.any() for p in model.parameters())
    longer = torch.cat([some_source(), torch.zeros(B, 2, dtype=torch.int64)], 1)
    close(model(longer, some_target())[0], model(some_source(), some_target())[0])


@pytest.mark.parametrize("attention, cell", KINDS)
def test_padding_changes_nothing(attention, cell):
    model, source, target = make(attention, cell), some_source(), some_target()
    logits, _ = model(source, target)
    close(model(source[1:2, :4], target[1:2])[0], logits[1:2])
    close(model(source[2:3, :1], target[2:3])[0], logits[2:3])
    longer = torch.cat([target, torch.zeros(B, 3, dtype=torch.int64)], 1)
    close(model.loss(source, longer), model.loss(source, target))


@pytest.mark.parametrize("attention, cell", KINDS)
def test_step_by_step_is_teacher_forcing_and_nothing_later_is_seen(attention, cell):
    model, target = make(attention, cell), some_target()
    logits, attn = model(some_source(), target)
    memory, state = model.encode(some_source())
    ids = torch.cat([torch.full((B, 1), START), target[:, :-1]], 1)
    for t in range(T):
        step, state, looked = model.decoder(ids[:, t : t + 1], state, memory)
        close(step[:, 0], logits[:, t])
        if attention:
            close(looked[:, 0], attn[:, t])


def test_the_loss_counts_what_is_not_pad():
    model, source, target = make(), some_source(), some_target()
    logits, _ = model(source, target)
    log_probs = torch.log_softmax(logits, 2)
    kept = [log_probs[b, t, target[b, t]] for b in range(B) for t in range(T) if target[b, t] != PAD]
    close(model.loss(source, target), -torch.stack(kept).mean())
    for p in model.parameters():
        p.data.zero_()
    assert model.loss(source, target).item() == pytest.approx(math.log(V_TARGET))


def test_teacher_forcing_between_none_and_all():
    model, source, target = make("additive", "lstm"), some_source(), some_target()
    own = model.greedy(source, T)[0].clone()
    free = model.loss(source, target, teacher_forcing=0.0)
    logits, _ = model(source, torch.where(own == PAD, END, own))
    until_end = (own != PAD).sum(1).min()  # up to here what was read is what greedy wrote
    close(torch.log_softmax(logits, 2)[:, :until_end].argmax(2), own[:, :until_end])
    assert free.item() != model.loss(source, target).item()
    with pytest.raises(ValueError, match="teacher_forcing: expected a number >= 0 and <= 1"):
        model.loss(source, target, teacher_forcing=2)


@pytest.mark.parametrize("attention, cell", KINDS)
def test_greedy_writes_the_likeliest_and_stops_at_the_end(attention, cell):
    model, source = make(attention, cell), some_source()
    model.decoder.b_y.data[END] += 0.3
    model.train()
    ids, attn = model.greedy(source, 7)
    assert ids.shape == (B, 7) and model.training
    assert (attn is None) == (attention is None) and (attn is None or attn.shape == (B, 7, S))
    logits, _ = model(source, ids)
    for b in range(B):
        ends = (ids[b] == END).nonzero()
        stop = int(ends[0]) + 1 if len(ends) else 7
        assert (ids[b, stop:] == PAD).all()
        close(ids[b, :stop], logits[b, :stop].argmax(1))


@pytest.mark.parametrize("attention, cell", [("additive", "lstm"), ("dot", "gru"), (None, "rnn")])
def test_a_beam_of_one_is_greedy_and_a_full_one_is_exact(attention, cell):
    model, source = make(attention, cell), some_source()
    model.decoder.b_y.data[END] += 0.3
    ids, log_prob = model.beam(source, 4, width=1)
    assert torch.equal(ids[:, 0], model.greedy(source, 4)[0])
    logits = torch.log_softmax(model(source, ids[:, 0])[0], 2)
    picked = logits.gather(2, ids[:, 0, :, None])[..., 0].masked_fill(ids[:, 0] == PAD, 0)
    close(log_prob[:, 0], picked.sum(1))
    wide, scores = model.beam(source, 2, width=V_TARGET**2)
    assert (scores[:, :-1] >= scores[:, 1:]).all()
    everything = torch.tensor([(a, b) for a in range(V_TARGET) for b in range(V_TARGET) if a != END] + [(END, PAD)])
    for b in range(B):
        logits = torch.log_softmax(model(source[b : b + 1].expand(len(everything), -1), everything)[0], 2)
        scored = logits.gather(2, everything[..., None])[..., 0]
        scored[-1, 1] = 0
        best = scored.sum(1).max()
        close(scores[b, 0], best)
        assert torch.equal(wide[b, 0], everything[scored.sum(1).argmax()])


def test_attention_learns_to_reverse_and_looks_from_the_end():
    torch.manual_seed(0)
    model = Seq2Seq(8, 8, 12, 24, attention="additive", cell="gru", bidirectional=True)

    def batches(epoch):
        rng = np.random.default_rng([1, epoch])
        for _ in range(40):
            ids = rng.integers(3, 8, (24, 4))
            yield ids, np.concatenate([ids[:, ::-1], np.full((24, 1), END)], 1)

    fit(model, batches, Seq2Seq.loss, epochs=2, lr=0.02, max_norm=1.0, progress=False)
    source = torch.from_numpy(np.random.default_rng(9).integers(3, 8, (50, 4)))
    ids, attn = model.greedy(source, 5)
    assert (ids[:, :4] == source.flip(1)).all(1).float().mean() > 0.9
    assert (attn[:, :4].argmax(2) == torch.tensor([3, 2, 1, 0])).float().mean() > 0.9


# ---- pictures


@pytest.mark.parametrize("attention", [None, "additive", "general"])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_captioner_reads_a_feature_map(attention, cell):
    model, features = make_captioner(attention=attention, cell=cell), torch.randn(B, K, 2, 3).double()
    logits, attn = model(features, some_target())
    assert logits.shape == (B, T, V_TARGET)
    if attention:
        assert attn.shape == (B, T, 6)
        close(attn.sum(2), torch.ones(B, T).double())
        # regions are rows of the map, one after the other: with its columns reversed the attention is reversed with them
        turned = model(features.flip(3), some_target())[1]
        close(turned.unflatten(2, (2, 3)).flip(3).flatten(2), attn)
    model.loss(features, some_target()).backward()
    assert all(p.grad.any() for p in model.parameters())
    assert model.greedy(features, 3)[0].shape == (B, 3) and model.beam(features, 3, 2)[0].shape == (B, 2, 3)


def test_the_cnn_stays_frozen():
    cnn = torch.nn.Sequential(torch.nn.Conv2d(3, K, 3), torch.nn.BatchNorm2d(K), torch.nn.Dropout(0.5)).double()
    model, images = make_captioner(cnn=cnn), torch.randn(B, 3, 5, 6).double()
    before = {name: value.clone() for name, value in cnn.state_dict().items()}
    fit(model, lambda epoch: [(images, some_target())] * 3, Captioner.loss, progress=False)
    assert all(torch.equal(value, before[name]) for name, value in cnn.state_dict().items())
    model.train()
    assert model.training and not cnn.training
    bare = make_captioner()
    bare.load_arrays({name: value for name, value in model.to_arrays().items() if not name.startswith("cnn")})
    close(bare(cnn(images), some_target())[0], model(images, some_target())[0])


# ---- errors


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: make("luong"), ValueError, "attention: expected one of None, 'additive', 'dot', 'general', got 'luong'"),
        (lambda: make("dot", bidirectional=True), ValueError, "annotations of the state's size H = 8 for 'dot', got 16"),
        (lambda: make(cell="gur"), ValueError, "cell: expected one of"),
        (lambda: make(end=1), ValueError, "pad, start, end: expected three different ids, got 0, 1, 1"),
        (lambda: make(end=V_TARGET), ValueError, "end: expected a number >= 0 and <= 9"),
        (lambda: make()(some_source() + 9, some_target()), ValueError, "source: expected ids between 0 and 10"),
        (lambda: make()(some_source() * 0, some_target()), ValueError, "lengths: expected values between 1 and T = 6, got values from 0"),
        (lambda: make()(some_source().flip(1), some_target()), ValueError, r"source: expected 0 \(pad\) at the end of a row only"),
        (lambda: make().loss(some_source(), some_target()[0]), ValueError, r"target: expected shape \(B, T\), got \(5,\)"),
        (lambda: make().greedy(some_source(), 0), ValueError, "max_length: expected a number >= 1, got 0"),
        (lambda: make_captioner(cnn=3), TypeError, r"cnn: expected a torch\.nn\.Module, got int"),
        (lambda: make_captioner().greedy(torch.zeros(B, K, 3).double(), 2), ValueError, r"source: expected shape \(B, C, Y, X\)"),
        (lambda: make_captioner().greedy(torch.zeros(B, 3, 2, 2).double(), 2), ValueError, r"source: expected shape \(B, 9, Y, X\)"),
        (
            lambda: make_captioner(cnn=torch.nn.Identity()).greedy(torch.zeros(B, 3, 2, 2).double(), 2),
            ValueError,
            "feature map of cnn: expected shape",
        ),
    ],
)
def test_errors_name_the_argument(call, error, text):
    with pytest.raises(error, match=text):
        call()
