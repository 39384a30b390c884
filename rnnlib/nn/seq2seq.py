"""Encoder–decoder: read one sequence, or a picture, and write another, with or without attention."""

from collections import namedtuple

import torch
import torch.nn.functional as F

from rnnlib.checks import check_array, check_choice, check_number
from rnnlib.nn.attention import AdditiveAttention, DotAttention, GeneralAttention, attend
from rnnlib.nn.cells import CELLS
from rnnlib.nn.layer import probability, step_mask
from rnnlib.nn.module import Module, check_token_ids, token_loss, uniform_
from rnnlib.scratch import decode

ATTENTIONS = (None, "additive", "dot", "general")

Memory = namedtuple("Memory", "values projected mask")
Memory.__doc__ = "What a decoder may look at: annotations (B, S, K), the same as projected keys (additive attention), mask (B, 1, S)."


class Decoder(Module):
    r"""Write ids one after the other, each from the state, the id before, and what attention brings.

    .. math::

       \text{additive:}\quad \text{context}_t = \sum_s a_{ts} v_s \;\text{for the query}\; h_{t-1}, \qquad
       h_t = \mathrm{cell}(y_{t-1} W_x + \text{context}_t W_c,\; h_{t-1})

       \text{dot, general:}\quad h_t = \mathrm{cell}(y_{t-1} W_x,\; h_{t-1}), \qquad
       \text{context}_t = \sum_s a_{ts} v_s \;\text{for the query}\; h_t

       \text{logits}_t = \tanh([h_t, \text{context}_t] \, W_u + b_u) \, W_{hy} + b_y

    Parameters
    ----------
    V, E, H : int
        Sizes of the vocabulary, of the embedding and of the state.
    K : int
        Size of an annotation, that is of what attention looks at.
    attention : {None, "additive", "dot", "general"}
        None: all that is known of the source is the first state, and :math:`\text{logits}_t = h_t W_{hy} + b_y`.
    cell : {"gru", "lstm", "rnn"}
    N : int, optional
        Hidden size of the additive score; ``H`` when None.
    dropout : float
        Probability of dropping an embedded id, or a unit in front of ``W_hy``.

    Notes
    -----
    Lesson: :ref:`seq2seq-attention`. Sources: Sutskever et al. (2014) without attention; Bahdanau et al. (2015) for "additive", with
    one tanh layer in the place of their maxout; Luong et al. (2015) for "dot" and "general", without input feeding.
    """

    def __init__(self, V, E, H, K, *, attention="additive", cell="gru", N=None, dropout=0.0):
        super().__init__()
        for name, value, low in (("V", V, 2), ("E", E, 1), ("H", H, 1), ("K", K, 1)):
            check_number(name, value, low, integer=True)
        check_choice("attention", attention, ATTENTIONS)
        check_choice("cell", cell, tuple(CELLS))
        if attention == "dot" and K != H:
            raise ValueError(f"attention: expected annotations of the state's size H = {H} for 'dot', got {K}. Use 'general' or 'additive'")
        self.V, self.H, self.kind, self.dropout = int(V), int(H), attention, probability("dropout", dropout)
        self.W_e = torch.nn.Parameter(uniform_(torch.empty(V, E), H))
        self.layer = CELLS[cell](E, H)
        if attention == "additive":
            self.attention = AdditiveAttention(H, K, N or H)
            self.W_c = torch.nn.Parameter(uniform_(torch.empty(K, self.layer.cells[0].W_hidden.shape[1]), H))
        elif attention is not None:
            self.attention = DotAttention(scale=1.0) if attention == "dot" else GeneralAttention(H, K)
        if attention is not None:
            self.W_u = torch.nn.Parameter(uniform_(torch.empty(H + K, H), H + K))
            self.b_u = torch.nn.Parameter(torch.zeros(H))
        self.W_hy = torch.nn.Parameter(uniform_(torch.empty(H, V), H))
        self.b_y = torch.nn.Parameter(torch.zeros(V))

    def remember(self, annotations, mask=None):
        """What `forward` takes as ``memory``: annotations (B, S, K), and where one may look (B, S); the keys are projected once."""
        if mask is None:
            mask = torch.ones(annotations.shape[:2], dtype=torch.bool, device=annotations.device)
        return Memory(annotations, annotations @ self.attention.W_k if self.kind == "additive" else None, mask[:, None])

    def first_state(self, h_0):
        """The state that starts with ``h_0``; an LSTM's memory starts empty."""
        return h_0 if len(self.layer.parts) == 1 else (h_0, torch.zeros_like(h_0))

    def forward(self, ids, state, memory):
        """Logits for the id after each one.

        Parameters
        ----------
        ids : int tensor of shape (B, T)
            What is written so far, from the start symbol on, or the last of it with the state that belongs to it.
        state : of the cell
        memory : Memory
            From `remember`.

        Returns
        -------
        logits : tensor of shape (B, T, V)
        state : after the last step
        attn : tensor of shape (B, T, S), or None without attention
        """
        check_token_ids("ids", ids, "B T", self.V)
        x = F.dropout(self.W_e[ids.long()], self.dropout, self.training)
        if self.kind == "additive":
            h_seq, state, context, attn = self.attend_before_each_step(x, state, memory)
        else:
            h_seq, state = self.layer(x, state)
        if self.kind is None:
            return F.dropout(h_seq, self.dropout, self.training) @ self.W_hy + self.b_y, state, None
        if self.kind != "additive":
            context, attn = self.attention(h_seq, memory.values, memory.values, memory.mask)
        u = torch.tanh(torch.cat([h_seq, context], 2) @ self.W_u + self.b_u)
        return F.dropout(u, self.dropout, self.training) @ self.W_hy + self.b_y, state, attn

    def attend_before_each_step(self, x, state, memory):
        cell, outputs = self.layer.cells[0], []
        state = state if isinstance(state, tuple) else (state,)
        for a_t in cell.project(x).unbind(1):
            context, attn = attend(self.attention.scores_of(state[0][:, None], memory.projected), memory.values, memory.mask)
            state = cell.advance(a_t + context[:, 0] @ self.W_c, state)
            outputs.append((state[0], context[:, 0], attn[:, 0]))
        h_seq, context, attn = (torch.stack(o, 1) for o in zip(*outputs, strict=True))
        return h_seq, state if len(state) > 1 else state[0], context, attn


