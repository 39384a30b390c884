"""Vanishing gradients: the penalty that asks a vanilla RNN to carry an error back without shrinking or stretching it."""

from rnnlib.arrays import empty, xp_of
from rnnlib.checks import check_array, check_choice


def _slope(h_seq, activation):
    """Derivative of the activation, from its value."""
    return 1 - h_seq * h_seq if activation == "tanh" else h_seq.real > 0


def _check(name, value, h_seq, W_hh, activation):
    sizes = {}
    check_array("h_seq", h_seq, "B T H", sizes=sizes)
    check_array(name, value, "B T H", sizes=sizes, like=h_seq)
    check_array("W_hh", W_hh, "H H", sizes=sizes, like=h_seq)
    check_choice("activation", activation, ("tanh", "relu"))


def state_gradients(dh_seq, h_seq, W_hh, activation="tanh"):
    r"""How the loss depends on every state of a vanilla RNN, through all the steps that follow.

    .. math:: \delta_t = \frac{\partial L}{\partial h_t} = dh_t + \big(\delta_{t+1} \odot \phi'(a_{t+1})\big) W_{hh}^\top

    Parameters
    ----------
    dh_seq : ndarray or tensor of shape (B, T, H)
        Gradient that reaches each state from outside: what `rnnlib.scratch.rnn.rnn_backward` is given. Zero past a row's length.
    h_seq : ndarray or tensor of shape (B, T, H)
        States, from `rnnlib.scratch.rnn.rnn_forward`.
    W_hh : ndarray or tensor of shape (H, H)
    activation : {"tanh", "relu"}

    Returns
    -------
    delta : ndarray or tensor of shape (B, T, H)
        Total gradient of each state. Its norm against ``t`` is the picture of a vanishing gradient.

    Notes
    -----
    Lesson: :ref:`vanishing-gradients`. Source: Werbos (1990).

    Examples
    --------
    >>> last = np.array([[[0.0], [0.0], [1.0]]])                            # the loss is the last of three states
    >>> state_gradients(last, np.ones((1, 3, 1)), np.array([[0.5]]), "relu")[0, :, 0]
    array([0.25, 0.5 , 1.  ])
    """
    _check("dh_seq", dh_seq, h_seq, W_hh, activation)
    slope = _slope(h_seq, activation)
    delta = empty(tuple(dh_seq.shape), dh_seq)
    delta[...] = dh_seq
    for t in range(h_seq.shape[1] - 1, 0, -1):
        delta[:, t - 1] += (delta[:, t] * slope[:, t]) @ W_hh.T
    return delta


def omega_penalty(delta, h_seq, W_hh, activation="tanh"):
    r"""Penalty on every step that does not preserve the norm of the error that passes through it, and its gradient.

    .. math::

       \Omega = \frac{1}{B} \sum_b \sum_{t=1}^{T} \left( \frac{\| v_t \|}{\| \delta_t \|} - 1 \right)^2, \qquad
       v_t = \frac{\partial L}{\partial h_t} \frac{\partial h_t}{\partial h_{t-1}} = u_t W_{hh}^\top, \quad
       u_t = \delta_t \odot \phi'(a_t)

    Its gradient is the paper's *immediate* one: the errors :math:`\delta_t` and the states :math:`h_t` count as constants,
    although both depend on ``W_hh`` too.

    .. math::

       dW_{hh} = \frac{1}{B} \sum_{b,t}
       \frac{2}{\|v_t\| \, \|\delta_t\|} \left( \frac{\|v_t\|}{\|\delta_t\|} - 1 \right) v_t^\top u_t

    Parameters
    ----------
    delta : ndarray or tensor of shape (B, T, H)
        Total gradient of each state, from `state_gradients`. Only its direction matters.
    h_seq : ndarray or tensor of shape (B, T, H)
        States, from `rnnlib.scratch.rnn.rnn_forward`.
    W_hh : ndarray or tensor of shape (H, H)
    activation : {"tanh", "relu"}

    Returns
    -------
    omega : float
        Sum over steps, mean over rows. A step whose error is zero (past the last loss, past a row's length) adds nothing.
    dW_hh : ndarray or tensor of shape (H, H)
        To add, times the strength of the penalty, to the gradient of the loss. A step whose ``v_t`` is zero adds nothing:
        the norm has no gradient there.

    Notes
    -----
    Lesson: :ref:`vanishing-gradients`. Source: Pascanu, Mikolov & Bengio (2013), "vanishing gradient regularization", with the mean
    over rows, which the paper leaves open. The authors' published program (trainingRNNs) differs from their paper: it squares both norms in
    the ratio, and divides by the mean share of rows whose error is not zero, summed over steps.

    Examples
    --------
    >>> delta, h_seq = np.ones((1, 1, 1)), np.zeros((1, 1, 1))              # one step, slope 1: (|w| - 1)^2
    >>> omega_penalty(delta, h_seq, np.array([[3.0]]))
    (4.0, array([[4.]]))
    """
    _check("delta", delta, h_seq, W_hh, activation)
    xp, (B, _, H) = xp_of(h_seq), h_seq.shape
    # Vanished gradients square to zero in float32: the ratio does not see a scale, so divide by the largest entry first.
    largest = xp.amax(abs(delta.real), -1, keepdims=True)
    alive = largest > 0
    delta = delta / xp.where(alive, largest, 1.0)
    u = delta * _slope(h_seq, activation)
    v = u @ W_hh.T
    norm_delta = xp.where(alive, _norm(delta), 1.0)
    norm_v = _norm(v)
    off = xp.where(alive, norm_v / norm_delta - 1, 0.0)  # (B, T, 1)
    flows = norm_v.real > 0
    weight = xp.where(flows, 2 * off / (B * norm_delta * xp.where(flows, norm_v, 1.0)), 0.0)
    return ((off * off).sum() / B).item(), (weight * v).reshape(-1, H).T @ u.reshape(-1, H)


def _norm(x):
    """Norm of the last axis, kept; a square root of squares, so that a complex step passes through."""
    return xp_of(x).sqrt((x * x).sum(-1, keepdims=True))
