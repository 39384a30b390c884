"""From ids to vectors and back to logits: one-hot codes, embedding, and one affine map for every step."""

import numpy as np

from rnnlib.arrays import as_index, asarray_like, sum_rows
from rnnlib.checks import check_array, check_ids, check_number


def one_hot(ids, V, dtype=np.float32):
    r"""Each id as a row that is one at the id and zero elsewhere.

    .. math:: x_{btv} = [\, v = \text{ids}_{bt} \,]

    Parameters
    ----------
    ids : int array of shape (B, T), or any other
        Ids between 0 and ``V - 1``.
    V : int
        Size of the vocabulary.
    dtype : NumPy dtype
        Also names the dtype of a tensor.

    Returns
    -------
    ndarray or tensor of shape (B, T, V)

    Notes
    -----
    Lesson: :ref:`sequences-as-arrays`.

    Examples
    --------
    >>> one_hot(np.array([2, 0]), 3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    check_number("V", V, 1, integer=True)
    check_ids("ids", ids, None, V)
    flat = as_index(ids).reshape(-1)
    rows = asarray_like(np.zeros((len(flat), V), dtype), ids)
    rows[asarray_like(np.arange(len(flat)), ids), flat] = 1
    return rows.reshape((*ids.shape, V))


def embedding(ids, W_e):
    r"""Look up one row of ``W_e`` for every id: the product of a one-hot row and ``W_e``, without the multiplications.

    .. math:: x_{bt} = W_e[\text{ids}_{bt}] = \text{one-hot}(\text{ids}_{bt}) \, W_e

    Parameters
    ----------
    ids : int array of shape (B, T), or any other
        Ids between 0 and ``V - 1``.
    W_e : ndarray or tensor of shape (V, E)
        One row for every symbol.

    Returns
    -------
    x : ndarray or tensor of shape (B, T, E)
    tape : dict
        For `embedding_backward`.

    Notes
    -----
    Lesson: :ref:`embedding`. Source: Bengio et al. (2003).
    """
    V = check_array("W_e", W_e, "V E")["V"]
    check_array("ids", ids, like=W_e, kind="int")
    check_ids("ids", ids, None, V)
    ids = as_index(ids)
    return W_e[ids], {"ids": ids, "W_e": W_e}


def embedding_backward(dx, tape):
    r"""Gradient of `embedding`: every occurrence of an id adds to that id's row.

    .. math:: dW_e[v] = \sum_{b,t} [\, \text{ids}_{bt} = v \,] \, dx_{bt}

    Parameters
    ----------
    dx : ndarray or tensor of shape (B, T, E)
    tape : dict
        From `embedding`.

    Returns
    -------
    dict
        ``W_e`` (V, E). Ids are whole numbers and have no gradient.

    Notes
    -----
    Lesson: :ref:`embedding`. ``dW_e[ids] += dx`` would be wrong: of a repeated id, only the last place would count.
    """
    ids, (V, E) = tape["ids"], tape["W_e"].shape
    check_array("dx", dx, " ".join(map(str, (*ids.shape, E))), like=tape["W_e"])
    return {"W_e": sum_rows(ids.reshape(-1), dx.reshape(-1, E), V)}


def affine(x, W, b):
    r"""One affine map at every step of a sequence: from states to logits.

    .. math:: y_{bt} = x_{bt} W + b

    Parameters
    ----------
    x : ndarray or tensor of shape (B, T, H), or any other with H last
        States, ``h_seq``.
    W : ndarray or tensor of shape (H, V)
        Output weights, ``W_hy``.
    b : ndarray or tensor of shape (V,)
        Output bias, ``b_y``.

    Returns
    -------
    y : ndarray or tensor of shape (B, T, V)
        Logits.
    tape : dict
        For `affine_backward`.

    Notes
    -----
    Lesson: :ref:`language-model`. All steps are rows of one matrix product.

    Examples
    --------
    >>> affine(np.array([[[1.0, 2.0]]]), np.array([[1.0], [10.0]]), np.array([0.5]))[0]
    array([[[21.5]]])
    """
    check_array("x", x)
    *lead, H = x.shape
    sizes = {"H": H}
    check_array("W", W, "H V", sizes=sizes, like=x)
    check_array("b", b, "V", sizes=sizes, like=x)
    rows = x.reshape(-1, H)
    y = rows @ W
    y += b
    return y.reshape((*lead, sizes["V"])), {"rows": rows, "W": W, "lead": lead}


def affine_backward(dy, tape):
    r"""Gradients of `affine`.

    .. math:: dx_{bt} = dy_{bt} W^\top, \qquad dW = \sum_{b,t} x_{bt}^\top dy_{bt}, \qquad db = \sum_{b,t} dy_{bt}

    Parameters
    ----------
    dy : ndarray or tensor of shape (B, T, V)
        Gradient with respect to the logits.
    tape : dict
        From `affine`.

    Returns
    -------
    dict
        ``x`` (B, T, H), ``W`` (H, V), ``b`` (V,).

    Notes
    -----
    Lesson: :ref:`language-model`.
    """
    rows, W, lead = tape["rows"], tape["W"], tape["lead"]
    check_array("dy", dy, " ".join([*map(str, lead), str(W.shape[1])]), like=W)
    d = dy.reshape(-1, W.shape[1])
    return {"x": (d @ W.T).reshape((*lead, W.shape[0])), "W": rows.T @ d, "b": d.sum(0)}