class EncoderDecoder(Module):
    """Training and decoding, whatever is encoded. A subclass gives ``encode(source) -> memory, state`` and sets ``decoder``."""

    def __init__(self, V, pad, start, end):
        super().__init__()
        for name, value in (("pad", pad), ("start", start), ("end", end)):
            check_number(name, value, 0, V - 1, integer=True)
        if len({pad, start, end}) != 3:
            raise ValueError(f"pad, start, end: expected three different ids, got {pad}, {start}, {end}")
        self.pad, self.start, self.end = int(pad), int(start), int(end)

    def forward(self, source, target):
        """Teacher forcing: each step is given the true id before it.

        Parameters
        ----------
        source : what ``encode`` takes
        target : int tensor of shape (B, T)
            Each row ends with ``end``, then ``pad``; without ``start``.

        Returns
        -------
        logits : tensor of shape (B, T, V)
        attn : tensor of shape (B, T, S), or None without attention
        """
        check_token_ids("target", target, "B T", self.decoder.V)
        memory, state = self.encode(source)
        check_array("target", target, f"{len(memory.values)} T", kind="int")
        logits, _, attn = self.decoder(self.shifted(target), state, memory)
        return logits, attn

    def shifted(self, target):
        """What the decoder reads: ``start``, then the target without its last column."""
        return torch.cat([torch.full_like(target[:, :1], self.start), target[:, :-1]], 1)

    def loss(self, source, target, teacher_forcing=1.0):
        """Mean cross-entropy over all ids of the target that are not ``pad``.

        Parameters
        ----------
        source : what ``encode`` takes
        target : int tensor of shape (B, T)
            Each row ends with ``end``, then ``pad``; without ``start``.
        teacher_forcing : float
            Probability that a step is given the true id before it; otherwise the model's own likeliest. Below 1 the decoder goes
            step by step (Bengio et al., 2015).

        Returns
        -------
        loss : scalar tensor
            In nats per id.
        """
        check_number("teacher_forcing", teacher_forcing, 0, 1)
        if teacher_forcing == 1:
            logits, _ = self(source, target)
        else:
            check_token_ids("target", target, "B T", self.decoder.V)
            memory, state = self.encode(source)
            check_array("target", target, f"{len(memory.values)} T", kind="int")
            ids, steps = torch.full_like(target[:, :1], self.start), []
            for t in range(target.shape[1]):
                step, state, _ = self.decoder(ids, state, memory)
                steps.append(step)
                true = torch.rand(target.shape[0], 1, device=target.device) < teacher_forcing
                ids = torch.where(true, target[:, t : t + 1], step.argmax(2).to(target.dtype))
            logits = torch.cat(steps, 1)
        return token_loss(logits, target, target != self.pad)

    @torch.no_grad()
    def greedy(self, source, max_length):
        """Write the likeliest id at each step.

        Parameters
        ----------
        source : what ``encode`` takes
        max_length : int

        Returns
        -------
        ids : int tensor of shape (B, max_length)
            As a target: up to and with ``end``, then ``pad``.
        attn : tensor of shape (B, max_length, S), or None without attention
            The alignment: row t is where the decoder looked for id t.
        """
        check_number("max_length", max_length, 1, integer=True)
        was_training = self.training
        self.eval()
        memory, state = self.encode(source)
        last = torch.full((memory.mask.shape[0], 1), self.start, device=memory.mask.device)
        done, written, looked = torch.zeros_like(last, dtype=torch.bool), [], []
        for _ in range(max_length):
            logits, state, attn = self.decoder(last, state, memory)
            last = logits.argmax(2).masked_fill(done, self.pad)
            done = done | (last == self.end)
            written.append(last)
            looked.append(attn)
        self.train(was_training)
        return torch.cat(written, 1), None if looked[0] is None else torch.cat(looked, 1)

    @torch.no_grad()
    def beam(self, source, max_length, width, *, length_power=0.0):
        """Write with a beam search.

        Parameters
        ----------
        source : what ``encode`` takes
        max_length : int
        width : int
            Beginnings kept at each step; 1 is `greedy`.
        length_power : float
            Scores are divided by the length to this power.

        Returns
        -------
        ids : int tensor of shape (B, width, max_length)
            As targets, the best of each row first.
        log_prob : tensor of shape (B, width)
            In nats, float64.

        Notes
        -----
        The search is `rnnlib.scratch.decode.beam`.
        """
        check_number("max_length", max_length, 1, integer=True)
        was_training = self.training
        self.eval()
        memory, state = self.encode(source)
        B, device = memory.mask.shape[0], memory.mask.device

        def step(ids, state):
            state, rows = state
            beams = Memory(*(None if part is None else part[rows] for part in memory))
            logits, state, _ = self.decoder(torch.as_tensor(ids, device=device)[:, None], state, beams)
            return logits[:, 0], (state, rows)

        start, rows = torch.full((B,), self.start), torch.arange(B, device=device)
        ids, log_prob = decode.beam(step, (state, rows), start, max_length, width, eos=self.end, length_power=length_power)
        self.train(was_training)
        ids = torch.from_numpy(ids)
        ended = ((ids == self.end).cumsum(2) - (ids == self.end).long()) > 0
        return ids.masked_fill(ended, self.pad).to(device), torch.from_numpy(log_prob)


