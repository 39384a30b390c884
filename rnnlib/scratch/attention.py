"""Attention: for every query, a weighted mean of values, weighted by how well the keys fit.

The four differ only in how a score is made: additive, dot product, general (a bilinear form), and several dot products side
by side. What follows the score is the same for all: a softmax over the keys that may be looked at, and a mean of the values.
"""

import math

import numpy as np

from rnnlib.arrays import asarray_like, xp_of
from rnnlib.checks import check_array, check_number


def length_mask(lengths, S):
    """The mask that lets every query look at the valid keys of its row.

    Parameters
    ----------
    lengths : int array of shape (B,)
        Valid keys of each row, 1 to ``S``.
    S : int
        Keys of the padded batch.

    Returns
    -------
    mask : bool array of shape (B, 1, S)
        True = may look.

    Notes
    -----
    Lesson: :ref:`attention-masks`.

    Examples
    --------
    >>> length_mask(np.array([1, 3]), 3)
    array([[[ True, False, False]],
    <BLANKLINE>
           [[ True,  True,  True]]])
    """
    check_number("S", S, 1, integer=True)
    check_array("lengths", lengths, "B", kind="int")
    low, high = int(lengths.min()), int(lengths.max())
    if low < 1 or high > S:
        raise ValueError(f"lengths: expected values between 1 and S = {S}, got values from {low} to {high}")
    return asarray_like(np.arange(S), lengths) < lengths[:, None, None]


def causal_mask(T):
    """The mask that lets query ``t`` look at the keys ``0`` to ``t``: nothing later.

    Parameters
    ----------
    T : int

    Returns
    -------
    mask : bool ndarray of shape (1, T, T)
        True = may look.

    Notes
    -----
    Lesson: :ref:`attention-masks`. Source: Vaswani et al. (2017).

    Examples
    --------
    >>> causal_mask(2)[0]
    array([[ True, False],
           [ True,  True]])
    """
    check_number("T", T, 1, integer=True)
    return np.tril(np.ones((1, T, T), bool))


def masked_softmax(scores, mask=None):
    r"""Softmax over the last axis, restricted to what may be looked at.

    .. math:: a_{ts} = \frac{m_{ts} \, e^{e_{ts}}}{\sum_{s'} m_{ts'} \, e^{e_{ts'}}}

    Parameters
    ----------
    scores : ndarray or tensor of shape (B, T, S), or any other with S last
    mask : bool array of a shape that broadcasts to that of ``scores``, optional
        True = may look. Scores where it is False may be anything.

    Returns
    -------
    attn : ndarray or tensor of the shape of ``scores``
        Rows sum to 1; exactly 0 where the mask is False; a row without a single True is all zeros.

    Notes
    -----
    Lesson: :ref:`attention-masks`. The largest score that counts is subtracted first, so that no size of scores overflows.

    Examples
    --------
    >>> masked_softmax(np.array([[0.0, 0.0, 9.0]]), np.array([[True, True, False]]))
    array([[0.5, 0.5, 0. ]])
    """
    check_array("scores", scores, finite=mask is None)
    if mask is not None:
        check_array("mask", mask, like=scores, kind="bool")
        got, full = tuple(mask.shape), tuple(scores.shape)
        if len(got) != len(full) or any(m not in (1, s) for m, s in zip(got, full, strict=True)):
            raise ValueError(f"mask: expected shape {full}, or 1 along an axis, got {got}")
        scores = xp_of(scores).where(mask, scores, 0.0)
        check_array("scores", scores)
    return _softmax(scores, mask)


def _softmax(scores, mask):
    xp = xp_of(scores)
    if mask is None:
        attn = xp.exp(scores - xp.amax(scores.real, -1, keepdims=True))
        attn /= attn.sum(-1, keepdims=True)
        return attn
    some = mask.any(-1, keepdims=True)
    largest = xp.amax(xp.where(mask, scores.real, -math.inf), -1, keepdims=True)
    largest = xp.where(some, largest, 0.0)
    attn = xp.exp(xp.where(mask, scores - largest, 0.0))
    attn *= mask
    attn /= xp.where(some, attn.sum(-1, keepdims=True), 1.0)
    return attn


