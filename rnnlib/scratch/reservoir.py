"""Echo state networks: a random recurrent network that is never trained, and a linear read-out that is solved for."""

import numpy as np

from rnnlib.checks import check_array, check_number
from rnnlib.scratch.jacobian import spectral_radius


class Reservoir:
    r"""Random sparse recurrent network with leaky tanh units and a linear read-out fitted by ridge regression.

    .. math::
        h_t = (1 - \alpha)\, h_{t-1} + \alpha \tanh(x_t W_{xh} + h_{t-1} W_{hh} + b_h), \qquad y_t = h_t W_{hy} + b_y

    Only :math:`W_{hy}` and :math:`b_y` are learned. With :math:`\rho(W_{hh}) < 1` the network in practice forgets its initial state (the
    echo state property), so that its state is a function of the recent input alone.

    Parameters
    ----------
    D, N : int
        Input size and number of units.
    rho : float
        Spectral radius of :math:`W_{hh}`.
    leak : float
        α in (0, 1]; 1 is a unit without a memory of its own.
    fan_in : int
        Units that each unit listens to, at most N. A step costs ``fan_in`` N multiplications instead of N².
    seed : int
    input_scale, bias_scale : float
        :math:`W_{xh}` and :math:`b_h` are uniform between minus and plus this.
    dtype : dtype
        Of weights and states; what comes in is converted. The read-out is solved for in float64 whatever this is.

    Attributes
    ----------
    W_xh, W_hh, b_h : ndarray (D, N), scipy sparse array (N, N), ndarray (N,)
    W_hy, b_y : ndarray of shape (N, K), (K,)
        After `fit`.

    Notes
    -----
    Lesson: :ref:`echo-state-networks`. Source: Jaeger (2001), leaky units as in Jaeger et al. (2007). Ours: a fixed fan-in in place of
    a density, no direct path from the input to the read-out.

    Examples
    --------
    >>> reservoir = Reservoir(1, 50, rho=0.8)
    >>> round(spectral_radius(reservoir.W_hh), 6)
    0.8
    """

    def __init__(self, D, N, rho=0.9, leak=1.0, fan_in=10, seed=0, *, input_scale=1.0, bias_scale=0.2, dtype=np.float32):
        from scipy.sparse import csr_array  # imported only when a reservoir is built

        for name, value in (("D", D), ("N", N)):
            check_number(name, value, 1, integer=True)
        check_number("fan_in", fan_in, 1, N, integer=True)
        check_number("rho", rho, 0)
        check_number("leak", leak, 0, 1, open_low=True)
        check_number("input_scale", input_scale, 0)
        check_number("bias_scale", bias_scale, 0)
        check_number("seed", seed, 0, integer=True)
        rng = np.random.default_rng(seed)
        self.D, self.N, self.leak, self.dtype = int(D), int(N), float(leak), np.dtype(dtype)
        self.W_xh = rng.uniform(-input_scale, input_scale, (D, N)).astype(dtype)
        self.b_h = rng.uniform(-bias_scale, bias_scale, N).astype(dtype)
        sources = np.concatenate([rng.choice(N, fan_in, replace=False) for _ in range(N)])
        weights = rng.standard_normal(N * fan_in)
        into = csr_array((weights, sources, np.arange(0, N * fan_in + 1, fan_in)), shape=(N, N))  # row n: what unit n listens to
        radius = spectral_radius(into)
        if radius < 1e-6 and rho > 0:
            raise ValueError(f"fan_in: expected enough connections for cycles, got {fan_in} with N = {N}: every eigenvalue is 0")
        self._into = (into * (rho / radius if rho else 0.0)).astype(dtype)
        self.W_hy = self.b_y = None

    @property
    def W_hh(self):
        """Recurrent weights (N, N), ``W_hh[i, j]`` from unit i to unit j, as a scipy sparse array."""
        return self._into.T

    def run(self, x, state=None):
        """States of the reservoir while it reads.

        Parameters
        ----------
        x : ndarray of shape (B, T, D)
        state : ndarray of shape (B, N), optional
            State before the first step, zeros when None.

        Returns
        -------
        h_seq : ndarray of shape (B, T, N)
        h_T : ndarray of shape (B, N)
        """
        B = check_array("x", x, "B T D", sizes={"D": self.D})["B"]
        h, x = self._state(state, B).T, x.astype(self.dtype, copy=False)  # (N, B)
        h_seq = np.ascontiguousarray((x @ self.W_xh + self.b_h).transpose(1, 2, 0))  # (T, N, B): the input's share of every step
        for h_t in h_seq:
            h = self._advance(h_t, h)
        return np.ascontiguousarray(h_seq.transpose(2, 0, 1)), np.ascontiguousarray(h.T)

    def _advance(self, a_t, h_prev):
        """One step in place: ``a_t`` (N, B) holds the input's share and becomes the state."""
        a_t += self._into @ h_prev
        np.tanh(a_t, out=a_t)
        if self.leak < 1:
            a_t *= self.leak
            a_t += (1 - self.leak) * h_prev
        return a_t

    def _state(self, state, B):
        if state is None:
            return np.zeros((B, self.N), self.dtype)
        check_array("state", state, "B N", sizes={"N": self.N} if B is None else {"B": B, "N": self.N})
        return state.astype(self.dtype, copy=False)

    def fit(self, x, y, *, washout=100, ridge=1e-8, state=None):
        r"""Solve for the read-out.

        .. math:: W_{hy}, b_y = \arg\min \sum_t \lVert h_t W_{hy} + b_y - y_t \rVert^2 + \lambda \lVert W_{hy} \rVert^2

        Parameters
        ----------
        x : ndarray of shape (B, T, D)
        y : ndarray of shape (B, T, K)
            Target of each step. To predict the next input, ``y[:, t] = x[:, t + 1]``.
        washout : int
            First steps of each row that are left out: the state still remembers where it started.
        ridge : float
            λ > 0. The bias is not punished.
        state : ndarray of shape (B, N), optional
            As for `run`.

        Returns
        -------
        self
        """
        sizes = check_array("x", x, "B T D", sizes={"D": self.D})
        check_array("y", y, "B T K", sizes=sizes)
        check_number("washout", washout, 0, sizes["T"] - 1, integer=True)
        check_number("ridge", ridge, 0, open_low=True)
        h_seq, _ = self.run(x, state)
        H, Y = h_seq[:, washout:].reshape(-1, self.N), y[:, washout:].reshape(-1, sizes["K"])
        H, Y = H.astype(np.float64), Y.astype(np.float64)  # the equations need the digits, the states do not
        H_mean, Y_mean = H.mean(axis=0), Y.mean(axis=0)
        H -= H_mean  # on centred data the best bias is 0, so that the penalty cannot touch it
        W_hy = np.linalg.solve(H.T @ H + ridge * np.eye(self.N), H.T @ (Y - Y_mean))
        self.W_hy, self.b_y = W_hy.astype(self.dtype), (Y_mean - H_mean @ W_hy).astype(self.dtype)
        return self

    def predict(self, x, state=None):
        """Read and answer at every step.

        Parameters
        ----------
        x, state
            As for `run`.

        Returns
        -------
        y : ndarray of shape (B, T, K)
        h_T : ndarray of shape (B, N)

        Raises
        ------
        ValueError
            `fit` was not called before.
        """
        self._check_fitted()
        h_seq, h_T = self.run(x, state)
        return h_seq @ self.W_hy + self.b_y, h_T

    def generate(self, T, state):
        """Run freely: each answer is the next input.

        Parameters
        ----------
        T : int
            Steps to generate.
        state : ndarray of shape (B, N)
            State after the known past, from `run`. The first answer is read from it.

        Returns
        -------
        y : ndarray of shape (B, T, D)
        h_T : ndarray of shape (B, N)
            After reading the last answer but one.

        Raises
        ------
        ValueError
            `fit` was not called before, or the read-out does not predict an input.
        """
        self._check_fitted()
        check_number("T", T, 1, integer=True)
        if self.W_hy.shape[1] != self.D:
            raise ValueError(f"generate: expected a read-out of size D = {self.D}, got {self.W_hy.shape[1]}")
        h = self._state(state, None).T
        y = np.empty((h.shape[1], T, self.D), self.dtype)
        y[:, 0] = h.T @ self.W_hy + self.b_y
        for t in range(1, T):
            h = self._advance((y[:, t - 1] @ self.W_xh + self.b_h).T.copy(), h)
            y[:, t] = h.T @ self.W_hy + self.b_y
        return y, np.ascontiguousarray(h.T)

    def _check_fitted(self):
        if self.W_hy is None:
            raise ValueError("Reservoir: expected a fitted read-out, got none (call fit first)")


