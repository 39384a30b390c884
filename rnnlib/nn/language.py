"""Language models over ids: a recurrent one, and the fixed window that came before it."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from rnnlib.arrays import to_numpy
from rnnlib.checks import check_array, check_choice, check_ids, check_number
from rnnlib.nn.cells import CELLS
from rnnlib.nn.layer import probability
from rnnlib.nn.module import Module, check_token_ids, token_loss, uniform_
from rnnlib.scratch import decode
from rnnlib.scratch.language import language_step


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
    def sample(self, prompt, length, *, rng, temperature=1.0, top_k=None, nucleus=None):
        """Go on from a prompt, one id after the other.

        Parameters
        ----------
        prompt : int array of shape (N,)
            Read before the first draw; at least one id.
        length : int
            Ids to draw.
        rng : numpy.random.Generator
        temperature, top_k, nucleus
            As for `rnnlib.scratch.decode.sample`: temperature 0 takes the likeliest id.

        Returns
        -------
        ids : ndarray of shape (length,)
            Without the prompt.
        """
        prompt = torch.as_tensor(np.asarray(prompt))
        check_ids("prompt", prompt, "N", self.V)
        check_number("length", length, 1, integer=True)
        was_training = self.training
        self.eval()
        state = self(prompt[None, :-1].to(next(self.parameters()).device))[1] if len(prompt) > 1 else None
        ids = decode.sample(self.step(), state, prompt[-1:], length, rng, temperature=temperature, top_k=top_k, nucleus=nucleus)
        self.train(was_training)
        return ids[0]

    def step(self):
        """This model as `rnnlib.scratch.decode` wants it: ``step(ids, state) -> logits, state`` on the weights as they are now."""
        device = next(self.parameters()).device

        def step(ids, state):
            logits, state = self(torch.as_tensor(ids, device=device)[:, None], state)
            return logits[:, -1], state

        return step


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
        for name, value, low in (("V", V, 2), ("H", H, 1), ("num_layers", num_layers, 1)):
            check_number(name, value, low, integer=True)
        check_choice("cell", cell, tuple(CELLS))
        if E is not None:
            check_number("E", E, 1, integer=True)
        if tie and E != H:
            raise ValueError(f"tie: expected E = H = {H}, got E = {E}")
        self.V, self.cell, self.dropout = int(V), cell, probability("dropout", dropout)
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

    def step(self):
        """One plain layer on the CPU steps by hand: no input is multiplied and nothing is dispatched."""
        layer, cell = self.layer, self.layer.cells[0]
        if layer.num_layers > 1 or "source" in layer.missing or self.b_y.device.type != "cpu":
            return super().step()
        arrays = {
            name: p.detach().numpy()
            for module in (cell, self)
            for name, p in module.named_parameters(recurse=False)
            if not name.startswith("p_")
        }
        W_e, b_y = arrays.pop("W_e", None), arrays.pop("b_y")
        W_hy = arrays.pop("W_hy") if "W_hy" in arrays else W_e.T
        options = {name: getattr(cell, name) for name in ("activation", "reset") if hasattr(cell, name)}
        if getattr(cell, "peephole", False):
            options["peepholes"] = tuple(getattr(cell, name).detach().numpy() for name in ("p_i", "p_f", "p_o"))
        by_hand = language_step(self.cell, arrays, W_hy, b_y, W_e, **options)

        def step(ids, state):
            return by_hand(ids, tuple(map(to_numpy, state)) if isinstance(state, tuple) else state if state is None else to_numpy(state))

        return step


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
            check_token_ids("state", state, f"{B} {self.n - 1}", self.V + 1)
        seen = torch.cat([state.to(ids.dtype), ids], 1)  # (B, n - 1 + T)
        windows = seen.unfold(1, self.n, 1).long()  # (B, T, n)
        u = torch.tanh(self.W_e[windows].flatten(2) @ self.W_xh + self.b_h)
        return u @ self.W_hy + self.b_y, seen[:, T:]
