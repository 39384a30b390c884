"""A pen as a sequence: each movement drawn from a mixture of Gaussians that the network computes."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from rnnlib.arrays import to_numpy
from rnnlib.checks import check_array, check_choice, check_number
from rnnlib.nn.cells import CELLS
from rnnlib.nn.module import Module, uniform_
from rnnlib.scratch.decode import draw


class StrokeRNN(Module):
    r"""Density of pen movements, each given all those before it.

    .. math::

       p(\Delta_t, l_t \mid \text{past}) = \sum_{m=1}^{M} \pi_m \, \mathcal N(\Delta_t \mid \mu_m, \sigma_m, \rho_m)
       \cdot e^{l_t} (1 - e)^{1 - l_t}

    :math:`\Delta_t` is the offset (dx, dy), :math:`l_t` says whether the pen is lifted after it. Of one row of outputs,
    :math:`\pi` is a softmax, :math:`\sigma` an exponential, :math:`\rho` a tanh and :math:`e` a logistic function.

    Parameters
    ----------
    H, M : int
        Sizes of the state and of the mixture.
    cell : {"lstm", "gru", "rnn"}
    **options
        Of `LSTM`, `GRU` or `RNN`: ``num_layers``, ``impl``...

    Attributes
    ----------
    layer : LSTM, GRU or RNN
        Of input size D = 3, the movement before.
    W_hy, b_y : Parameter of shape (H, 6M + 1), (6M + 1,)
        Column blocks in the order ``pi, mu_x, mu_y, sigma_x, sigma_y, rho`` of size M, then one column ``e``.

    Notes
    -----
    Lesson: :ref:`handwriting`. Source: Graves (2013), eqs. 15 to 26, with one layer; our ``e`` is the probability of a lift.

    Examples
    --------
    >>> StrokeRNN(H=8, M=4)(torch.zeros(2, 5, 3)).shape
    torch.Size([2, 5, 25])
    """

    def __init__(self, H, M, *, cell="lstm", **options):
        super().__init__()
        for name, value in (("H", H), ("M", M)):
            check_number(name, value, 1, integer=True)
        check_choice("cell", cell, tuple(CELLS))
        self.M = int(M)
        self.layer = CELLS[cell](3, H, **options)
        if self.layer.directions == 2:
            raise ValueError("bidirectional: expected False, got True: a movement must not see what comes next")
        self.W_hy = torch.nn.Parameter(uniform_(torch.empty(H, 6 * M + 1), H))
        self.b_y = torch.nn.Parameter(torch.zeros(6 * M + 1))
        torch.nn.init.normal_(self.b_y.data[M : 3 * M], std=0.5)  # centres that differ, or all components learn the same

    def forward(self, x):
        """What is expected at each step, given all steps before it.

        Parameters
        ----------
        x : tensor of shape (B, T, 3)
            dx, dy, and 1 if the pen is lifted after this step.

        Returns
        -------
        outputs : tensor of shape (B, T, 6M + 1)
        """
        check_array("x", x, "B T 3", like=self.b_y.detach())
        h_seq, _ = self.layer(F.pad(x, (0, 0, 1, 0))[:, :-1])
        return h_seq @ self.W_hy + self.b_y

    def parts(self, outputs):
        """The numbers that the outputs stand for.

        Parameters
        ----------
        outputs : tensor of shape (B, T, 6M + 1)
            From `forward`.

        Returns
        -------
        log_pi, mu, log_sigma, rho : tensors of shape (B, T, M), (B, T, M, 2), (B, T, M, 2), (B, T, M)
        lift : tensor of shape (B, T)
            Logit of a lift of the pen.
        """
        check_array("outputs", outputs, f"B T {6 * self.M + 1}", like=self.b_y.detach())
        pi, mu_x, mu_y, s_x, s_y, rho = outputs[..., :-1].split(self.M, dim=-1)
        return pi.log_softmax(-1), torch.stack([mu_x, mu_y], -1), torch.stack([s_x, s_y], -1), torch.tanh(rho), outputs[..., -1]

    def nats(self, x):
        """Negative log density of each step: a tensor of shape (B, T).

        Parameters
        ----------
        x : tensor of shape (B, T, 3)
        """
        log_pi, mu, log_sigma, rho, lift = self.parts(self(x))
        z = (x[:, :, None, :2] - mu) * torch.exp(-log_sigma)  # (B, T, M, 2)
        rest = 1 - rho**2
        square = (z**2).sum(3) - 2 * rho * z[..., 0] * z[..., 1]
        log_normal = -square / (2 * rest) - log_sigma.sum(3) - 0.5 * torch.log(rest) - math.log(2 * math.pi)
        return F.binary_cross_entropy_with_logits(lift, x[:, :, 2], reduction="none") - torch.logsumexp(log_pi + log_normal, 2)

    def loss(self, x):
        """Mean negative log density, in nats per step: a scalar tensor.

        Parameters
        ----------
        x : tensor of shape (B, T, 3)
        """
        return self.nats(x).mean()

    @torch.no_grad()
    def sample(self, n, T, *, rng, bias=0.0):
        """Draw lines.

        Parameters
        ----------
        n, T : int
            Lines and steps.
        rng : numpy.random.Generator
        bias : float
            0 draws from the model; more makes the hand neater: widths shrink by exp(bias), likely components become likelier.

        Returns
        -------
        x : ndarray of shape (n, T, 3)
            Of the model's dtype.
        """
        check_number("n", n, 1, integer=True)
        check_number("T", T, 1, integer=True)
        check_number("bias", bias, 0)
        if not isinstance(rng, np.random.Generator):
            raise TypeError(f"rng: expected a numpy.random.Generator, got {type(rng).__name__}")
        x_t, state, rows = self.b_y.new_zeros(n, 3), None, np.arange(n)
        x = np.empty((n, T, 3), to_numpy(x_t).dtype)
        for t in range(T):
            h_t, state = self.layer(x_t[:, None], state)
            log_pi, mu, log_sigma, rho, lift = (part[:, 0].cpu().double().numpy() for part in self.parts(h_t @ self.W_hy + self.b_y))
            probs = np.exp((1 + bias) * log_pi)
            m = draw(probs / probs.sum(1, keepdims=True), rng)
            sigma, rho = np.exp(log_sigma[rows, m] - bias), rho[rows, m]
            u = rng.standard_normal((n, 2))
            u[:, 1] = rho * u[:, 0] + np.sqrt(1 - rho**2) * u[:, 1]
            x[:, t, :2] = mu[rows, m] + sigma * u
            x[:, t, 2] = rng.random(n) < 1 / (1 + np.exp(-lift))
            x_t = torch.from_numpy(x[:, t]).to(self.b_y)
        return x
