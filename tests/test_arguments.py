"""Every public function, given each of its arguments broken: the error names the argument, what was expected and what came.

`ROWS` has one valid call for every public function and method; all the tests walk that table, and a function without a row is an error.
"""

import importlib
import inspect
import pkgutil
import re
from functools import cache

import numpy as np
import pytest
import torch

import rnnlib.scratch
from rnnlib import data, gradcheck, nn, train
from rnnlib.arrays import is_tensor, to_numpy
from rnnlib.gradcheck import check_gradients, complex_step
from rnnlib.scratch import (
    attention,
    bleu,
    bptt,
    clip,
    decode,
    dropout,
    gru,
    init,
    jacobian,
    language,
    layers,
    linear,
    loss,
    lru,
    lstm,
    min_rnn,
    ngram,
    optim,
    penalty,
    positions,
    reservoir,
    rnn,
    scan,
    sequence,
)

B, T, S, D, H, V, E, A, K, N = 3, 4, 5, 2, 6, 7, 8, 10, 9, 11  # all different: an axis cannot stand for another
CLOSE = 1e-11  # the same float64 numbers summed in another order
t = torch.from_numpy


class Draw:
    """Random arrays of one dtype, the same at every use."""

    def __init__(self, dtype=np.float64):
        self.dtype, self.torch_dtype = dtype, {np.float32: torch.float32, np.float64: torch.float64}[dtype]
        self._rng = np.random.default_rng(0)

    def __call__(self, *shape):
        return 0.5 * self._rng.standard_normal(shape).astype(self.dtype)

    def ids(self, below, *shape):
        return self._rng.integers(0, below, shape)

    def mask(self, *shape):
        mask = self._rng.random(shape) < 0.5
        mask[..., 0] = True
        return mask

    def probabilities(self, *shape):
        p = self._rng.random(shape) + 0.1
        return (p / p.sum(-1, keepdims=True)).astype(self.dtype)

    def rng(self):
        return np.random.default_rng(1)

    def module(self, make, *args, **options):
        """A module with the same weights at every use, in evaluation mode."""
        torch.manual_seed(0)
        return make(*args, **options).to(self.torch_dtype).eval()


LENGTHS = np.array([3, 4, 1])


# ---- the table: for every function a factory of one valid call ---------------------------------------------------------------


def rnn_weights(a, D=D):
    return dict(W_xh=a(D, H), W_hh=a(H, H), b_h=a(H))


def lstm_weights(a, D=D):
    return dict(W_x=a(D, 4 * H), W_h=a(H, 4 * H), b=a(4 * H))


def gru_weights(a, D=D):
    return dict(W_x=a(D, 3 * H), W_h=a(H, 3 * H), b_x=a(3 * H), b_h=a(3 * H))


def peepholes(a):
    return a(H), a(H), a(H)


def rnn_call(a):
    return dict(x=a(B, T, D), **rnn_weights(a), h_0=a(B, H), activation="tanh", lengths=LENGTHS)


def lstm_call(a):
    return dict(x=a(B, T, D), **lstm_weights(a), state=(a(B, H), a(B, H)), peepholes=peepholes(a), lengths=LENGTHS)


def gru_call(a):
    return dict(x=a(B, T, D), **gru_weights(a), h_0=a(B, H), reset="before", lengths=LENGTHS)


def both_call(a):
    states = ((a(B, H), a(B, H)), (a(B, H), a(B, H)))
    return dict(x=a(B, T, D), forward_params=lstm_weights(a), reverse_params=lstm_weights(a), states=states, cell="lstm", lengths=LENGTHS)


def stack_call(a):
    return dict(x=a(B, T, D), layers=[gru_weights(a), gru_weights(a, H)], states=[a(B, H), a(B, H)], cell="gru", lengths=LENGTHS)


def minimal_call(a, blocks):
    return dict(x=a(B, T, D), W_x=a(D, blocks * H), b=a(blocks * H), h_0=a(B, H), lengths=LENGTHS, method="loop")


def lru_call(a):
    logarithms = dict(nu=a(N), theta=a(N), gamma=a(N))
    weights = dict(B_re=a(E, N), B_im=a(E, N), C_re=a(N, E), C_im=a(N, E), D=a(E))
    return dict(x=a(B, T, E), **logarithms, **weights, h_0=a(B, N) + 1j * a(B, N), lengths=LENGTHS, method="loop")


def echo(a):
    return reservoir.Reservoir(D, N, fan_in=4, dtype=a.dtype)


def fitted(a):
    return echo(a).fit(a(B, T, D), a(B, T, D), washout=1)


def dot_call(a):
    return dict(query=a(B, T, A), keys=a(B, S, A), values=a(B, S, H), mask=a.mask(B, T, S), scale=0.5)


def general_call(a):
    return dict(query=a(B, T, A), keys=a(B, S, K), values=a(B, S, H), W_a=a(A, K), mask=a.mask(B, T, S))


def additive_call(a):
    qkv = dict(query=a(B, T, A), keys=a(B, S, K), values=a(B, S, H))
    return dict(**qkv, W_q=a(A, N), W_k=a(K, N), v_a=a(N), mask=a.mask(B, T, S))


def heads_call(a):
    qkv = dict(query=a(B, T, E), keys=a(B, S, K), values=a(B, S, D))
    return dict(**qkv, W_q=a(E, A), W_k=a(K, A), W_v=a(D, H), W_o=a(H, V), n_heads=2, mask=a.mask(B, T, S))


def attention_rows():
    calls = (("dot", dot_call, H), ("general", general_call, H), ("additive", additive_call, H), ("multi_head", heads_call, V))
    for name, call, size in calls:
        forward, backward = getattr(attention, f"{name}_attention"), getattr(attention, f"{name}_attention_backward")
        yield forward.__name__, lambda a, forward=forward, call=call: (forward, call(a))
        yield (
            backward.__name__,
            lambda a, forward=forward, backward=backward, call=call, size=size: (
                backward,
                dict(dcontext=a(B, T, size), tape=forward(**call(a))[2]),
            ),
        )


def squares(h_seq, start):
    return (h_seq * h_seq).sum(), 2 * h_seq


def through_time(a, **more):
    return dict(cell="lstm", params=lstm_weights(a) | dict(zip(("p_i", "p_f", "p_o"), peepholes(a), strict=True)), x=a(B, T, D)) | more


def state_of(a):
    return a(B, H), a(B, H)


def writer(a):
    """A language model's step, and the state that it starts from."""
    return language.language_step("rnn", rnn_weights(a, E), a(H, V), a(V), a(V, E)), a(B, H)


def write_call(a, **more):
    step, state = writer(a)
    return dict(step=step, state=state, start=a.ids(V, B), T=T) | more


def tables(a):
    return {"W": a(D, H), "b": a(H)}