def _scores_backward(dattn, attn):
    """Gradient of `_softmax` with respect to the scores: zero where ``attn`` is."""
    return attn * (dattn - (attn * dattn).sum(-1, keepdims=True))


def _attend(scores, values, mask):
    """Context (..., T, H) and attention (..., T, S)."""
    attn = _softmax(scores, mask)
    return attn @ values, attn


def _attend_backward(dcontext, attn, values):
    """Gradients with respect to the scores and the values."""
    return _scores_backward(dcontext @ values.swapaxes(-1, -2), attn), attn.swapaxes(-1, -2) @ dcontext


def _enter(query, keys, values, mask, shapes, sizes):
    """Check the four arrays; return keys and values with zeros where no query may look, and the mask as (B, T, S)."""
    for name, value, shape in zip(("query", "keys", "values"), (query, keys, values), shapes, strict=True):
        check_array(name, value, shape, sizes=sizes, like=query, finite=mask is None or name == "query")
    if mask is None:
        return keys, values, None
    B, T, S = sizes["B"], sizes["T"], sizes["S"]
    check_array("mask", mask, like=query, kind="bool")
    got = tuple(mask.shape)
    if len(got) != 3 or any(m not in (1, n) for m, n in zip(got, (B, T, S), strict=True)):
        raise ValueError(f"mask: expected shape ({B}, {T}, {S}), or 1 along an axis, got {got}")
    xp = xp_of(query)
    mask = xp.broadcast_to(mask, (B, T, S))
    seen = mask.any(1)[:, :, None]  # 0 * NaN is NaN: what nobody may look at must not even be multiplied by zero
    keys, values = xp.where(seen, keys, 0.0), xp.where(seen, values, 0.0)
    check_array("keys", keys)
    check_array("values", values)
    return keys, values, mask


def _check_dcontext(dcontext, tape):
    """Check the gradient that comes back against the context that went out."""
    check_array("dcontext", dcontext, " ".join(map(str, tape["shape"])), like=tape["query"])


def dot_attention(query, keys, values, mask=None, scale=None):
    r"""Attention whose score is the dot product of query and key.

    .. math::

       e_{ts} = \text{scale} \cdot q_t \cdot k_s, \qquad a_t = \operatorname{softmax}_s(e_t), \qquad
       \text{context}_t = \sum_s a_{ts} v_s

    Parameters
    ----------
    query : ndarray or tensor of shape (B, T, A)
    keys : ndarray or tensor of shape (B, S, A)
    values : ndarray or tensor of shape (B, S, H)
    mask : bool array of shape (B, T, S), optional
        True = may look; an axis may be 1 (`length_mask`, `causal_mask`). Keys and values that no query may look at may hold
        anything, NaN too.
    scale : float, optional
        ``1 / sqrt(A)`` when None, which keeps the spread of the scores independent of ``A`` (Vaswani et al.); 1 for the
        score of Luong et al.

    Returns
    -------
    context : ndarray or tensor of shape (B, T, H)
        Zeros for a query that may look at nothing.
    attn : ndarray or tensor of shape (B, T, S)
    tape : dict
        For `dot_attention_backward`.

    Notes
    -----
    Lesson: :ref:`dot-attention`. Source: Luong, Pham & Manning (2015), scaled as in Vaswani et al. (2017).
    """
    sizes = {}
    keys, values, mask = _enter(query, keys, values, mask, ("B T A", "B S A", "B S H"), sizes)
    if scale is None:
        scale = 1 / math.sqrt(sizes["A"])
    check_number("scale", scale)
    context, attn = _attend(query @ keys.swapaxes(1, 2) * scale, values, mask)
    return context, attn, {"query": query, "keys": keys, "values": values, "scale": scale, "attn": attn, "shape": context.shape}


