"""The echo state network as a PyTorch module: the reservoir is a buffer, the read-out is solved for or trained."""

import numpy as np
import torch

from rnnlib.checks import check_array, check_number
from rnnlib.nn.module import Module
from rnnlib.scratch.reservoir import Reservoir as ScratchReservoir


class Reservoir(Module):
    r"""Random sparse recurrent network that is never trained, with a linear read-out.

    .. math::
        h_t = (1 - \alpha)\, h_{t-1} + \alpha \tanh(x_t W_{xh} + h_{t-1} W_{hh} + b_h), \qquad y_t = h_t W_{hy} + b_y

    Parameters
    ----------
    D, N, K : int
        Sizes of the input, of the reservoir and of the answer.
    rho, leak, fan_in, seed, input_scale, bias_scale
        As for `rnnlib.scratch.reservoir.Reservoir`: the same seed gives the same reservoir.
    dtype : torch.dtype
        Of weights and states. The read-out is solved for in float64 whatever this is.

    Attributes
    ----------
    W_xh, b_h : buffer of shape (D, N), (N,)
    sources, weights : buffer of shape (N, fan_in)
        Which units each unit listens to, and how much.
    W_hy, b_y : Parameter of shape (N, K), (K,)
        Zero until `fit` solves for them or a gradient moves them.

    Notes
    -----
    Lesson: :ref:`echo-state-networks`. Source: Jaeger (2001). By hand: `rnnlib.scratch.reservoir`.

    Examples
    --------
    >>> y, h_T = Reservoir(2, 50, 3)(torch.zeros(4, 6, 2))
    >>> y.shape, h_T.shape
    (torch.Size([4, 6, 3]), torch.Size([4, 50]))
    """

    def __init__(self, D, N, K, rho=0.9, leak=1.0, fan_in=10, seed=0, *, input_scale=1.0, bias_scale=0.2, dtype=torch.float32):
        super().__init__()
        check_number("K", K, 1, integer=True)
        by_hand = ScratchReservoir(D, N, rho, leak, fan_in, seed, input_scale=input_scale, bias_scale=bias_scale, dtype=np.float64)
        self.D, self.N, self.K, self.leak = int(D), int(N), int(K), float(leak)
        into = by_hand.W_hh.T.tocsr()  # row n: what unit n listens to
        self.register_buffer("W_xh", torch.from_numpy(by_hand.W_xh).to(dtype))
        self.register_buffer("b_h", torch.from_numpy(by_hand.b_h).to(dtype))
        self.register_buffer("sources", torch.from_numpy(into.indices.astype(np.int64)).view(N, -1))
        self.register_buffer("weights", torch.from_numpy(into.data).view(N, -1).to(dtype))
        self.W_hy = torch.nn.Parameter(torch.zeros(N, K, dtype=dtype))
        self.b_y = torch.nn.Parameter(torch.zeros(K, dtype=dtype))

    def run(self, x, state=None):
        """States of the reservoir while it reads; no gradient goes through them.

        Parameters
        ----------
        x : tensor of shape (B, T, D)
        state : tensor of shape (B, N), optional
            Zeros when None.

        Returns
        -------
        h_seq : tensor of shape (B, T, N)
        h_T : tensor of shape (B, N)
        """
        B = check_array("x", x, f"B T {self.D}", like=self.W_xh)["B"]
        if state is not None:
            check_array("state", state, f"{B} {self.N}", like=self.W_xh)
        with torch.no_grad():
            h, outputs = x.new_zeros(B, self.N) if state is None else state, []
            for a_t in (x @ self.W_xh + self.b_h).unbind(1):
                h = (1 - self.leak) * h + self.leak * torch.tanh(a_t + torch.einsum("bnf,nf->bn", h[:, self.sources], self.weights))
                outputs.append(h)
        return torch.stack(outputs, 1), h

    def forward(self, x, state=None):
        """Read and answer at every step.

        Parameters
        ----------
        x : tensor of shape (B, T, D)
        state : tensor of shape (B, N), optional

        Returns
        -------
        y : tensor of shape (B, T, K)
            Differentiable by ``W_hy`` and ``b_y``.
        h_T : tensor of shape (B, N)
        """
        h_seq, h_T = self.run(x, state)
        return h_seq @ self.W_hy + self.b_y, h_T

    @torch.no_grad()
    def fit(self, x, y, *, washout=100, ridge=1e-8, state=None):
        r"""Solve for the read-out, in float64.

        .. math:: W_{hy}, b_y = \arg\min \sum_t \lVert h_t W_{hy} + b_y - y_t \rVert^2 + \lambda \lVert W_{hy} \rVert^2

        Parameters
        ----------
        x : tensor of shape (B, T, D)
        y : tensor of shape (B, T, K)
            Target of each step.
        washout : int
            First steps of each row that are left out.
        ridge : float
            λ > 0. The bias is not punished.
        state : tensor of shape (B, N), optional

        Returns
        -------
        self
        """
        B, T = (check_array("x", x, f"B T {self.D}", like=self.W_xh)[s] for s in "BT")
        check_array("y", y, f"{B} {T} {self.K}", like=self.W_xh)
        check_number("washout", washout, 0, T - 1, integer=True)
        check_number("ridge", ridge, 0, open_low=True)
        h_seq, _ = self.run(x, state)
        h, y = h_seq[:, washout:].reshape(-1, self.N).double(), y[:, washout:].reshape(-1, self.K).double()
        h_mean, y_mean = h.mean(0), y.mean(0)
        h = h - h_mean  # on centred data the best bias is 0, so that the penalty cannot touch it
        W_hy = torch.linalg.solve(h.T @ h + ridge * torch.eye(self.N, dtype=h.dtype, device=h.device), h.T @ (y - y_mean))
        self.W_hy.copy_(W_hy)
        self.b_y.copy_(y_mean - h_mean @ W_hy)
        return self

    @torch.no_grad()
    def generate(self, T, state):
        """Run freely: each answer is the next input.

        Parameters
        ----------
        T : int
            Steps to generate.
        state : tensor of shape (B, N)
            State after the known past. The first answer is read from it.

        Returns
        -------
        y : tensor of shape (B, T, D)
        h_T : tensor of shape (B, N)
            After reading the last answer but one.
        """
        check_number("T", T, 1, integer=True)
        if self.K != self.D:
            raise ValueError(f"generate: expected a read-out of size D = {self.D}, got K = {self.K}")
        check_array("state", state, f"B {self.N}", like=self.W_xh)
        y = [state @ self.W_hy + self.b_y]
        for _ in range(T - 1):
            _, state = self.run(y[-1][:, None], state)
            y.append(state @ self.W_hy + self.b_y)
        return torch.stack(y, 1), state