def optimiser_rows():
    for make, options in (
        (optim.SGD, dict(lr=0.1, momentum=0.9)),
        (optim.Adagrad, dict(lr=0.1, eps=1e-10)),
        (optim.RMSProp, dict(lr=0.1, alpha=0.9, eps=1e-8)),
        (optim.Adam, dict(lr=0.1, eps=1e-8)),
    ):
        yield make.__name__, lambda a, make=make, options=options: (make, dict(params=tables(a), **options))
        yield f"{make.__name__}.step", lambda a, make=make: (make(tables(a), lr=0.1).step, dict(grads=tables(a)))


def square(w, b):
    return (w * w).sum() + (b * b * b).sum()


def gradient_call(a):
    params = {"w": a(D, H), "b": a(H)}
    return dict(f=square, params=params, grads={"w": 2 * params["w"], "b": 3 * params["b"] ** 2}, tol=1e-7, rng=a.rng())


SCRATCH = {
    "rnn_step": lambda a: (rnn.rnn_step, dict(x_t=a(B, D), h_prev=a(B, H), **rnn_weights(a), activation="tanh")),
    "rnn_forward": lambda a: (rnn.rnn_forward, rnn_call(a)),
    "rnn_backward": lambda a: (rnn.rnn_backward, dict(dh_seq=a(B, T, H), tape=rnn.rnn_forward(**rnn_call(a))[2], dh_T=a(B, H))),
    "lstm_step": lambda a: (lstm.lstm_step, dict(x_t=a(B, D), h_prev=a(B, H), c_prev=a(B, H), **lstm_weights(a), peepholes=peepholes(a))),
    "lstm_forward": lambda a: (lstm.lstm_forward, lstm_call(a)),
    "lstm_backward": lambda a: (
        lstm.lstm_backward,
        dict(dh_seq=a(B, T, H), tape=lstm.lstm_forward(**lstm_call(a))[2], dstate=state_of(a)),
    ),
    "gru_step": lambda a: (gru.gru_step, dict(x_t=a(B, D), h_prev=a(B, H), **gru_weights(a), reset="after")),
    "gru_forward": lambda a: (gru.gru_forward, gru_call(a)),
    "gru_backward": lambda a: (gru.gru_backward, dict(dh_seq=a(B, T, H), tape=gru.gru_forward(**gru_call(a))[2], dh_T=a(B, H))),
    "bidirectional_forward": lambda a: (layers.bidirectional_forward, both_call(a)),
    "bidirectional_backward": lambda a: (
        layers.bidirectional_backward,
        dict(dh_seq=a(B, T, 2 * H), tape=layers.bidirectional_forward(**both_call(a))[2], dstates=(state_of(a), state_of(a))),
    ),
    "stack_forward": lambda a: (layers.stack_forward, stack_call(a)),
    "stack_backward": lambda a: (
        layers.stack_backward,
        dict(dh_seq=a(B, T, H), tape=layers.stack_forward(**stack_call(a))[2], dstates=[a(B, H), a(B, H)]),
    ),
    "length_mask": lambda a: (attention.length_mask, dict(lengths=np.array([1, 5, 2]), S=S)),
    "causal_mask": lambda a: (attention.causal_mask, dict(T=T)),
    "masked_softmax": lambda a: (attention.masked_softmax, dict(scores=a(B, T, S))),
    "masked_softmax, mask": lambda a: (attention.masked_softmax, dict(scores=a(B, T, S), mask=a.mask(B, T, S))),
    "flip_valid": lambda a: (sequence.flip_valid, dict(x=a(B, T, D), lengths=LENGTHS)),
    **dict(attention_rows()),
    "bptt.run": lambda a: (bptt.run, through_time(a, state=state_of(a), lengths=LENGTHS)),
    "bptt.backward": lambda a: (
        bptt.backward,
        dict(cell="lstm", dh_seq=a(B, T, H), tape=lstm.lstm_forward(**lstm_call(a))[2], dstate=state_of(a)),
    ),
    "full": lambda a: (bptt.full, through_time(a, loss_fn=squares, state=state_of(a), every=3)),
    "checkpointed": lambda a: (bptt.checkpointed, through_time(a, loss_fn=squares, state=state_of(a), every=3)),
    "truncated_windows": lambda a: (bptt.truncated_windows, through_time(a, loss_fn=squares, state=state_of(a), k1=2, k2=3), list),
    "truncated": lambda a: (bptt.truncated, through_time(a, loss_fn=squares, state=state_of(a), k1=2, k2=3)),
    "rtrl": lambda a: (bptt.rtrl, through_time(a, loss_fn=squares, state=state_of(a))),
    "scan": lambda a: (scan.scan, dict(a=a(B, T, H), b=a(B, T, H), h_0=a(B, H), method="chunked")),
    "scan_backward": lambda a: (scan.scan_backward, dict(dh_seq=a(B, T, H), tape=scan.scan(a(B, T, H), a(B, T, H))[1])),
    "min_gru_forward": lambda a: (min_rnn.min_gru_forward, minimal_call(a, 2)),
    "min_gru_backward": lambda a: (
        min_rnn.min_gru_backward,
        dict(dh_seq=a(B, T, H), tape=min_rnn.min_gru_forward(**minimal_call(a, 2))[2], dh_T=a(B, H)),
    ),
    "min_lstm_forward": lambda a: (min_rnn.min_lstm_forward, minimal_call(a, 3)),
    "min_lstm_backward": lambda a: (
        min_rnn.min_lstm_backward,
        dict(dh_seq=a(B, T, H), tape=min_rnn.min_lstm_forward(**minimal_call(a, 3))[2], dh_T=a(B, H)),
    ),
    "lru_forward": lambda a: (lru.lru_forward, lru_call(a)),
    "lru_backward": lambda a: (
        lru.lru_backward,
        dict(dy_seq=a(B, T, E), tape=lru.lru_forward(**lru_call(a))[2], dh_T=a(B, N) + 1j * a(B, N)),
    ),
    "global_norm": lambda a: (clip.global_norm, dict(grads=tables(a))),
    "clip_by_norm": lambda a: (clip.clip_by_norm, dict(grads=tables(a), max_norm=0.5)),
    "clip_by_value": lambda a: (clip.clip_by_value, dict(grads=tables(a), bound=0.1)),
    "distribution": lambda a: (decode.distribution, dict(logits=a(B, V), temperature=0.7, top_k=4, nucleus=0.8)),
    "greedy": lambda a: (decode.greedy, write_call(a, eos=1)),
    "sample": lambda a: (decode.sample, write_call(a, rng=a.rng(), temperature=0.7, top_k=4, nucleus=0.8, eos=1)),
    "score": lambda a: (decode.score, dict(zip(("step", "state"), writer(a), strict=True), start=a.ids(V, B), ids=a.ids(V, B, T), eos=1)),
    "beam": lambda a: (decode.beam, write_call(a, width=2, eos=1, length_power=0.5)),
    "viterbi": lambda a: (decode.viterbi, dict(log_initial=np.log(a.probabilities(V)), log_P=np.log(a.probabilities(V, V)), T=T)),
    "dropout_mask": lambda a: (dropout.dropout_mask, dict(shape=(B, D), p=0.4, rng=a.rng(), like=a(1))),
    "dropout": lambda a: (dropout.dropout, dict(x=a(B, T, D), p=0.4, rng=a.rng())),
    "dropout, mask": lambda a: (dropout.dropout, dict(x=a(B, T, D), p=0.4, rng=None, mask=a(B, T, D))),
    "variational_dropout": lambda a: (dropout.variational_dropout, dict(x=a(B, T, D), p=0.4, rng=a.rng())),
    "variational_dropout, mask": lambda a: (dropout.variational_dropout, dict(x=a(B, T, D), p=0.4, rng=None, mask=a(B, 1, D))),
    "dropout_backward": lambda a: (
        dropout.dropout_backward,
        dict(dy=a(B, T, D), tape=dropout.dropout(a(B, T, D), 0.4, a.rng())[1]),
    ),
    "recurrent_dropout": lambda a: (
        dropout.recurrent_dropout,
        dict(c_prev=a(B, H), i_t=a(B, H), f_t=a(B, H), g_t=a(B, H), p=0.4, rng=a.rng()),
    ),
    "recurrent_dropout, mask": lambda a: (
        dropout.recurrent_dropout,
        dict(c_prev=a(B, H), i_t=a(B, H), f_t=a(B, H), g_t=a(B, H), p=0.4, rng=None, mask=a(B, H)),
    ),
    "recurrent_dropout_backward": lambda a: (
        dropout.recurrent_dropout_backward,
        dict(dc_t=a(B, H), tape=dropout.recurrent_dropout(a(B, H), a(B, H), a(B, H), a(B, H), 0.4, a.rng())[1]),
    ),
    "zoneout": lambda a: (dropout.zoneout, dict(h_prev=a(B, H), h_t=a(B, H), p=0.4, rng=a.rng())),
    "zoneout, mask": lambda a: (dropout.zoneout, dict(h_prev=a(B, H), h_t=a(B, H), p=0.4, rng=None, mask=a.mask(B, H))),
    "zoneout_backward": lambda a: (dropout.zoneout_backward, dict(dy=a(B, H), tape=dropout.zoneout(a(B, H), a(B, H), 0.4, a.rng())[1])),
    "uniform": lambda a: (init.uniform, dict(shape=(D, H), rng=a.rng(), bound=0.1, dtype=a.dtype)),
    "glorot": lambda a: (init.glorot, dict(shape=(D, 4 * H), rng=a.rng(), blocks=4, dtype=a.dtype)),
    "orthogonal": lambda a: (init.orthogonal, dict(shape=(D, 4 * H), rng=a.rng(), gain=2.0, blocks=4, dtype=a.dtype)),
    "identity": lambda a: (init.identity, dict(H=H, scale=0.5, dtype=a.dtype)),
    "forget_bias": lambda a: (init.forget_bias, dict(b=a(4 * H), value=1.0)),
    "step_jacobian": lambda a: (jacobian.step_jacobian, dict(cell="rnn", params=rnn_weights(a), x_t=a(B, D), state=a(B, H))),
    "jacobians": lambda a: (jacobian.jacobians, dict(cell="lstm", params=lstm_weights(a), x=a(B, T, D), state=state_of(a))),
    "product_norms": lambda a: (jacobian.product_norms, dict(J=a(B, T, H, H))),
    "spectral_radius": lambda a: (jacobian.spectral_radius, dict(W=a(H, H))),
    "language_step": lambda a: (
        language.language_step,
        dict(cell="rnn", params=rnn_weights(a, E), W_hy=a(H, V), b_y=a(V), W_e=a(V, E), activation="relu"),
        lambda step: step(np.array([1, 2])),
    ),
    "one_hot": lambda a: (linear.one_hot, dict(ids=a.ids(V, B, T), V=V, dtype=a.dtype)),
    "embedding": lambda a: (linear.embedding, dict(ids=a.ids(V, B, T), W_e=a(V, E))),
    "embedding_backward": lambda a: (
        linear.embedding_backward,
        dict(dx=a(B, T, E), tape=linear.embedding(a.ids(V, B, T), a(V, E))[1]),
    ),
    "affine": lambda a: (linear.affine, dict(x=a(B, T, H), W=a(H, V), b=a(V))),
    "affine_backward": lambda a: (linear.affine_backward, dict(dy=a(B, T, V), tape=linear.affine(a(B, T, H), a(H, V), a(V))[1])),
    "softmax_cross_entropy": lambda a: (loss.softmax_cross_entropy, dict(logits=a(N, V), targets=a.ids(V, N))),
    "softmax_cross_entropy, mask": lambda a: (
        loss.softmax_cross_entropy,
        dict(logits=a(B, T, V), targets=a.ids(V, B, T), mask=a.mask(B, T)),
    ),
    "mse, mask": lambda a: (loss.mse, dict(pred=a(B, T, D), target=a(B, T, D), mask=a.mask(B, T))),
    "mse": lambda a: (loss.mse, dict(pred=a(B, T, D), target=a(B, T, D))),
    "bits_per_token": lambda a: (loss.bits_per_token, dict(nats=1.5)),
    "perplexity": lambda a: (loss.perplexity, dict(nats=1.5)),
    "NGram": lambda a: (ngram.NGram, dict(order=2, V=V, smoothing="add-k", k=0.5)),
    "NGram.fit": lambda a: (ngram.NGram(2, V).fit, dict(ids=a.ids(V, 30))),
    "NGram.prob": lambda a: (ngram.NGram(2, V).fit(a.ids(V, 30)).prob, dict(context=a.ids(V, 3))),
    "NGram.probs": lambda a: (ngram.NGram(2, V).fit(a.ids(V, 30)).probs, dict(ids=a.ids(V, 9), context=a.ids(V, 3))),
    "NGram.bits": lambda a: (ngram.NGram(2, V).fit(a.ids(V, 30)).bits, dict(ids=a.ids(V, 9), context=a.ids(V, 3))),
    "NGram.sample": lambda a: (ngram.NGram(2, V).fit(a.ids(V, 30)).sample, dict(n=5, rng=a.rng(), context=a.ids(V, 3))),
    "Reservoir": lambda a: (
        reservoir.Reservoir,
        dict(D=D, N=N, rho=0.9, leak=0.5, fan_in=4, seed=0, input_scale=1.0, bias_scale=0.2, dtype=a.dtype),
    ),
    "Reservoir.run": lambda a: (echo(a).run, dict(x=a(B, T, D), state=a(B, N))),
    "Reservoir.fit": lambda a: (echo(a).fit, dict(x=a(B, T, D), y=a(B, T, D), washout=1, ridge=1e-3, state=a(B, N))),
    "Reservoir.predict": lambda a: (fitted(a).predict, dict(x=a(B, T, D), state=a(B, N))),
    "Reservoir.generate": lambda a: (fitted(a).generate, dict(T=T, state=a(B, N))),
    "memory_capacity": lambda a: (
        reservoir.memory_capacity,
        dict(reservoir=reservoir.Reservoir(1, N, fan_in=4, dtype=a.dtype), delays=2, rng=a.rng(), T=20, washout=5, ridge=1e-3),
    ),
    "discounts": lambda a: (ngram.discounts, dict(counts=a.ids(9, 30) + 1)),
    "stationary": lambda a: (ngram.stationary, dict(P=a.probabilities(V, V))),
    "entropy_rate": lambda a: (ngram.entropy_rate, dict(P=a.probabilities(V, V))),
    **dict(optimiser_rows()),
    "state_gradients": lambda a: (
        penalty.state_gradients,
        dict(dh_seq=a(B, T, H), h_seq=a(B, T, H), W_hh=a(H, H), activation="tanh"),
    ),
    "omega_penalty": lambda a: (penalty.omega_penalty, dict(delta=a(B, T, H), h_seq=a(B, T, H), W_hh=a(H, H), activation="tanh")),
    "check_gradients": lambda a: (check_gradients, gradient_call(a) | dict(eps=1e-5, samples=3)),
    "complex_step": lambda a: (complex_step, gradient_call(a)),
    "bleu": lambda a: (bleu.bleu, dict(texts=[["a", "b"]], references=[[["a", "c"]]], order=1)),
    "sinusoids": lambda a: (positions.sinusoids, dict(T=T, E=4)),
}


