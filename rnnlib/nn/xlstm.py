"""Exponential gates: the sLSTM, whose memory is a vector, and the mLSTM, whose memory is a matrix."""

import math

import torch
import torch.nn.functional as F

from rnnlib.checks import check_array, check_number
from rnnlib.nn.layer import as_parts
from rnnlib.nn.module import Module, uniform_


class SLSTM(Module):
    r"""LSTM with an exponential input gate, a normaliser and a stabiliser.

    .. math::

       c_t = f_t c_{t-1} + i_t \tanh(\tilde g_t), \quad n_t = f_t n_{t-1} + i_t, \quad h_t = o_t \odot c_t / n_t, \qquad
       i_t = e^{\tilde i_t}, \; f_t = \sigma(\tilde f_t), \; o_t = \sigma(\tilde o_t)

    The state holds :math:`c_t e^{-m_t}` and :math:`n_t e^{-m_t}` with :math:`m_t = \max(\log f_t + m_{t-1}, \tilde i_t)`, so that no
    exponential overflows; the factor cancels in :math:`h_t`.

    Parameters
    ----------
    D, H : int
        Sizes of the input and of the state.

    Attributes
    ----------
    W_x, W_h, b : Parameter of shape (D, 4H), (H, 4H), (4H,)
        Column blocks in the order ``i, f, g, o``.

    Notes
    -----
    Lesson: :ref:`recurrence-today`. Source: Beck et al. (2024), one head, without the block around the cell.

    Examples
    --------
    >>> h_seq, (h, c, n, m) = SLSTM(3, 5)(torch.zeros(2, 4, 3))
    >>> h_seq.shape, m.shape
    (torch.Size([2, 4, 5]), torch.Size([2, 5]))
    """

    parts = ("h", "c", "n", "m")

    def __init__(self, D, H):
        super().__init__()
        check_number("D", D, 1, integer=True)
        check_number("H", H, 1, integer=True)
        self.D, self.H = int(D), int(H)
        self.W_x = torch.nn.Parameter(uniform_(torch.empty(D, 4 * H), H))
        self.W_h = torch.nn.Parameter(uniform_(torch.empty(H, 4 * H), H))
        self.b = torch.nn.Parameter(uniform_(torch.empty(4 * H), H))

    def forward(self, x, state=None):
        """Run over a batch of sequences.

        Parameters
        ----------
        x : tensor of shape (B, T, D)
        state : tuple (h, c, n, m) of tensors of shape (B, H), optional

        Returns
        -------
        h_seq : tensor of shape (B, T, H)
        state : after the last step
        """
        B = check_array("x", x, f"B T {self.D}", like=self.b.detach())["B"]
        if state is None:  # nothing written yet: the first input alone sets the scale
            h = x.new_zeros(B, self.H)
            state = h, h, h, torch.full_like(h, -math.inf)
        state, outputs = as_parts(state, self.parts, B, self.H, self.b.detach()), []
        for a_t in (x @ self.W_x + self.b).unbind(1):
            state = self.advance(a_t, state)
            outputs.append(state[0])
        return torch.stack(outputs, 1), state

    def advance(self, a_t, state):
        h, c, n, m_prev = state
        log_i, a_f, a_g, a_o = (a_t + h @ self.W_h).chunk(4, dim=-1)
        log_f = F.logsigmoid(a_f)
        m = torch.maximum(log_f + m_prev, log_i)
        i, f = torch.exp(log_i - m), torch.exp(log_f + m_prev - m)
        c, n = f * c + i * torch.tanh(a_g), f * n + i
        return torch.sigmoid(a_o) * c / n, c, n, m


