"""RWKV-4: an average over the past that decays, read out by a gate."""

import math

import torch

from rnnlib.checks import check_array, check_number
from rnnlib.nn.layer import as_parts
from rnnlib.nn.module import Module, uniform_


class RWKV(Module):
    r"""Time mixing of RWKV-4: a weighted mean of all values so far, with keys as weights that fade by a learned factor a step.

    .. math::

       \mathrm{wkv}_t = \frac{\sum_{s<t} e^{-(t-1-s) w + k_s} v_s + e^{u + k_t} v_t}{\sum_{s<t} e^{-(t-1-s) w + k_s} + e^{u + k_t}}, \qquad
       h_t = \sigma(r_t) \odot \mathrm{wkv}_t

    with :math:`r_t, k_t, v_t = x_t W_r, x_t W_k, x_t W_v` and a decay :math:`w = e^{\omega} > 0` for each unit. Numerator and
    denominator are linear recurrences whose factor :math:`e^{-w}` does not even depend on the input.

    Parameters
    ----------
    D, H : int
        Sizes of the input and of the state.

    Attributes
    ----------
    W_r, W_k, W_v : Parameter of shape (D, H)
    omega, u : Parameter of shape (H,)
        Logarithm of the decay, and what the present step gets on top.

    Notes
    -----
    Lesson: :ref:`recurrence-today`. Source: Peng et al. (2023), eq. 16, without the mixing with the input before, the read-out matrix
    and the block around it. The sums are held divided by :math:`e^{m}`, so that no exponential overflows.

    Examples
    --------
    >>> h_seq, (num, den, m) = RWKV(3, 5)(torch.zeros(2, 4, 3))
    >>> h_seq.shape, den.shape
    (torch.Size([2, 4, 5]), torch.Size([2, 5]))
    """

    parts = ("num", "den", "m")

    def __init__(self, D, H):
        super().__init__()
        check_number("D", D, 1, integer=True)
        check_number("H", H, 1, integer=True)
        self.D, self.H = int(D), int(H)
        for name in ("W_r", "W_k", "W_v"):
            self.register_parameter(name, torch.nn.Parameter(uniform_(torch.empty(D, H), D)))
        self.omega = torch.nn.Parameter(torch.linspace(-5, 1, H))  # from a decay of 0.7 % a step to 93 %
        self.u = torch.nn.Parameter(torch.zeros(H))

    def forward(self, x, state=None):
        """Run over a batch of sequences.

        Parameters
        ----------
        x : tensor of shape (B, T, D)
        state : tuple (num, den, m) of tensors of shape (B, H), optional
            Both sums divided by exp(m), and m.

        Returns
        -------
        h_seq : tensor of shape (B, T, H)
        state : after the last step
        """
        B = check_array("x", x, f"B T {self.D}", like=self.u.detach())["B"]
        if state is None:
            nothing = x.new_zeros(B, self.H)
            state = nothing, nothing, torch.full_like(nothing, -math.inf)
        num, den, m = as_parts(state, self.parts, B, self.H, self.u.detach())
        decay, outputs = torch.exp(self.omega), []
        for k_t, v_t in zip((x @ self.W_k).unbind(1), (x @ self.W_v).unbind(1), strict=True):
            top = torch.maximum(m, self.u + k_t)
            past, now = torch.exp(m - top), torch.exp(self.u + k_t - top)
            outputs.append((past * num + now * v_t) / (past * den + now))
            top = torch.maximum(m - decay, k_t)
            past, now, m = torch.exp(m - decay - top), torch.exp(k_t - top), top
            num, den = past * num + now * v_t, past * den + now
        return torch.sigmoid(x @ self.W_r) * torch.stack(outputs, 1), (num, den, m)