DATA = {
    "Vocabulary.encode": lambda a: (data.Vocabulary("abc").encode, dict(text="cab")),
    "Vocabulary.decode": lambda a: (data.Vocabulary("abc").decode, dict(ids=a.ids(3, 5))),
    "char_batches": lambda a: (data.char_batches, dict(ids=a.ids(V, 60), B=B, T=T), list),
    "pad_batch": lambda a: (data.pad_batch, dict(sequences=[a(2, D), a(4, D)], value=0)),
    "split": lambda a: (data.split, dict(data=a(20, D))),
    "sample_chain": lambda a: (data.sample_chain, dict(start=a.probabilities(V), steps=a.probabilities(V, V), B=B, T=T, rng=a.rng())),
    "markov_chain": lambda a: (data.markov_chain, dict(V=V, rng=a.rng(), concentration=0.5)),
    "adding": lambda a: (data.adding, dict(B=B, T=T, rng=a.rng())),
    "latch": lambda a: (data.latch, dict(B=B, T=T, rng=a.rng(), noise=0.2)),
    "echo": lambda a: (data.echo, dict(B=B, T=T, lag=2, rng=a.rng())),
    "parity": lambda a: (data.parity, dict(B=B, T=T, rng=a.rng(), modulus=2)),
    "temporal_order": lambda a: (data.temporal_order, dict(B=B, T=20, rng=a.rng())),
    "copy_memory": lambda a: (data.copy_memory, dict(B=B, delay=4, rng=a.rng(), n=2, V=V)),
    "copying": lambda a: (data.copying, dict(B=B, T=T, rng=a.rng(), V=V)),
    "reversal": lambda a: (data.reversal, dict(B=B, T=T, rng=a.rng(), V=V)),
    "four_shapes": lambda a: (data.four_shapes, dict(shape="many-to-one", B=B, T=T, rng=a.rng(), V=V)),
    "dates": lambda a: (data.dates, dict(n=3, rng=a.rng())),
    "reber": lambda a: (data.reber, dict(n=3, rng=a.rng())),
    "embedded_reber": lambda a: (data.embedded_reber, dict(n=3, rng=a.rng())),
    "legal_next": lambda a: (data.legal_next, dict(prefix="BT")),
    "negation": lambda a: (data.negation, dict(n=3, rng=a.rng())),
    "captions": lambda a: (data.captions, dict(n=3, rng=a.rng(), noise=0.1)),
    "questions": lambda a: (data.questions, dict(n=3, rng=a.rng(), noise=0.1)),
    "moving_shapes": lambda a: (data.moving_shapes, dict(B=B, T=T, rng=a.rng(), size=12, noise=0.1)),
    "mackey_glass": lambda a: (data.mackey_glass, dict(n=5, tau=1.0, rng=a.rng(), step=0.5)),
    "strokes": lambda a: (data.strokes, dict(n=3, T=T, rng=a.rng())),
    "stroke_nats": lambda a: (data.stroke_nats, dict(x=data.strokes(3, T, a.rng())[0].astype(a.dtype))),
    "split_pairs": lambda a: (data.split_pairs, dict(pairs=[(str(k), "b") for k in range(20)], rng=a.rng())),
    "load_text": lambda a: (data.load_text, dict(name="alice", offline=True)),
    "archive": lambda a: (data.archive, dict(name="JapaneseVowels", offline=True)),
}


