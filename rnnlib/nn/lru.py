"""The linear recurrent unit as a PyTorch module."""

import math

import torch

from rnnlib.checks import check_array, check_choice, check_lengths, check_number
from rnnlib.nn.module import Module, pair
from rnnlib.scratch.lru import lru_backward, lru_forward
from rnnlib.scratch.scan import METHODS


class LRU(Module):
    r"""A rotation and a decay for each complex unit, read out linearly.

    .. math::

       \lambda = \exp(-e^{\nu} + i e^{\theta}), \qquad h_t = \lambda \odot h_{t-1} + e^{\gamma} \odot x_t B, \qquad
       y_t = \mathrm{Re}(h_t C) + D \odot x_t

    Parameters
    ----------
    E, N : int
        Sizes of the input, which is that of the output, and of the complex state.
    r_min, r_max : float
        First :math:`|\lambda|` are drawn so that :math:`\lambda` fills the ring between these two evenly.
    max_phase : float
        First angles are drawn between 0 and this, in radians.
    method : {"auto", "loop", "chunked"}
        How the steps are run, see `rnnlib.scratch.scan.scan`.

    Attributes
    ----------
    nu, theta, gamma : Parameter of shape (N,)
    B_re, B_im : Parameter of shape (E, N)
    C_re, C_im : Parameter of shape (N, E)
    D : Parameter of shape (E,)

    Notes
    -----
    Lesson: :ref:`linear-recurrences`. Source: Orvieto et al. (2023), without the layer around it. By hand: `rnnlib.scratch.lru`.

    Examples
    --------
    >>> y_seq, h_T = LRU(3, 5)(torch.zeros(2, 4, 3))
    >>> y_seq.shape, h_T.shape, h_T.dtype
    (torch.Size([2, 4, 3]), torch.Size([2, 5]), torch.complex64)
    """

    def __init__(self, E, N, *, r_min=0.0, r_max=1.0, max_phase=2 * math.pi, method="auto"):
        super().__init__()
        check_number("E", E, 1, integer=True)
        check_number("N", N, 1, integer=True)
        check_number("r_min", r_min, 0, 1)
        check_number("r_max", r_max, r_min, 1, open_low=True)
        check_number("max_phase", max_phase, 0, open_low=True)
        check_choice("method", method, METHODS)
        self.E, self.N, self.method = int(E), int(N), method
        tiny = 1e-6  # neither logarithm may see a 0
        squared = (r_min**2 + (r_max**2 - r_min**2) * torch.rand(N)).clamp(tiny, 1 - tiny)
        self.nu = torch.nn.Parameter(torch.log(-0.5 * torch.log(squared)))
        self.theta = torch.nn.Parameter(torch.log((max_phase * torch.rand(N)).clamp(min=tiny)))
        self.gamma = torch.nn.Parameter(0.5 * torch.log(1 - squared))
        for name, shape in (("B_re", (E, N)), ("B_im", (E, N)), ("C_re", (N, E)), ("C_im", (N, E))):
            self.register_parameter(name, torch.nn.Parameter(torch.randn(shape) / math.sqrt(2 * shape[0])))
        self.D = torch.nn.Parameter(torch.randn(E))

    def forward(self, x, state=None, lengths=None):
        """Run over a batch of sequences.

        Parameters
        ----------
        x : tensor of shape (B, T, E)
        state : complex tensor of shape (B, N), optional
            Zeros when None.
        lengths : int array or tensor of shape (B,), optional
            Valid steps of each row. The values in the padding have no effect.

        Returns
        -------
        y_seq : tensor of shape (B, T, E)
            Zero past a row's length.
        state : complex tensor of shape (B, N)
            After each row's last valid step.
        """
        like = self.D.detach()
        B, T = (check_array("x", x, f"B T {self.E}", like=like)[s] for s in "BT")
        if state is not None:
            check_array("state", state, f"{B} {self.N}", like=torch.complex(like, like))
        lengths = check_lengths(lengths, B, T)
        names = ("nu", "theta", "gamma", "B_re", "B_im", "C_re", "C_im", "D")

        def forward(h_0, **arrays):
            y_seq, h_T, tape = lru_forward(**arrays, h_0=h_0, lengths=lengths, method=self.method)
            return (y_seq, h_T), tape

        weights = {name: getattr(self, name) for name in names}
        return pair(forward, lambda douts, tape: lru_backward(douts[0], tape, douts[1]), x=x, **weights, h_0=state)