class Seq2Seq(EncoderDecoder):
    r"""Encoder–decoder over ids: translate, reverse, rewrite.

    Parameters
    ----------
    V_source, V_target : int
        Sizes of the two vocabularies.
    E, H : int
        Sizes of the embeddings and of the states, on both sides.
    attention : {"additive", "dot", "general", None}
        How the decoder looks back (see `Decoder`); None leaves it the encoder's last state alone.
    cell : {"gru", "lstm", "rnn"}
    bidirectional : bool
        Read the source in both directions; annotations have the size 2H and the decoder starts from
        :math:`h_0 = \tanh([\overrightarrow{h}, \overleftarrow{h}] W_s + b_s)`, an LSTM with an empty memory.
    N : int, optional
        Hidden size of the additive score; ``H`` when None.
    dropout : float
        Probability of dropping an embedded id, or a unit in front of the read-out.
    pad, start, end : int
        Ids with a job. ``pad`` fills up rows of the source and of the target; ``end`` closes a target.

    Attributes
    ----------
    W_e : Parameter of shape (V_source, E)
    encoder : GRU, LSTM or RNN
    decoder : Decoder

    Notes
    -----
    Lesson: :ref:`seq2seq`. Sources: Cho et al. (2014), Sutskever et al. (2014), Bahdanau et al. (2015), Luong et al. (2015).

    Examples
    --------
    >>> model = Seq2Seq(V_source=9, V_target=7, E=4, H=5)
    >>> ids, attn = model.greedy(torch.tensor([[3, 4, 5], [6, 0, 0]]), max_length=4)
    >>> ids.shape, attn.shape
    (torch.Size([2, 4]), torch.Size([2, 4, 3]))
    """

    def __init__(
        self,
        V_source,
        V_target,
        E,
        H,
        *,
        attention="additive",
        cell="gru",
        bidirectional=False,
        N=None,
        dropout=0.0,
        pad=0,
        start=1,
        end=2,
    ):
        check_number("V_source", V_source, 2, integer=True)
        check_number("V_target", V_target, 4, integer=True)
        super().__init__(V_target, pad, start, end)
        self.V_source, self.dropout = int(V_source), probability("dropout", dropout)
        check_choice("cell", cell, tuple(CELLS))
        K = 2 * H if bidirectional else H
        self.decoder = Decoder(V_target, E, H, K, attention=attention, cell=cell, N=N, dropout=dropout)
        self.W_e = torch.nn.Parameter(uniform_(torch.empty(V_source, E), H))
        self.encoder = CELLS[cell](E, H, bidirectional=bidirectional)
        if bidirectional:
            self.W_s = torch.nn.Parameter(uniform_(torch.empty(2 * H, H), 2 * H))
            self.b_s = torch.nn.Parameter(torch.zeros(H))

    def encode(self, source):
        """Read the source.

        Parameters
        ----------
        source : int tensor of shape (B, S)
            Rows of at least one id, then ``pad``.

        Returns
        -------
        memory : Memory
        state : the decoder's first
        """
        S = check_token_ids("source", source, "B S", self.V_source)["S"]
        lengths = (source != self.pad).sum(1)
        mask = step_mask(lengths, S, source.device)
        if source.device.type == "cpu" and not torch.equal(mask, source != self.pad):
            raise ValueError(f"source: expected {self.pad} (pad) at the end of a row only, got it inside one")
        x = F.dropout(self.W_e[source.long()], self.dropout, self.training)
        annotations, state = self.encoder(x, lengths=lengths)
        if self.encoder.bidirectional:
            h = state[0] if isinstance(state, tuple) else state  # (2, B, H)
            state = self.decoder.first_state(torch.tanh(torch.cat([h[0], h[1]], 1) @ self.W_s + self.b_s))
        return self.decoder.remember(annotations, mask), state


