"""Attention as PyTorch modules: the scores of `rnnlib.scratch.attention`, differentiated by autograd."""

import math

import torch

from rnnlib.checks import check_array, check_number
from rnnlib.nn.module import Module, uniform_


def attend(scores, values, mask=None):
    """Weighted means of ``values`` (..., S, H) with the softmax of ``scores`` (..., T, S) where ``mask`` is True.

    Returns context (..., T, H) and attn (..., T, S); a query that may look at nothing gets zeros.
    """
    if mask is None:
        attn = torch.softmax(scores, -1)
    else:
        attn = torch.softmax(torch.where(mask, scores, torch.finfo(scores.dtype).min), -1) * mask
    return attn @ values, attn


class Attention(Module):
    """What the four share: checks, masks, and padding that changes nothing even where it holds NaN."""

    shapes = ("B T A", "B S K", "B S H")

    def forward(self, query, keys, values, mask=None):
        """Look at ``values`` where ``keys`` fit ``query``.

        Parameters
        ----------
        query : tensor of shape (B, T, A)
        keys : tensor of shape (B, S, K)
        values : tensor of shape (B, S, H)
        mask : bool tensor of shape (B, T, S), optional
            True = may look; an axis may be 1.

        Returns
        -------
        context : tensor of shape (B, T, H)
            Zeros for a query that may look at nothing.
        attn : tensor of shape (B, T, S), with heads (B, n_heads, T, S)
            Rows sum to 1.
        """
        sizes = dict(self.sizes)
        for name, value, shape in zip(("query", "keys", "values"), (query, keys, values), self.shapes, strict=True):
            check_array(name, value, shape, sizes=sizes, like=query if name != "query" else self.like(query), finite=False)
        B, T, S = (sizes[s] for s in "BTS")
        if mask is not None:
            check_array("mask", mask, like=query, kind="bool")
            if mask.ndim != 3 or any(m not in (1, n) for m, n in zip(mask.shape, (B, T, S), strict=True)):
                raise ValueError(f"mask: expected shape ({B}, {T}, {S}), or 1 along an axis, got {tuple(mask.shape)}")
            mask = mask.expand(B, T, S)
            seen = mask.any(1)[:, :, None]
            keys, values = torch.where(seen, keys, 0.0), torch.where(seen, values, 0.0)
        return self.look(query, keys, values, mask)

    @property
    def sizes(self):
        return {}

    def like(self, query):
        """A parameter that the query must agree with in dtype and device."""
        return next((p.detach() for p in self.parameters()), query)

    def look(self, query, keys, values, mask):
        return attend(self.scores(query, keys), values, mask)


class DotAttention(Attention):
    r"""Attention whose score is the dot product of query and key.

    .. math:: e_{ts} = \text{scale} \cdot q_t \cdot k_s

    Parameters
    ----------
    scale : float, optional
        ``1 / sqrt(A)`` when None (Vaswani et al., 2017); 1 for the score of Luong et al. (2015).

    Notes
    -----
    Lesson: :ref:`dot-attention`. By hand: `rnnlib.scratch.attention.dot_attention`.
    """

    shapes = ("B T A", "B S A", "B S H")

    def __init__(self, scale=None):
        super().__init__()
        if scale is not None:
            check_number("scale", scale)
        self.scale = scale

    def scores(self, query, keys):
        scale = 1 / math.sqrt(query.shape[-1]) if self.scale is None else self.scale
        return query @ keys.transpose(1, 2) * scale


class GeneralAttention(Attention):
    r"""Attention whose score is a learned bilinear form.

    .. math:: e_{ts} = q_t W_a k_s^\top

    Parameters
    ----------
    A, K : int
        Sizes of query and key.

    Attributes
    ----------
    W_a : Parameter of shape (A, K)

    Notes
    -----
    Lesson: :ref:`dot-attention`. Source: Luong, Pham and Manning (2015). By hand: `rnnlib.scratch.attention.general_attention`.
    """

    def __init__(self, A, K):
        super().__init__()
        _check_sizes(A=A, K=K)
        self.W_a = torch.nn.Parameter(uniform_(torch.empty(A, K), A))

    @property
    def sizes(self):
        return dict(zip("AK", self.W_a.shape, strict=True))

    def scores(self, query, keys):
        return query @ self.W_a @ keys.transpose(1, 2)