def mean_square(model, x, y):
    return ((model(x) - y) ** 2).mean()


def fit_call(a):
    batch = a(B, D), a(B, H)
    return dict(
        model=a.module(torch.nn.Linear, D, H),
        batches=lambda epoch: [batch],
        loss_fn=mean_square,
        epochs=2,
        lr=0.1,
        max_norm=1.0,
        valid=lambda model: 1.0,
        patience=3,
        device="cpu",
        checkpoint_every=5,
        progress=False,
    )


TRAIN = {
    "pick_device": lambda a: (train.pick_device, dict(prefer="cpu")),
    "seed_all": lambda a: (train.seed_all, dict(seed=3)),
    "fit": lambda a: (train.fit, fit_call(a)),
}


def nn_sizes(make, **sizes):
    return lambda a: (make, sizes)


def layer_rows():
    for cell in ("RNN", "LSTM", "GRU"):
        make, step = getattr(nn, cell), getattr(nn, cell + "Cell")
        two = cell == "LSTM"
        noise = dict(variational_dropout=0.1, zoneout=0.1)
        noise |= dict(activation="tanh") if cell == "RNN" else dict(recurrent_dropout=0.1)
        noise |= {"RNN": {}, "LSTM": dict(forget_bias=1.0), "GRU": dict(reset="after")}[cell]
        yield cell, nn_sizes(make, D=D, H=H, num_layers=2, dropout=0.1, **noise, impl="auto")
        yield cell + "Cell", nn_sizes(step, D=D, H=H, **noise)

        def state(a, two=two, lead=()):
            return (t(a(*lead, B, H)), t(a(*lead, B, H))) if two else t(a(*lead, B, H))

        def cell_forward(a, step=step, state=state):
            return a.module(step, D, H).forward, dict(x_t=t(a(B, D)), state=state(a))

        yield cell + "Cell.forward", cell_forward
        for impl in ("source", "torch", "loop"):

            def forward(a, make=make, impl=impl, state=state):
                module = a.module(make, D, H, num_layers=2, bidirectional=True, impl=impl)
                return module.forward, dict(x=t(a(B, T, D)), state=state(a, lead=(4,)), lengths=LENGTHS)

            yield f"{cell}.forward, {impl}", forward

        def load(a, make=make):
            return a.module(make, D, H).load_arrays, dict(arrays=a.module(make, D, H).to_arrays())

        def load_torch(a, make=make, cell=cell):
            return a.module(make, D, H).load_torch_state_dict, dict(state_dict=a.module(getattr(torch.nn, cell), D, H).state_dict())

        yield cell + ".load_arrays", load
        yield cell + ".load_torch_state_dict", load_torch


