"""A language model with attention in the place of recurrence."""

import torch
import torch.nn.functional as F

from rnnlib.checks import check_array, check_number
from rnnlib.nn.attention import MultiHeadAttention
from rnnlib.nn.language import LanguageModel
from rnnlib.nn.module import Module, check_token_ids, uniform_
from rnnlib.scratch.attention import causal_mask
from rnnlib.scratch.positions import sinusoids


class TransformerBlock(Module):
    r"""Look around, then think: attention over the steps, then a small network at each step, both added to what came in.

    .. math::

       u = x + \operatorname{multi\_head}(\operatorname{norm}(x)), \qquad
       y = u + \max(0, \operatorname{norm}(u) \, W_1 + b_1) \, W_2 + b_2

    Parameters
    ----------
    E, n_heads : int
        Size of a step's vector and number of heads; ``n_heads`` divides ``E``.

    Attributes
    ----------
    attention : MultiHeadAttention
    norm_1, norm_2 : LayerNorm
    W_1, b_1, W_2, b_2 : Parameter of shape (E, 4E), (4E,), (4E, E), (E,)

    Notes
    -----
    Lesson: :ref:`self-attention`. Source: Vaswani et al. (2017), with the norm in front of each part instead of behind the sum.
    """

    def __init__(self, E, n_heads):
        super().__init__()
        self.attention = MultiHeadAttention(E, n_heads)
        self.norm_1, self.norm_2 = torch.nn.LayerNorm(E), torch.nn.LayerNorm(E)
        self.W_1, self.b_1 = torch.nn.Parameter(uniform_(torch.empty(E, 4 * E), E)), torch.nn.Parameter(torch.zeros(4 * E))
        self.W_2, self.b_2 = torch.nn.Parameter(uniform_(torch.empty(4 * E, E), 4 * E)), torch.nn.Parameter(torch.zeros(E))

    def forward(self, x, mask=None):
        """One block.

        Parameters
        ----------
        x : tensor of shape (B, T, E)
        mask : bool tensor of shape (B, T, T), optional
            True = may look; an axis may be 1.

        Returns
        -------
        y : tensor of shape (B, T, E)
        attn : tensor of shape (B, n_heads, T, T)
        """
        check_array("x", x, f"B T {self.W_1.shape[0]}", like=self.b_1.detach())
        normed = self.norm_1(x)
        context, attn = self.attention(normed, normed, normed, mask)
        u = x + context
        return u + F.relu(self.norm_2(u) @ self.W_1 + self.b_1) @ self.W_2 + self.b_2, attn


class TransformerLM(LanguageModel):
    r"""Causal self-attention: every step looks at itself and the steps before, and nothing is carried from step to step.

    .. math:: x_t = W_e[\mathrm{id}_t] + p_t, \qquad y = \text{block}_L(\dots \text{block}_1(x)), \qquad
              \text{logits}_t = \operatorname{norm}(y_t) \, W_{hy} + b_y

    Parameters
    ----------
    V, E : int
        Sizes of the vocabulary and of a step's vector.
    n_heads, num_layers : int
    N : int
        Steps that the model can see at once.
    causal : bool
        False lets every step look at the steps after it too: a leak, for showing what it does.

    Attributes
    ----------
    W_e : Parameter of shape (V, E)
    blocks : list of TransformerBlock
    norm : LayerNorm
    W_hy, b_y : Parameter of shape (E, V), (V,)

    Notes
    -----
    Lesson: :ref:`self-attention`. Source: the decoder of Vaswani et al. (2017) without its second attention. The state that `forward`
    takes and gives is the past itself, at most N // 2 ids, read again each time: so this model trains and samples as `CharLM` does.

    Examples
    --------
    >>> logits, past = TransformerLM(V=5, E=8, n_heads=2, num_layers=1, N=6)(torch.tensor([[0, 3, 1, 1]]))
    >>> logits.shape, past.tolist()
    (torch.Size([1, 4, 5]), [[3, 1, 1]])
    """

    def __init__(self, V, E, n_heads, num_layers, N, *, causal=True):
        super().__init__()
        for name, value, low in (("V", V, 2), ("E", E, 1), ("num_layers", num_layers, 1), ("N", N, 2)):
            check_number(name, value, low, integer=True)
        self.V, self.N, self.causal = int(V), int(N), bool(causal)
        self.W_e = torch.nn.Parameter(0.3 * torch.randn(V, E))  # smaller than the code for places, whose numbers are up to 1
        self.blocks = torch.nn.ModuleList(TransformerBlock(E, n_heads) for _ in range(num_layers))
        self.norm = torch.nn.LayerNorm(E)
        self.W_hy, self.b_y = torch.nn.Parameter(uniform_(torch.empty(E, V), E)), torch.nn.Parameter(torch.zeros(V))
        self.register_buffer("places", torch.from_numpy(sinusoids(N, E)), persistent=False)
        self.register_buffer("mask", torch.from_numpy(causal_mask(N)), persistent=False)

    def forward(self, ids, state=None):
        """Logits for the id after each one.

        Parameters
        ----------
        ids : int tensor of shape (B, T)
            At most N ids together with those of ``state``.
        state : int tensor of shape (B, P), optional
            The ids before. None: the text starts here.

        Returns
        -------
        logits : tensor of shape (B, T, V)
        state : int tensor of shape (B, P)
            The last ids, at most N // 2.
        """
        logits, past, _ = self.look(ids, state)
        return logits, past

    def look(self, ids, state=None):
        """As `forward`, and a third value: for each block where each step looked, a list of tensors (B, n_heads, P + T, P + T)."""
        B, T = (check_token_ids("ids", ids, "B T", self.V)[s] for s in "BT")
        if state is not None:
            check_token_ids("state", state, f"{B} P", self.V)
        seen = ids if state is None else torch.cat([state.to(ids.dtype), ids], 1)
        n = seen.shape[1]
        if n > self.N:
            raise ValueError(f"ids: expected at most N = {self.N} ids with the {n - T} of state, got {T}")
        x, maps = self.W_e[seen.long()] + self.places[:n], []
        for block in self.blocks:
            x, attn = block(x, self.mask[:, :n, :n] if self.causal else None)
            maps.append(attn)
        return self.norm(x[:, n - T :]) @ self.W_hy + self.b_y, seen[:, -(self.N // 2) :], maps