def memory_capacity(reservoir, delays, rng, *, T=4000, washout=200, ridge=1e-8):
    r"""How much of a random input's past can be read from the state.

    .. math:: MC = \sum_k r^2\!\left(x_{t-k}, \hat y^{(k)}_t\right) \le N

    One read-out for each delay k is fitted on white noise, uniform in [-1, 1], and measured on as much again.

    Parameters
    ----------
    reservoir : Reservoir
        With D = 1. Its read-out is replaced.
    delays : int
        Delays 1 to this.
    rng : numpy.random.Generator
    T, washout, ridge
        Steps for the fit (and for the test), and as for `Reservoir.fit`.

    Returns
    -------
    r2 : ndarray of shape (delays,)
        Squared correlation for each delay; its sum is the capacity.

    Notes
    -----
    Lesson: :ref:`echo-state-networks`. Source: Jaeger (2001b), *Short term memory in echo state networks*, who proves the bound.
    """
    if reservoir.D != 1:
        raise ValueError(f"reservoir: expected D = 1, got D = {reservoir.D}")
    check_number("delays", delays, 1, integer=True)
    check_number("T", T, 1, integer=True)
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng: expected a numpy.random.Generator, got {type(rng).__name__}")
    check_number("washout", washout, delays, T - 1, integer=True)
    x = rng.uniform(-1, 1, (1, 2 * T, 1))
    y = np.stack([np.roll(x[:, :, 0], k, axis=1) for k in range(1, delays + 1)], axis=2)  # what wraps round falls into the washout
    answers, _ = reservoir.fit(x[:, :T], y[:, :T], washout=washout, ridge=ridge).predict(x[:, T:])
    target, answers = y[0, T + washout :], answers[0, washout:]
    target, answers = target - target.mean(axis=0), answers - answers.mean(axis=0)
    return (target * answers).sum(axis=0) ** 2 / ((target**2).sum(axis=0) * (answers**2).sum(axis=0))
