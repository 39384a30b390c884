"""Language models over ids: a recurrent one, and the fixed window that came before it."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from rnnlib.checks import check_array, check_choice, check_number
from rnnlib.nn.gru import GRU
from rnnlib.nn.layer import probability
from rnnlib.nn.lstm import LSTM
from rnnlib.nn.module import Module, check_token_ids, token_loss, uniform_
from rnnlib.nn.rnn import RNN

CELLS = {"rnn": RNN, "lstm": LSTM, "gru": GRU}


class LanguageModel(Module):
    """What every model here can do once it has ``V`` and ``forward(ids, state) -> logits, state``."""

    def loss(self, ids, targets, state=None, mask=None):
        """Mean cross-entropy.

        Parameters
        ----------
        ids, targets : int tensor of shape (B, T)
        state : as `forward` returns it, optional
        mask : bool tensor of shape (B, T), optional
            True = this target counts.

        Returns
        -------
        loss : scalar tensor
            In nats per token.
        state : after the last step
            So that ``fit(model, batches, CharLM.loss, carry_state=True)`` is truncated BPTT.
        """
        logits, state = self(ids, state)
        return token_loss(logits, targets, mask), state

    @torch.no_grad()
    def bits(self, ids, *, B=1, T=256):
        """Bits per token on one long text, read from its start with the state carried along.

        Parameters
        ----------
        ids : int array or tensor of shape (N,)
            Every id after the first is predicted.
        B : int
            Cut the text in so many streams that are read side by side: faster, and each starts without a past. What is left over
            at the end, fewer than ``B`` ids, is not read.
        T : int
            Steps at a time; changes nothing but the memory that is used.

        Returns
        -------
        bits : float
        """
        ids = torch.as_tensor(ids)
        check_array("ids", ids, "N", kind="int")
        check_number("B", B, 1, integer=True)
        check_number("T", T, 1, integer=True)
        length = (len(ids) - 1) // B
        if length < 1:
            raise ValueError(f"ids: expected at least B + 1 = {B + 1} ids, got {len(ids)}")
        was_training = self.training
        self.eval()
        inputs, targets = ids[: B * length].view(B, length), ids[1 : B * length + 1].view(B, length)
        device, total, state = next(self.parameters()).device, 0.0, None
        for start in range(0, length, T):
            window = slice(start, start + T)
            loss, state = self.loss(inputs[:, window].to(device), targets[:, window].to(device), state)
            total += float(loss) * min(T, length - start)
        self.train(was_training)
        return total / length / math.log(2)

    @torch.no_grad()
    def sample(self, prompt, length, *, rng, temperature=1.0, top_k=None):
        """Go on from a prompt, one id after the other.

        Parameters
        ----------
        prompt : int array of shape (N,)
            Read before the first draw; at least one id.
        length : int
            Ids to draw.
        rng : numpy.random.Generator
        temperature : float
            Logits are divided by it; 0 takes the likeliest id.
        top_k : int, optional
            Draw among the ``top_k`` likeliest ids only.

        Returns
        -------
        ids : ndarray of shape (length,)
            Without the prompt.
        """
        prompt = torch.as_tensor(np.asarray(prompt))
        check_array("prompt", prompt, "N", kind="int")
        check_number("length", length, 1, integer=True)
        check_number("temperature", temperature, 0)
        if top_k is not None:
            check_number("top_k", top_k, 1, self.V, integer=True)
        if not isinstance(rng, np.random.Generator):
            raise TypeError(f"rng: expected a numpy.random.Generator, got {type(rng).__name__}")
        was_training = self.training
        self.eval()
        logits, state = self(prompt[None].to(next(self.parameters()).device))
        ids = np.empty(length, np.int64)
        for t in range(length):
            ids[t] = draw(logits[0, -1].double().cpu().numpy(), rng, temperature, top_k)
            logits, state = self(torch.tensor([[ids[t]]], device=logits.device), state)
        self.train(was_training)
        return ids


def draw(logits, rng, temperature, top_k):
    """One id from logits (V,)."""
    if temperature == 0:
        return int(logits.argmax())
    if top_k is not None:
        logits = np.where(logits >= np.sort(logits)[-top_k], logits, -np.inf)
    weights = np.exp((logits - logits.max()) / temperature)
    return int(rng.choice(len(logits), p=weights / weights.sum()))


class CharLM(LanguageModel):
    r"""Recurrent language model: read an id, say what comes next.

    .. math:: x_t = \text{row } \mathrm{id}_t \text{ of } W_e, \qquad \text{logits}_t = h_t W_{hy} + b_y

    Parameters
    ----------
    V, H : int
        Sizes of the vocabulary and of the state.
    cell : {"lstm", "gru", "rnn"}
    num_layers : int
    E : int, optional
        Size of the embedding. None: one-hot input, so that the first layer's input weights are the embedding.
    dropout : float
        Probability of dropping an embedded input, an output between two layers, or an output; never what goes from step to step.
    tie : bool
        Use the embedding as read-out as well, :math:`W_{hy} = W_e^\top`; needs ``E = H``.
    **options
        Of `LSTM`, `GRU` or `RNN`: ``impl``, ``forget_bias``, ``layer_norm``, ``zoneout``...

    Attributes
    ----------
    W_e : Parameter of shape (V, E)
        Absent with one-hot input.
    layer : LSTM, GRU or RNN
    W_hy, b_y : Parameter of shape (H, V), (V,)
        ``W_hy`` absent when tied.

    Raises
    ------
    TypeError, ValueError
        Names the argument.

    Notes
    -----
    Lesson: :ref:`char-rnn`. Sources: Mikolov et al. (2010); Zaremba et al. (2014) for where the dropout goes; Press and Wolf (2017)
    for the tied read-out.

    Examples
    --------
    >>> logits, state = CharLM(V=5, H=8)(torch.tensor([[0, 3, 1]]))
    >>> logits.shape
    torch.Size([1, 3, 5])
    """

    def __init__(self, V, H, cell="lstm", *, num_layers=1, E=None, dropout=0.0, tie=False, **options):
        super().__init__()
        check_number("V", V, 2, integer=True)
        check_choice("cell", cell, tuple(CELLS))
        if E is not None:
            check_number("E", E, 1, integer=True)
        if tie and E != H:
            raise ValueError(f"tie: expected E = H = {H}, got E = {E}")
        self.V, self.dropout = int(V), probability("dropout", dropout)
        if E is not None:
            self.W_e = torch.nn.Parameter(uniform_(torch.empty(V, E), H))
        self.layer = CELLS[cell](E or V, H, num_layers=num_layers, dropout=dropout if num_layers > 1 else 0.0, **options)
        if self.layer.directions == 2:
            raise ValueError("bidirectional: expected False, got True: a language model must not see what comes next")
        if not tie:
            self.W_hy = torch.nn.Parameter(uniform_(torch.empty(H, V), H))
        self.b_y = torch.nn.Parameter(torch.zeros(V))

    def forward(self, ids, state=None):
        """Logits for the id after each one.

        Parameters
        ----------
        ids : int tensor of shape (B, T)
        state : optional
            Of ``layer``; zeros when None.

        Returns
        -------
        logits : tensor of shape (B, T, V)
        state : after the last step
        """
        check_token_ids("ids", ids, "B T", self.V)
        W_e = getattr(self, "W_e", None)
        x = F.one_hot(ids.long(), self.V).to(self.b_y.dtype) if W_e is None else F.dropout(W_e[ids.long()], self.dropout, self.training)
        h_seq, state = self.layer(x, state)
        h_seq = F.dropout(h_seq, self.dropout, self.training)
        return h_seq @ (self.W_hy if hasattr(self, "W_hy") else W_e.T) + self.b_y, state


class WindowLM(LanguageModel):
    r"""Neural language model with a fixed window: the last ``n`` ids and nothing before.

    .. math:: u_t = \tanh([e_{t-n+1}, \dots, e_t] \, W_{xh} + b_h), \qquad \text{logits}_t = u_t W_{hy} + b_y

    Parameters
    ----------
    V : int
        Size of the vocabulary.
    n : int
        Ids in the window. Before a text starts the window holds a symbol of its own.
    E, H : int
        Sizes of the embedding and of the hidden layer.

    Attributes
    ----------
    W_e : Parameter of shape (V + 1, E)
        The last row stands for what is before the text.
    W_xh, b_h : Parameter of shape (nE, H), (H,)
        Row blocks from the oldest id to the newest.
    W_hy, b_y : Parameter of shape (H, V), (V,)

    Raises
    ------
    TypeError, ValueError
        Names the argument.

    Notes
    -----
    Lesson: :ref:`window`. Source: Bengio et al. (2003), without the direct connections from input to output. The state that
    `forward` takes and gives is the window's past, (B, n - 1) ids, so that this model and `CharLM` train and sample alike.

    Examples
    --------
    >>> logits, past = WindowLM(V=5, n=3, E=2, H=8)(torch.tensor([[0, 3, 1, 1]]))
    >>> logits.shape, past.tolist()
    (torch.Size([1, 4, 5]), [[1, 1]])
    """

    def __init__(self, V, n, E, H):
        super().__init__()
        for name, value, low in (("V", V, 2), ("n", n, 1), ("E", E, 1), ("H", H, 1)):
            check_number(name, value, low, integer=True)
        self.V, self.n = int(V), int(n)
        self.W_e = torch.nn.Parameter(torch.randn(V + 1, E))
        self.W_xh = torch.nn.Parameter(uniform_(torch.empty(n * E, H), n * E))
        self.b_h = torch.nn.Parameter(torch.zeros(H))
        self.W_hy = torch.nn.Parameter(uniform_(torch.empty(H, V), H))
        self.b_y = torch.nn.Parameter(torch.zeros(V))

    def forward(self, ids, state=None):
        """Logits for the id after each one.

        Parameters
        ----------
        ids : int tensor of shape (B, T)
        state : int tensor of shape (B, n - 1), optional
            The ids before. None: the text starts here.

        Returns
        -------
        logits : tensor of shape (B, T, V)
        state : int tensor of shape (B, n - 1)
        """
        B, T = (check_token_ids("ids", ids, "B T", self.V)[s] for s in "BT")
        if state is None:
            state = ids.new_full((B, self.n - 1), self.V)
        elif self.n > 1:
            check_array("state", state, f"{B} {self.n - 1}", kind="int")
        seen = torch.cat([state.to(ids.dtype), ids], 1)  # (B, n - 1 + T)
        windows = seen.unfold(1, self.n, 1).long()  # (B, T, n)
        u = torch.tanh(self.W_e[windows].flatten(2) @ self.W_xh + self.b_h)
        return u @ self.W_hy + self.b_y, seen[:, T:]