def dot_attention_backward(dcontext, tape):
    r"""Gradients of `dot_attention`.

    .. math::

       da_{ts} = d\text{context}_t \cdot v_s, \qquad de_{ts} = a_{ts} \Big(da_{ts} - \sum_{s'} a_{ts'} \, da_{ts'}\Big), \qquad
       dq_t = \text{scale} \sum_s de_{ts} \, k_s, \quad dk_s = \text{scale} \sum_t de_{ts} \, q_t, \quad
       dv_s = \sum_t a_{ts} \, d\text{context}_t

    Parameters
    ----------
    dcontext : ndarray or tensor of shape (B, T, H)
    tape : dict
        From `dot_attention`.

    Returns
    -------
    dict
        ``query`` (B, T, A), ``keys`` (B, S, A), ``values`` (B, S, H). Where one array was passed as both keys and values,
        its gradient is the sum of the two.

    Notes
    -----
    Lesson: :ref:`dot-attention`.
    """
    _check_dcontext(dcontext, tape)
    query, keys = tape["query"], tape["keys"]
    dscores, dvalues = _attend_backward(dcontext, tape["attn"], tape["values"])
    dscores = dscores * tape["scale"]
    return {"query": dscores @ keys, "keys": dscores.swapaxes(1, 2) @ query, "values": dvalues}


def general_attention(query, keys, values, W_a, mask=None):
    r"""Attention whose score is a learned bilinear form: query and key may differ in size.

    .. math:: e_{ts} = q_t W_a k_s^\top, \qquad a_t = \operatorname{softmax}_s(e_t), \qquad \text{context}_t = \sum_s a_{ts} v_s

    Parameters
    ----------
    query : ndarray or tensor of shape (B, T, A)
    keys : ndarray or tensor of shape (B, S, K)
    values : ndarray or tensor of shape (B, S, H)
    W_a : ndarray or tensor of shape (A, K)
    mask : bool array of shape (B, T, S), optional
        As in `dot_attention`.

    Returns
    -------
    context : ndarray or tensor of shape (B, T, H)
        Zeros for a query that may look at nothing.
    attn : ndarray or tensor of shape (B, T, S)
    tape : dict
        For `general_attention_backward`.

    Notes
    -----
    Lesson: :ref:`dot-attention`. Source: Luong, Pham & Manning (2015), "general"; no scale.
    """
    sizes = {}
    keys, values, mask = _enter(query, keys, values, mask, ("B T A", "B S K", "B S H"), sizes)
    check_array("W_a", W_a, "A K", sizes=sizes, like=query)
    projected = query @ W_a  # (B, T, K)
    context, attn = _attend(projected @ keys.swapaxes(1, 2), values, mask)
    tape = {"query": query, "keys": keys, "values": values, "W_a": W_a, "projected": projected, "attn": attn, "shape": context.shape}
    return context, attn, tape


def general_attention_backward(dcontext, tape):
    r"""Gradients of `general_attention`.

    .. math::

       dq_t = \sum_s de_{ts} \, k_s W_a^\top, \qquad dk_s = \sum_t de_{ts} \, q_t W_a, \qquad
       dW_a = \sum_{ts} de_{ts} \, q_t^\top k_s

    Parameters
    ----------
    dcontext : ndarray or tensor of shape (B, T, H)
    tape : dict
        From `general_attention`.

    Returns
    -------
    dict
        ``query`` (B, T, A), ``keys`` (B, S, K), ``values`` (B, S, H), ``W_a`` (A, K).

    Notes
    -----
    Lesson: :ref:`dot-attention`.
    """
    _check_dcontext(dcontext, tape)
    query, W_a = tape["query"], tape["W_a"]
    dscores, dvalues = _attend_backward(dcontext, tape["attn"], tape["values"])
    dprojected = dscores @ tape["keys"]
    return {
        "query": dprojected @ W_a.T,
        "keys": dscores.swapaxes(1, 2) @ tape["projected"],
        "values": dvalues,
        "W_a": _rows(query).T @ _rows(dprojected),
    }