def minimal_rows():
    for make, sizes in ((nn.MinGRU, dict(D=D, H=H)), (nn.MinLSTM, dict(D=D, H=H)), (nn.LRU, dict(E=E, N=N))):

        def forward(a, make=make, sizes=sizes):
            inside, units = sizes.values()
            state = a(B, units) + 1j * a(B, units) if make is nn.LRU else a(B, units)
            return a.module(make, **sizes).forward, dict(x=t(a(B, T, inside)), state=t(state), lengths=LENGTHS)

        yield make.__name__, nn_sizes(make, **sizes, method="chunked")
        yield f"{make.__name__}.forward", forward


def looking(make, *sizes, query, keys, **options):
    def row(a):
        arrays = dict(query=t(a(B, T, query)), keys=t(a(B, S, keys)), values=t(a(B, S, H)))
        return a.module(make, *sizes, **options).forward, dict(**arrays, mask=t(a.mask(B, T, S)))

    return row


def char_lm(a):
    return a.module(nn.CharLM, V, H, "gru", E=E)


def window_lm(a):
    return a.module(nn.WindowLM, V, 4, E, H)


def transformer_lm(a):
    return a.module(nn.TransformerLM, V, 4, 2, 1, 3 * T)


def ids(a, below, *shape):
    return t(a.ids(below, *shape))


def nn_echo(a):
    return a.module(nn.Reservoir, D, N, D, fan_in=4)


def classifier(a):
    return a.module(nn.SequenceClassifier, D, H, V, bidirectional=True, pool="mean")


def translator(a):
    return a.module(nn.Seq2Seq, V, V, E, H)


def painter(a):
    return a.module(nn.PixelRNN, T, S, H, levels=3, n_classes=V)


def words(a, steps):
    """Ids without pad, start and end."""
    return 3 + ids(a, V - 3, B, steps)