class MLSTM(Module):
    r"""LSTM whose memory is a matrix: what was written under a key is read with a query. It has no recurrent weights.

    .. math::

       C_t = f_t C_{t-1} + i_t\, k_t^\top v_t, \quad n_t = f_t n_{t-1} + i_t k_t, \quad
       h_t = o_t \odot \frac{q_t C_t}{\max(|q_t n_t^\top|, 1)}, \qquad i_t = e^{\tilde i_t}, \; f_t = \sigma(\tilde f_t)

    with one input and one forget gate for the whole matrix, and :math:`k_t = x_t W_k / \sqrt{H}`.

    Parameters
    ----------
    D, H : int
        Sizes of the input and of the output; the memory is (H, H).

    Attributes
    ----------
    W_q, W_k, W_v, W_o : Parameter of shape (D, H)
    W_if, b_if : Parameter of shape (D, 2), (2,)
        Of the two scalar gates, in the order ``i, f``.
    b_o : Parameter of shape (H,)

    Notes
    -----
    Lesson: :ref:`recurrence-today`. Source: Beck et al. (2024), one head, without the block around the cell. All steps are computed
    at once, at a cost that grows with T²; the state goes from window to window, so a long sequence is read in windows.

    Examples
    --------
    >>> h_seq, (C, n, m) = MLSTM(3, 5)(torch.zeros(2, 4, 3))
    >>> h_seq.shape, C.shape, n.shape, m.shape
    (torch.Size([2, 4, 5]), torch.Size([2, 5, 5]), torch.Size([2, 5]), torch.Size([2]))
    """

    def __init__(self, D, H):
        super().__init__()
        check_number("D", D, 1, integer=True)
        check_number("H", H, 1, integer=True)
        self.D, self.H = int(D), int(H)
        for name in ("W_q", "W_k", "W_v", "W_o"):
            self.register_parameter(name, torch.nn.Parameter(uniform_(torch.empty(D, H), D)))
        self.W_if = torch.nn.Parameter(uniform_(torch.empty(D, 2), D))
        self.b_if = torch.nn.Parameter(torch.tensor([0.0, 3.0]))  # a forget gate that starts open, as in the source
        self.b_o = torch.nn.Parameter(torch.zeros(H))

    def forward(self, x, state=None):
        """Run over a batch of sequences.

        Parameters
        ----------
        x : tensor of shape (B, T, D)
        state : tuple (C, n, m) of tensors of shape (B, H, H), (B, H) and (B,), optional

        Returns
        -------
        h_seq : tensor of shape (B, T, H)
        state : after the last step
            C and n are divided by exp(m), as in the source.
        """
        B, T = (check_array("x", x, f"B T {self.D}", like=self.b_o.detach())[s] for s in "BT")
        C, n, m = self.check_state(state, B)
        q, k, v = x @ self.W_q, x @ self.W_k / math.sqrt(self.H), x @ self.W_v
        log_i, a_f = (x @ self.W_if + self.b_if).unbind(2)  # (B, T)
        log_f = F.logsigmoid(a_f).cumsum(1)  # of the product f_1 … f_t
        # Weight of what step s wrote, seen from step t: f_{s+1} … f_t i_s; and of the first state: f_1 … f_t.
        weight = log_f[:, :, None] - log_f[:, None] + log_i[:, None]
        weight = weight.masked_fill(torch.ones(T, T, dtype=torch.bool, device=x.device).triu(1), -math.inf)
        first = log_f + m[:, None]
        m_seq = torch.maximum(weight.amax(2), first)  # (B, T)
        weight, first = torch.exp(weight - m_seq[:, :, None]), torch.exp(first - m_seq)[:, :, None]
        read = (q @ k.transpose(1, 2)) * weight  # (B, T, T)
        norm = read.sum(2) + first[..., 0] * (q @ n[:, :, None])[..., 0]
        one = torch.exp(-m_seq.clamp(min=-80))  # the 1 of max(|q n|, 1), on the scale of the rest; beyond exp(80) h is 0 anyway
        h = (read @ v + first * (q @ C)) / torch.maximum(norm.abs(), one)[:, :, None]
        last = weight[:, -1, :, None] * k  # (B, T, H)
        C, n = first[:, -1, :, None] * C + last.transpose(1, 2) @ v, first[:, -1] * n + last.sum(1)
        return torch.sigmoid(x @ self.W_o + self.b_o) * h, (C, n, m_seq[:, -1])

    def check_state(self, state, B):
        like, H = self.b_o.detach(), self.H
        if state is None:
            return like.new_zeros(B, H, H), like.new_zeros(B, H), like.new_zeros(B)
        if not isinstance(state, (tuple, list)) or len(state) != 3:
            raise TypeError(f"state: expected a tuple (C, n, m), got {type(state).__name__}")
        for name, value, shape in zip("Cnm", state, (f"{B} {H} {H}", f"{B} {H}", f"{B}"), strict=True):
            check_array(f"state, {name}", value, shape, like=like)
        return state