def additive_attention(query, keys, values, W_q, W_k, v_a, mask=None):
    r"""Attention whose score is a small network of query and key.

    .. math::

       e_{ts} = v_a \cdot \tanh(q_t W_q + k_s W_k), \qquad a_t = \operatorname{softmax}_s(e_t), \qquad
       \text{context}_t = \sum_s a_{ts} v_s

    Parameters
    ----------
    query : ndarray or tensor of shape (B, T, A)
        In the encoder–decoder, the decoder's state before the step.
    keys : ndarray or tensor of shape (B, S, K)
    values : ndarray or tensor of shape (B, S, H)
        In the encoder–decoder, keys and values are both the encoder's states.
    W_q : ndarray or tensor of shape (A, N)
    W_k : ndarray or tensor of shape (K, N)
    v_a : ndarray or tensor of shape (N,)
    mask : bool array of shape (B, T, S), optional
        As in `dot_attention`.

    Returns
    -------
    context : ndarray or tensor of shape (B, T, H)
        Zeros for a query that may look at nothing.
    attn : ndarray or tensor of shape (B, T, S)
    tape : dict
        For `additive_attention_backward`. Holds (B, T, S, N) numbers.

    Notes
    -----
    Lesson: :ref:`additive-attention`. Source: Bahdanau, Cho & Bengio (2015), eq. 6 and appendix A.1.2, without biases.
    """
    sizes = {}
    keys, values, mask = _enter(query, keys, values, mask, ("B T A", "B S K", "B S H"), sizes)
    check_array("W_q", W_q, "A N", sizes=sizes, like=query)
    check_array("W_k", W_k, "K N", sizes=sizes, like=query)
    check_array("v_a", v_a, "N", sizes=sizes, like=query)
    hidden = (query @ W_q)[:, :, None] + (keys @ W_k)[:, None]  # (B, T, S, N)
    xp_of(hidden).tanh(hidden, out=hidden)
    context, attn = _attend(hidden @ v_a, values, mask)
    tape = {"query": query, "keys": keys, "values": values, "W_q": W_q, "W_k": W_k, "v_a": v_a, "hidden": hidden, "attn": attn}
    return context, attn, tape | {"shape": context.shape}


def additive_attention_backward(dcontext, tape):
    r"""Gradients of `additive_attention`.

    .. math::

       du_{ts} = de_{ts} \, v_a \odot (1 - u_{ts}^2) \quad \text{for } u_{ts} = \tanh(q_t W_q + k_s W_k), \qquad
       dq_t = \sum_s du_{ts} W_q^\top, \quad dW_q = \sum_{ts} q_t^\top du_{ts}, \quad dv_a = \sum_{ts} de_{ts} \, u_{ts}

    and the same for the keys, summed over the queries.

    Parameters
    ----------
    dcontext : ndarray or tensor of shape (B, T, H)
    tape : dict
        From `additive_attention`.

    Returns
    -------
    dict
        ``query`` (B, T, A), ``keys`` (B, S, K), ``values`` (B, S, H), ``W_q`` (A, N), ``W_k`` (K, N), ``v_a`` (N,).

    Notes
    -----
    Lesson: :ref:`additive-attention`.
    """
    _check_dcontext(dcontext, tape)
    hidden = tape["hidden"]
    dscores, dvalues = _attend_backward(dcontext, tape["attn"], tape["values"])
    dhidden = dscores[..., None] * ((1 - hidden * hidden) * tape["v_a"])  # (B, T, S, N), through the tanh
    dq, dk = dhidden.sum(2), dhidden.sum(1)  # (B, T, N), (B, S, N)
    return {
        "query": dq @ tape["W_q"].T,
        "keys": dk @ tape["W_k"].T,
        "values": dvalues,
        "W_q": _rows(tape["query"]).T @ _rows(dq),
        "W_k": _rows(tape["keys"]).T @ _rows(dk),
        "v_a": dscores.reshape(-1) @ _rows(hidden),
    }