NN = {
    **dict(layer_rows()),
    "which": lambda a: (nn.which, dict(layer=a.module(nn.GRU, D, H), x=t(a(B, T, D)), lengths=LENGTHS)),
    "DotAttention": nn_sizes(nn.DotAttention, scale=0.5),
    "GeneralAttention": nn_sizes(nn.GeneralAttention, A=A, K=K),
    "AdditiveAttention": nn_sizes(nn.AdditiveAttention, A=A, K=K, N=N),
    "MultiHeadAttention": nn_sizes(nn.MultiHeadAttention, E=E, n_heads=2, K=K, J=H, O=V),
    "DotAttention.forward": looking(nn.DotAttention, query=A, keys=A),
    "GeneralAttention.forward": looking(nn.GeneralAttention, A, K, query=A, keys=K),
    "AdditiveAttention.forward": looking(nn.AdditiveAttention, A, K, N, query=A, keys=K),
    "MultiHeadAttention.forward": looking(nn.MultiHeadAttention, E, 2, query=E, keys=K, K=K, J=H, O=V),
    "CharLM": nn_sizes(nn.CharLM, V=V, H=H, cell="gru", num_layers=2, E=E, dropout=0.1),
    "WindowLM": nn_sizes(nn.WindowLM, V=V, n=4, E=E, H=H),
    "CharLM.forward": lambda a: (char_lm(a).forward, dict(ids=ids(a, V, B, T), state=t(a(B, H)))),
    "WindowLM.forward": lambda a: (window_lm(a).forward, dict(ids=ids(a, V, B, T), state=ids(a, V, B, 3))),
    "CharLM.loss": lambda a: (
        char_lm(a).loss,
        dict(ids=ids(a, V, B, T), targets=ids(a, V, B, T), state=t(a(B, H)), mask=t(a.mask(B, T))),
    ),
    "CharLM.bits": lambda a: (char_lm(a).bits, dict(ids=a.ids(V, 30), B=2, T=T)),
    "WindowLM.bits": lambda a: (window_lm(a).bits, dict(ids=a.ids(V, 30), B=2, T=T)),
    "CharLM.sample": lambda a: (
        char_lm(a).sample,
        dict(prompt=a.ids(V, 5), length=T, rng=a.rng(), temperature=0.7, top_k=3, nucleus=0.8),
    ),
    "SequenceClassifier": nn_sizes(nn.SequenceClassifier, D=D, H=H, n_classes=V, cell="gru", num_layers=2, pool="mean", dropout=0.1),
    "SequenceClassifier.forward": lambda a: (classifier(a).forward, dict(x=t(a(B, T, D)), lengths=LENGTHS)),
    "SequenceClassifier.loss": lambda a: (classifier(a).loss, dict(x=t(a(B, T, D)), labels=ids(a, V, B), lengths=LENGTHS)),
    "SequenceClassifier.accuracy": lambda a: (classifier(a).accuracy, dict(x=a(B, T, D), labels=a.ids(V, B), lengths=LENGTHS)),
    "Seq2Seq": nn_sizes(
        nn.Seq2Seq, V_source=V, V_target=V, E=E, H=H, attention="additive", cell="gru", N=N, dropout=0.1, pad=0, start=1, end=2
    ),
    "Seq2Seq.encode": lambda a: (translator(a).encode, dict(source=words(a, S))),
    "Seq2Seq.forward": lambda a: (translator(a).forward, dict(source=words(a, S), target=words(a, T))),
    "Seq2Seq.loss": lambda a: (translator(a).loss, dict(source=words(a, S), target=words(a, T), teacher_forcing=1.0)),
    "Seq2Seq.greedy": lambda a: (translator(a).greedy, dict(source=words(a, S), max_length=T)),
    "Seq2Seq.beam": lambda a: (translator(a).beam, dict(source=words(a, S), max_length=T, width=2, length_power=0.5)),
    "Captioner": nn_sizes(nn.Captioner, V=V, E=E, H=H, K=K, attention="additive", cell="gru", N=N, dropout=0.1, pad=0, start=1, end=2),
    "Captioner.encode": lambda a: (a.module(nn.Captioner, V, E, H, K).encode, dict(source=t(a(B, K, 2, 3)))),
    "Captioner.forward": lambda a: (a.module(nn.Captioner, V, E, H, K).forward, dict(source=t(a(B, K, 2, 3)), target=words(a, T))),
    "PixelRNN": nn_sizes(nn.PixelRNN, height=T, width=S, H=H, levels=3, n_classes=V, cell="gru"),
    "PixelRNN.forward": lambda a: (painter(a).forward, dict(images=ids(a, 3, B, T, S), labels=ids(a, V, B))),
    "PixelRNN.loss": lambda a: (painter(a).loss, dict(images=ids(a, 3, B, T, S), labels=ids(a, V, B))),
    "PixelRNN.sample": lambda a: (
        painter(a).sample,
        dict(n=B, rng=a.rng(), labels=a.ids(V, B), temperature=0.7, given=a.ids(3, B, K)),
    ),
    "StrokeRNN": nn_sizes(nn.StrokeRNN, H=H, M=K, cell="gru"),
    "StrokeRNN.forward": lambda a: (a.module(nn.StrokeRNN, H, K).forward, dict(x=t(a(B, T, 3)))),
    "StrokeRNN.parts": lambda a: (a.module(nn.StrokeRNN, H, K).parts, dict(outputs=t(a(B, T, 6 * K + 1)))),
    "StrokeRNN.nats": lambda a: (a.module(nn.StrokeRNN, H, K).nats, dict(x=t(a(B, T, 3)))),
    "StrokeRNN.loss": lambda a: (a.module(nn.StrokeRNN, H, K).loss, dict(x=t(a(B, T, 3)))),
    "StrokeRNN.sample": lambda a: (a.module(nn.StrokeRNN, H, K).sample, dict(n=B, T=T, rng=a.rng(), bias=0.5)),
    "RWKV": nn_sizes(nn.RWKV, D=D, H=H),
    "RWKV.forward": lambda a: (a.module(nn.RWKV, D, H).forward, dict(x=t(a(B, T, D)), state=tuple(t(a(B, H)) for _ in range(3)))),
    "SLSTM": nn_sizes(nn.SLSTM, D=D, H=H),
    "MLSTM": nn_sizes(nn.MLSTM, D=D, H=H),
    "SLSTM.forward": lambda a: (
        a.module(nn.SLSTM, D, H).forward,
        dict(x=t(a(B, T, D)), state=(t(a(B, H)), t(a(B, H)), t(1 + a(B, H)), t(a(B, H)))),
    ),
    "MLSTM.forward": lambda a: (
        a.module(nn.MLSTM, D, H).forward,
        dict(x=t(a(B, T, D)), state=(t(a(B, H, H)), t(a(B, H)), t(a(B)))),
    ),
    "nn.Reservoir": nn_sizes(nn.Reservoir, D=D, N=N, K=K, rho=0.9, leak=0.5, fan_in=4, seed=0, input_scale=1.0, bias_scale=0.2),
    "nn.Reservoir.run": lambda a: (nn_echo(a).run, dict(x=t(a(B, T, D)), state=t(a(B, N)))),
    "nn.Reservoir.forward": lambda a: (nn_echo(a).forward, dict(x=t(a(B, T, D)), state=t(a(B, N)))),
    "nn.Reservoir.fit": lambda a: (
        nn_echo(a).fit,
        dict(x=t(a(B, T, D)), y=t(a(B, T, D)), washout=1, ridge=1e-3, state=t(a(B, N))),
    ),
    "nn.Reservoir.generate": lambda a: (nn_echo(a).generate, dict(T=T, state=t(a(B, N)))),
    **dict(minimal_rows()),
    "TransformerBlock": nn_sizes(nn.TransformerBlock, E=4, n_heads=2),
    "TransformerBlock.forward": lambda a: (a.module(nn.TransformerBlock, 4, 2).forward, dict(x=t(a(B, T, 4)), mask=t(a.mask(B, T, T)))),
    "TransformerLM": nn_sizes(nn.TransformerLM, V=V, E=4, n_heads=2, num_layers=1, N=T),
    **{
        f"TransformerLM.{name}": lambda a, name=name: (
            getattr(transformer_lm(a), name),
            dict(ids=ids(a, V, B, T), state=ids(a, V, B, 3)),
        )
        for name in ("forward", "look")
    },
    "WindowLM.sample": lambda a: (window_lm(a).sample, dict(prompt=a.ids(V, 5), length=T, rng=a.rng())),
}


ROWS = SCRATCH | DATA | TRAIN | NN


# ---- walking a call ----------------------------------------------------------------------------------------------------------


def is_array(value):
    return is_tensor(value) or (isinstance(value, np.ndarray) and value.dtype != object)


def leaves(value, path=()):
    """``(path, array)`` for every array in a call's dicts, lists and tuples; tapes are not arguments to be broken."""
    if is_array(value):
        yield path, value
    elif isinstance(value, dict):
        for key, part in value.items():
            if key != "tape":
                yield from leaves(part, (*path, key))
    elif isinstance(value, (list, tuple)):
        for k, part in enumerate(value):
            yield from leaves(part, (*path, k))


def replaced(value, path, new):
    """A copy of the containers in ``value`` with ``new`` at ``path``."""
    if not path:
        return new
    if isinstance(value, dict):
        return {key: replaced(part, path[1:], new) if key == path[0] else part for key, part in value.items()}
    return type(value)(replaced(part, path[1:], new) if k == path[0] else part for k, part in enumerate(value))


PARTS = ("h_0", "c_0", "dh_T", "dc_T", "p_i", "p_f", "p_o", "h", "c", "n", "m", "C")  # entries of tuples have names of their own


def names(path):
    """How an error may call the argument at ``path``: its own name, its key in a dict, its part of a tuple."""
    own = {part for part in path if isinstance(part, str)}
    return own | {*PARTS} if "state" in path[0] or any(isinstance(part, int) for part in path) else own


# ---- five ways to break an array ---------------------------------------------------------------------------------------------


def broken(array):
    """``(how, value)`` for every way to break one array."""
    a = to_numpy(array)
    yield "rank above", a[None]
    yield "rank below", np.asarray(a[0])
    for axis in range(a.ndim):
        yield f"size {axis}", np.concatenate([a, a.take([0], axis)], axis)
        yield f"empty {axis}", a.take([], axis)
    if a.dtype.kind in "fc":
        yield "dtype", a.real.astype(np.int64)
        yield "precision", a.astype(np.float32 if a.dtype.kind == "f" else np.complex64)
        nan = a.copy()
        nan.flat[0] = np.nan
        yield "nan", nan
    else:
        yield "dtype", a.astype(np.float64)
    if a.dtype.kind == "i":
        for how, wrong in (("below", -1), ("above", 1000)):
            out = a.copy()
            out.flat[0] = wrong
            yield how, out