class AdditiveAttention(Attention):
    r"""Attention whose score is a small network of query and key.

    .. math:: e_{ts} = v_a \cdot \tanh(q_t W_q + k_s W_k)

    Parameters
    ----------
    A, K, N : int
        Sizes of query, key and hidden layer.

    Attributes
    ----------
    W_q, W_k, v_a : Parameter of shape (A, N), (K, N), (N,)

    Notes
    -----
    Lesson: :ref:`additive-attention`. Source: Bahdanau, Cho and Bengio (2015). By hand:
    `rnnlib.scratch.attention.additive_attention`.
    """

    def __init__(self, A, K, N):
        super().__init__()
        _check_sizes(A=A, K=K, N=N)
        self.W_q = torch.nn.Parameter(uniform_(torch.empty(A, N), A))
        self.W_k = torch.nn.Parameter(uniform_(torch.empty(K, N), K))
        self.v_a = torch.nn.Parameter(uniform_(torch.empty(N), N))

    @property
    def sizes(self):
        return {"A": self.W_q.shape[0], "K": self.W_k.shape[0]}

    def scores(self, query, keys):
        return self.scores_of(query, keys @ self.W_k)

    def scores_of(self, query, projected):
        """Scores from keys that are projected already, (B, S, N): a decoder does that once for all its steps."""
        return torch.tanh((query @ self.W_q)[:, :, None] + projected[:, None]) @ self.v_a


class MultiHeadAttention(Attention):
    r"""Several scaled dot-product attentions side by side, each on its own projection.

    .. math::

       \text{head}_j = \operatorname{dot\_attention}(Q W_q^{(j)}, K W_k^{(j)}, V W_v^{(j)}), \qquad
       \text{context} = [\text{head}_1, \dots, \text{head}_n] \, W_o

    Parameters
    ----------
    E : int
        Size of the query, and of all that is not given.
    n_heads : int
        Divides the sizes of the projected keys and values, which are ``E``.
    K, J : int, optional
        Sizes of keys and values.
    O : int, optional
        Size of the context.

    Attributes
    ----------
    W_q, W_k, W_v, W_o : Parameter of shape (E, E), (K, E), (J, E), (E, O)
        Head ``j`` owns the ``j``-th of ``n_heads`` equal column blocks of the first three.

    Notes
    -----
    Lesson: :ref:`multi-head`. Source: Vaswani et al. (2017); no biases, no dropout. By hand:
    `rnnlib.scratch.attention.multi_head_attention`.
    """

    shapes = ("B T E", "B S K", "B S J")

    def __init__(self, E, n_heads, *, K=None, J=None, O=None):
        super().__init__()
        K, J, O = K or E, J or E, O or E
        _check_sizes(E=E, n_heads=n_heads, K=K, J=J, O=O)
        if E % n_heads:
            raise ValueError(f"n_heads: expected a divisor of E = {E}, got {n_heads}")
        self.n_heads = int(n_heads)
        for name, shape in (("W_q", (E, E)), ("W_k", (K, E)), ("W_v", (J, E)), ("W_o", (E, O))):
            self.register_parameter(name, torch.nn.Parameter(uniform_(torch.empty(shape), shape[0])))

    @property
    def sizes(self):
        return {"E": self.W_q.shape[0], "K": self.W_k.shape[0], "J": self.W_v.shape[0]}

    def look(self, query, keys, values, mask):
        q, k, v = (self.split(x) for x in (query @ self.W_q, keys @ self.W_k, values @ self.W_v))
        scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])
        heads, attn = attend(scores, v, None if mask is None else mask[:, None])
        return heads.transpose(1, 2).flatten(2) @ self.W_o, attn

    def split(self, x):
        """(B, T, E) as (B, n_heads, T, E / n_heads)."""
        return x.unflatten(2, (self.n_heads, -1)).transpose(1, 2)


def _check_sizes(**sizes):
    for name, value in sizes.items():
        check_number(name, value, 1, integer=True)