class Captioner(EncoderDecoder):
    r"""Say what is in a picture: a decoder over the regions of a frozen CNN's feature map.

    .. math:: h_0 = \tanh(\bar v \, W_s + b_s), \qquad \bar v = \frac{1}{R} \sum_r v_r

    Parameters
    ----------
    V, E, H : int
        Sizes of the vocabulary, of the embedding and of the state.
    K : int
        Channels of the feature map.
    cnn : torch.nn.Module, optional
        Gives (B, K, height, width) for a batch of images. It is frozen and stays in ``eval`` mode. None: the source is the feature
        map itself, computed once beforehand.
    attention, cell, N, dropout, pad, start, end
        As in `Seq2Seq`. ``attention=None`` leaves the decoder the mean feature alone.

    Attributes
    ----------
    W_s, b_s : Parameter of shape (K, H), (H,)
    decoder : Decoder

    Notes
    -----
    Lesson: :ref:`captioning`. Source: Xu et al. (2015), soft attention without the gate on the context.

    Examples
    --------
    >>> ids, attn = Captioner(V=9, E=4, H=5, K=6).greedy(torch.randn(2, 6, 3, 3), max_length=4)
    >>> ids.shape, attn.shape
    (torch.Size([2, 4]), torch.Size([2, 4, 9]))
    """

    def __init__(self, V, E, H, K, *, cnn=None, attention="additive", cell="lstm", N=None, dropout=0.0, pad=0, start=1, end=2):
        check_number("V", V, 4, integer=True)
        super().__init__(V, pad, start, end)
        self.decoder = Decoder(V, E, H, K, attention=attention, cell=cell, N=N, dropout=dropout)
        self.K, self.cnn = int(K), cnn
        self.W_s = torch.nn.Parameter(uniform_(torch.empty(K, H), K))
        self.b_s = torch.nn.Parameter(torch.zeros(H))
        if cnn is not None:
            if not isinstance(cnn, torch.nn.Module):
                raise TypeError(f"cnn: expected a torch.nn.Module, got {type(cnn).__name__}")
            cnn.requires_grad_(False)
        self.train()

    def train(self, mode=True):
        super().train(mode)
        if self.cnn is not None:
            self.cnn.eval()
        return self

    def encode(self, source):
        """Look at the picture.

        Parameters
        ----------
        source : tensor of shape (B, channels, height, width)
            Images for the CNN; without one, its feature map (B, K, height, width).

        Returns
        -------
        memory : Memory
            Its S = height · width annotations are the regions, row by row.
        state : the decoder's first
        """
        check_array("source", source, "B C Y X")
        if self.cnn is not None:
            with torch.no_grad():
                source = self.cnn(source)
        name = "source" if self.cnn is None else "feature map of cnn"
        check_array(name, source, f"B {self.K} Y X", like=self.b_s.detach())
        annotations = source.flatten(2).transpose(1, 2)
        h_0 = torch.tanh(annotations.mean(1) @ self.W_s + self.b_s)
        return self.decoder.remember(annotations), self.decoder.first_state(h_0)