FREE = {  # what may be done to an argument, and why: (rows, arguments, ways to break them), all as regular expressions
    "the number of steps is free": (
        "(rnn|lstm|gru|bidirectional|stack|min_gru|min_lstm|lru)_forward|bptt.run|full|checkpointed|truncated(_windows)?|rtrl|jacobians"
        "|variational_dropout, mask|score|(nn.)?Reservoir.*|(RNN|LSTM|GRU|MinGRU|MinLSTM|LRU|SLSTM|MLSTM|RWKV|CharLM|WindowLM).*"
        "|Transformer(Block|LM).*|(SequenceClassifier|Seq2Seq|Captioner).*|which",
        "x|ids|source|target",
        "size 1",
    ),
    "the length of a past is free": ("TransformerLM.*", "state", "size 1"),
    "the number of counts is free": ("discounts", "counts", "size 0|above"),
    "the length of a text is free": ("NGram.*|.*LM.(bits|sample)|Vocabulary.decode|char_batches", "ids|context|prompt", "size 0"),
    "the batch is free": (
        "length_mask|distribution|Captioner.encode|Seq2Seq.(encode|greedy|beam)",
        "lengths|logits|source",
        "size 0",
    ),
    "the batch of a state is free": ("(nn.)?Reservoir.generate", "state", "size 0"),
    "what comes in is converted": ("Reservoir.*", "x|y|state", "precision"),
    "as many targets as one likes": ("Reservoir.fit", "y", "size 2"),
    "height and width are free": ("Captioner.*", "source", "size (2|3)"),
    "the size of the vocabulary is free": ("distribution|softmax_cross_entropy", "logits", "size 1"),
    "the size of a masked vocabulary is free": ("softmax_cross_entropy, mask", "logits", "size 2"),
    "the sizes of a table are free": ("embedding", "W_e", "size (0|1)"),
    "the size of what attention brings is free": ("(dot|general|additive)_attention|.*Attention.forward", "values", "size 2"),
    "the size of the context is free": ("multi_head_attention", "W_o", "size 1"),
    "lines and steps are free": ("StrokeRNN.*|stroke_nats", "x|outputs", "size [01]"),
    "the number of pixels that are given is free": ("PixelRNN.sample", "given", "size 1"),
    "any shape will do": (
        "global_norm|clip_.*|SGD|Adagrad|RMSProp|Adam|one_hot|embedding|split|masked_softmax|dropout",
        "grads|params|ids|data|scores|x",
        "rank.*|size.*",
    ),
    "any sizes will do": ("variational_dropout", "x", "size.*"),
    "all but the last axes are free": ("affine", "x", "rank.*|size (0|1)"),
    "all but the last two axes are free": ("product_norms", "J", "rank.*|size (0|1)"),
    "all but the first axis are free": ("flip_valid", "x", "size (1|2)"),
    "sequences may differ in length": ("pad_batch", "sequences", "size 0"),
    "a dict may hold several precisions": ("global_norm|clip_.*|SGD|Adagrad|RMSProp|Adam", "grads|params", "precision"),
    "a norm says NaN, and that is its answer": ("global_norm", "grads", "nan"),
    "only library, dtype and device of it count": ("dropout_mask", "like", ".*"),
    "any dtype, any value: what is moved is not looked at": (
        "flip_valid|split|pad_batch",
        "x|data|sequences|value",
        "dtype|nan|NaN|empty 1",
    ),
    "what it says about a wrong gradient is an AssertionError": ("check_gradients|complex_step", "grads", "dtype|precision|nan"),
    "no context is a context": ("NGram.*", "context", "empty 0"),
    "only the model knows its state": ("greedy|sample|score|beam", "state", ".*"),
    "only the model knows its vocabulary and its batch": ("greedy|sample|score|beam", "start", "size 0|above"),
    "ids alone do not say how many there are": ("char_batches", "ids", "below|above"),
    "answers are ids and float64": ("viterbi|sample_chain", "log_initial|log_P|start|steps", "precision"),
    "fit hands it to pick_device, where it is called prefer": ("fit", "device", "another word"),
    "weights take the module's precision": (".*load_(arrays|torch_state_dict)", "arrays|state_dict", "precision"),
    "the running maximum in the state starts at minus infinity": ("(RNN|LSTM|GRU)(Cell)?.*|SLSTM.*|RWKV.*|CharLM.*", "state", "nan"),
    "what a mask hides may be anything, NaN too": (".*Attention.forward", "query|keys|values", "nan"),
}


def excused(row, argument, how):
    return any(
        re.fullmatch(rows, row) and re.fullmatch(arguments, argument) and re.fullmatch(hows, how) for rows, arguments, hows in FREE.values()
    )


def complaint(call, arguments, after=None):
    """The error of a call, or None."""
    try:
        result = call(**arguments)
        if after is not None:
            after(result)
    except Exception as error:
        return error
    return None


def judged(error, allowed):
    """What is wrong with an error, in words; None if it is as it should be."""
    if error is None:
        return "no error"
    text = str(error)
    if type(error) not in (TypeError, ValueError):
        return f"{type(error).__name__}: {text}"
    head = text.split(":")[0]
    if not any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", head) for name in allowed):
        return f"the argument is not named: {text}"
    if "expected" not in text or "got" not in text:
        return f"not what was expected and what came: {text}"
    return None


@cache
def array_faults(row):
    """``(argument, how, sentence)`` for every way to break an array that is not answered as it should be."""
    faults = []
    call, arguments, *after = ROWS[row](Draw())
    every = set().union(*(names(path) for path, _ in leaves(arguments)))
    floats = [path for path, array in leaves(arguments) if re.search("float|complex", str(array.dtype))]
    for path, array in leaves(arguments):
        for how, value in broken(array):
            if how == "precision" and len(floats) == 1:
                continue  # nothing to disagree with
            value = t(value) if is_tensor(array) else value
            # Two arguments that do not fit each other: either may be named.
            allowed = every if how.startswith(("rank", "size", "precision")) else names(path)
            fault = judged(complaint(call, replaced(arguments, path, value), *after), allowed)
            if fault:
                faults.append((path[0], how, f"{row}: {'.'.join(map(str, path))}, {how}: {fault}"))
    return faults


@pytest.mark.parametrize("row", ROWS)
def test_broken_arrays_are_named(row):
    assert [sentence for argument, how, sentence in array_faults(row) if not excused(row, argument, how)] == []