def multi_head_attention(query, keys, values, W_q, W_k, W_v, W_o, n_heads, mask=None):
    r"""Several scaled dot-product attentions side by side, each on its own projection.

    .. math::

       \text{head}_j = \operatorname{dot\_attention}(Q W_q^{(j)}, K W_k^{(j)}, V W_v^{(j)}), \qquad
       \text{context} = [\text{head}_1, \dots, \text{head}_n] \, W_o

    Head ``j`` owns the ``j``-th of ``n_heads`` equal column blocks of ``W_q``, ``W_k`` and ``W_v``.

    Parameters
    ----------
    query : ndarray or tensor of shape (B, T, E)
    keys : ndarray or tensor of shape (B, S, K)
    values : ndarray or tensor of shape (B, S, J)
    W_q : ndarray or tensor of shape (E, A)
    W_k : ndarray or tensor of shape (K, A)
    W_v : ndarray or tensor of shape (J, H)
    W_o : ndarray or tensor of shape (H, O)
    n_heads : int
        Divides ``A`` and ``H``.
    mask : bool array of shape (B, T, S), optional
        As in `dot_attention`; the same for all heads.

    Returns
    -------
    context : ndarray or tensor of shape (B, T, O)
        Zeros for a query that may look at nothing.
    attn : ndarray or tensor of shape (B, n_heads, T, S)
    tape : dict
        For `multi_head_attention_backward`.

    Notes
    -----
    Lesson: :ref:`multi-head`. Source: Vaswani et al. (2017), section 3.2.2; no biases, no dropout.
    """
    sizes = {}
    keys, values, mask = _enter(query, keys, values, mask, ("B T E", "B S K", "B S J"), sizes)
    check_array("W_q", W_q, "E A", sizes=sizes, like=query)
    check_array("W_k", W_k, "K A", sizes=sizes, like=query)
    check_array("W_v", W_v, "J H", sizes=sizes, like=query)
    check_array("W_o", W_o, "H O", sizes=sizes, like=query)
    check_number("n_heads", n_heads, 1, integer=True)
    A, H = sizes["A"], sizes["H"]
    if A % n_heads or H % n_heads:
        raise ValueError(f"n_heads: expected a divisor of A = {A} and H = {H}, got {n_heads}")
    q, k, v = _split(query @ W_q, n_heads), _split(keys @ W_k, n_heads), _split(values @ W_v, n_heads)
    scale = 1 / math.sqrt(A // n_heads)
    heads, attn = _attend(q @ k.swapaxes(2, 3) * scale, v, None if mask is None else mask[:, None])
    merged = _merge(heads)  # (B, T, H)
    context = merged @ W_o
    tape = {"query": query, "keys": keys, "values": values, "W_q": W_q, "W_k": W_k, "W_v": W_v, "W_o": W_o}
    return context, attn, tape | {"q": q, "k": k, "v": v, "merged": merged, "scale": scale, "attn": attn, "shape": context.shape}


def multi_head_attention_backward(dcontext, tape):
    r"""Gradients of `multi_head_attention`.

    .. math:: dW_o = \sum_{bt} \text{heads}_{bt}^\top \, d\text{context}_{bt}, \qquad d\text{heads} = d\text{context} \, W_o^\top,

    then `dot_attention_backward` in every head, then the three projections.

    Parameters
    ----------
    dcontext : ndarray or tensor of shape (B, T, O)
    tape : dict
        From `multi_head_attention`.

    Returns
    -------
    dict
        ``query`` (B, T, E), ``keys`` (B, S, K), ``values`` (B, S, J), ``W_q`` (E, A), ``W_k`` (K, A), ``W_v`` (J, H), ``W_o`` (H, O).

    Notes
    -----
    Lesson: :ref:`multi-head`.
    """
    _check_dcontext(dcontext, tape)
    n_heads = tape["q"].shape[1]
    dheads = _split(dcontext @ tape["W_o"].T, n_heads)
    dscores, dv = _attend_backward(dheads, tape["attn"], tape["v"])
    dscores = dscores * tape["scale"]
    dq, dk, dv = _merge(dscores @ tape["k"]), _merge(dscores.swapaxes(2, 3) @ tape["q"]), _merge(dv)
    return {
        "query": dq @ tape["W_q"].T,
        "keys": dk @ tape["W_k"].T,
        "values": dv @ tape["W_v"].T,
        "W_q": _rows(tape["query"]).T @ _rows(dq),
        "W_k": _rows(tape["keys"]).T @ _rows(dk),
        "W_v": _rows(tape["values"]).T @ _rows(dv),
        "W_o": _rows(tape["merged"]).T @ _rows(dcontext),
    }


def _rows(x):
    """All steps of all samples as rows of one matrix."""
    return x.reshape(-1, x.shape[-1])


def _split(x, n_heads):
    """(B, T, A) as (B, n_heads, T, A / n_heads)."""
    return x.reshape((*x.shape[:2], n_heads, -1)).swapaxes(1, 2)


def _merge(x):
    """(B, n_heads, T, A / n_heads) as (B, T, A)."""
    return x.swapaxes(1, 2).reshape((x.shape[0], x.shape[2], -1))