@cache
def number_faults(row):
    """The same for numbers, words and generators: everything at the top of a call that is no array."""
    faults = []
    for name in ROWS[row](Draw())[1]:
        for how in ("a word", "NaN", "another word", "a seed"):
            call, arguments, *after = ROWS[row](Draw())
            value = arguments[name]
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            kinds = {
                "a word": number,
                "NaN": number,
                "another word": isinstance(value, str),
                "a seed": isinstance(value, np.random.Generator),
            }
            if kinds[how]:
                wrong = {"a word": "3", "NaN": float("nan"), "another word": "nonsense", "a seed": 7}[how]
                fault = judged(complaint(call, arguments | {name: wrong}, *after), {name})
                if fault:
                    faults.append((name, how, f"{row}: {name}, {how}: {fault}"))
    return faults


@pytest.mark.parametrize("row", ROWS)
def test_broken_numbers_are_named(row):
    assert [sentence for argument, how, sentence in number_faults(row) if not excused(row, argument, how)] == []


# ---- what a call leaves behind -----------------------------------------------------------------------------------------------

IN_PLACE = ("clip_by_norm", "clip_by_value")  # they say so


def run(row, dtype=np.float64, change=lambda array: array):
    """Arguments before, arguments after and result of a valid call whose arrays went through ``change``."""
    call, arguments, *after = ROWS[row](Draw(dtype))
    for path, array in list(leaves(arguments)):
        new = change(to_numpy(array))
        arguments = replaced(arguments, path, t(new) if is_tensor(array) else new)
    before = [to_numpy(array).copy() for _, array in leaves(arguments)]
    result = call(**arguments)
    return before, [to_numpy(array) for _, array in leaves(arguments)], after[0](result) if after else result


def numbers(result):
    """All arrays and numbers of a result, in order; tapes, modules and texts are passed over."""
    if isinstance(result, torch.nn.Module):
        return
    if is_array(result) or isinstance(result, (int, float, np.number)):
        yield to_numpy(result)
    for part in result.values() if isinstance(result, dict) else result if isinstance(result, (list, tuple)) else ():
        yield from numbers(part)


def strided(array):
    """The same numbers in every other column of a transposed array."""
    return np.repeat(array.T, 2, axis=-1)[..., ::2].T


@pytest.mark.parametrize("row", ROWS)
def test_arguments_are_left_alone(row):
    before, after, _ = run(row)
    same = all(np.array_equal(one, other, equal_nan=True) for one, other in zip(before, after, strict=True))
    assert same == (row not in IN_PLACE)


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("change", [strided, np.asfortranarray], ids=["strided", "Fortran"])
def test_the_layout_of_an_argument_changes_nothing(row, change):
    _, plain, result = run(row)
    _, other, again = run(row, change=change)
    pairs = list(zip([*plain, *numbers(result)], [*other, *numbers(again)], strict=True))
    for one, two in pairs:
        assert one.shape == two.shape
        assert np.allclose(one, two, rtol=CLOSE, atol=CLOSE)


DOUBLE = {  # rows whose answer does not take the precision of the arguments, and why
    "distribution|score|(Seq2Seq.)?beam|viterbi|product_norms|memory_capacity|stationary|NGram.*": "probabilities and logarithms: float64",
    "stroke_nats": "nats: float64",
    "discounts": "parts of counts: float64",
    "check_gradients|complex_step": "float32 differences are mostly rounding noise",
    "mackey_glass|markov_chain": "float64, for who goes on computing with it",
    "adding|latch|echo|parity|moving_shapes|captions|questions|strokes|sinusoids": "inputs of a network: float32",
    "load_text|archive": "what the file holds",
}


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_is_kept(row, dtype):
    if any(re.fullmatch(rows, row) for rows in DOUBLE):
        return
    _, _, result = run(row, dtype)
    for value in numbers(result):
        if value.ndim and value.dtype.kind == "f":
            assert value.dtype == dtype


# ---- nobody is forgotten -----------------------------------------------------------------------------------------------------

EXEMPT = {
    "alice|shakespeare|french|names|names18|polarity|sunspots|digits|prefetch": "no argument but whether to use the network",
    "Archive|Collection|Corpus|Series|History": "records that hold what they are given",
    "Vocabulary|parse_ts": "texts",
    "state_grads|draw|pick|run|run_backward|conj": "called inside loops on what their callers have checked",
}


def surface():
    """``(name, function)`` for all that a lesson may call, with the methods that document their parameters."""
    found = []
    modules = [importlib.import_module(f"rnnlib.scratch.{module.name}") for module in pkgutil.iter_modules(rnnlib.scratch.__path__)]
    for module in [*modules, gradcheck]:
        for name, value in vars(module).items():
            plumbing = name.startswith("_") or name.endswith("Tape") or module is sequence
            if not plumbing and callable(value) and getattr(value, "__module__", None) == module.__name__:
                found.append((name, value))
    for package in (nn, data, train):
        found += [(name, getattr(package, name)) for name in package.__all__ if callable(getattr(package, name))]
    for name, value in list(found):
        for method in dir(value) if inspect.isclass(value) else ():
            function = getattr(value, method)
            ours = inspect.isfunction(function) and function.__module__.startswith("rnnlib") and not method.startswith("_")
            if ours and "Parameters\n" in (function.__doc__ or ""):
                found.append((f"{name}.{method}", function))
    return found


def forgotten(functions):
    """Names of functions without a row."""
    calls = [make(Draw())[0] for make in ROWS.values()]
    known = {getattr(call, "__func__", call) for call in calls}
    return [name for name, function in functions if function not in known and not any(re.fullmatch(e, name) for e in EXEMPT)]


def test_every_public_function_has_a_row():
    assert forgotten(surface()) == []


def test_a_new_function_is_noticed():
    def new(x):
        return x

    assert forgotten([("new", new)]) == ["new"]


def test_no_excuse_is_stale():
    used = set()
    for row in ROWS:
        for argument, how, _ in [*array_faults(row), *number_faults(row)]:
            used |= {reason for reason, patterns in FREE.items() if all(map(re.fullmatch, patterns, (row, argument, how)))}
    assert used == set(FREE)
    for pattern, known in [*((pattern, ROWS) for pattern in DOUBLE), *((pattern, dict(surface())) for pattern in EXEMPT)]:
        for part in pattern.split("|"):
            assert any(re.fullmatch(part, name) for name in known), part


def test_a_silent_function_is_noticed():
    def silent(x, lengths):
        return x[: lengths[0]]

    def vague(x, lengths):
        raise ValueError("bad shape")

    ROWS["silent"] = lambda a: (silent, dict(x=a(B, T, D), lengths=LENGTHS))
    ROWS["vague"] = lambda a: (vague, dict(x=a(B, T, D), lengths=LENGTHS))
    try:
        assert {(argument, how) for argument, how, _ in array_faults("silent")} >= {("x", "nan"), ("lengths", "above"), ("x", "size 2")}
        assert all("the argument is not named" in sentence for *_, sentence in array_faults("vague"))
    finally:
        del ROWS["silent"], ROWS["vague"]
