"""Optimisers: from a gradient to a step. Parameters are a dict of arrays, changed in place; gradients bear the same names."""

from rnnlib.arrays import xp_of, zeros
from rnnlib.checks import check_array, check_number


class _Optimiser:
    """What all optimisers share: the parameters, the check of the gradients, and the loop over names."""

    def __init__(self, params, lr):
        if not isinstance(params, dict):
            raise TypeError(f"params: expected a dict of arrays, got {type(params).__name__}")
        for name, p in params.items():
            check_array(f"params[{name!r}]", p)
        check_number("lr", lr, 0)
        self.params, self.lr = params, lr
        self.steps = 0

    def _zeros(self):
        return {name: zeros(tuple(p.shape), p) for name, p in self.params.items()}

    def step(self, grads):
        """Take one step downhill: change every parameter in place.

        Parameters
        ----------
        grads : dict of str to ndarray or tensor
            One gradient for every parameter, of its name, shape and dtype. Left untouched.

        Raises
        ------
        TypeError, ValueError
            A gradient is missing or does not fit. No parameter has changed yet.
        """
        if not isinstance(grads, dict):
            raise TypeError(f"grads: expected a dict of arrays, got {type(grads).__name__}")
        missing, unknown = sorted(self.params.keys() - grads.keys()), sorted(grads.keys() - self.params.keys())
        if missing or unknown:
            raise ValueError(f"grads: expected the names {sorted(self.params)}, got {sorted(grads)} (missing {missing}, unknown {unknown})")
        for name, p in self.params.items():
            check_array(f"grads[{name!r}]", grads[name], " ".join(map(str, p.shape)), like=p)
        self.steps += 1
        for name, p in self.params.items():
            self._update(name, p, grads[name])


class SGD(_Optimiser):
    r"""Stochastic gradient descent, with momentum where asked.

    .. math:: v \leftarrow \mu v + g, \qquad \theta \leftarrow \theta - \eta v

    Parameters
    ----------
    params : dict of str to ndarray or tensor
        Changed in place by `step`.
    lr : float
        Step size :math:`\eta`; may be changed between steps.
    momentum : float
        :math:`\mu`, from 0 to 1.

    Notes
    -----
    Lesson: :ref:`training-loop`. Source: Polyak (1964), as in ``torch.optim.SGD``: the velocity is a sum of gradients and
    ``lr`` multiplies all of it. Sutskever et al. (2013) put ``lr`` inside the velocity; the two differ only when ``lr`` changes.

    Examples
    --------
    >>> params = {"w": np.array([1.0])}
    >>> SGD(params, lr=0.1).step({"w": np.array([2.0])})
    >>> params["w"]
    array([0.8])
    """

    def __init__(self, params, lr, momentum=0.0):
        super().__init__(params, lr)
        check_number("momentum", momentum, 0, 1)
        self.momentum = momentum
        self.v = self._zeros() if momentum else None

    def _update(self, name, p, g):
        if self.momentum:
            v = self.v[name]
            v *= self.momentum
            v += g
            g = v
        p -= self.lr * g


class Adagrad(_Optimiser):
    r"""Adagrad: every entry has its own step size, which only shrinks.

    .. math:: s \leftarrow s + g^2, \qquad \theta \leftarrow \theta - \eta \, g / (\sqrt{s} + \epsilon)

    Parameters
    ----------
    params : dict of str to ndarray or tensor
        Changed in place by `step`.
    lr : float
        :math:`\eta`; may be changed between steps.
    eps : float
        :math:`\epsilon`.

    Notes
    -----
    Lesson: :ref:`training-loop`. Source: Duchi, Hazan & Singer (2011), diagonal form; defaults of ``torch.optim.Adagrad``.
    """

    def __init__(self, params, lr=1e-2, eps=1e-10):
        super().__init__(params, lr)
        check_number("eps", eps, 0)
        self.eps, self.s = eps, self._zeros()

    def _update(self, name, p, g):
        s = self.s[name]
        s += g * g
        p -= self.lr * g / (xp_of(s).sqrt(s) + self.eps)


class RMSProp(_Optimiser):
    r"""RMSProp: Adagrad that forgets, so that the step size can recover.

    .. math:: s \leftarrow \alpha s + (1 - \alpha) g^2, \qquad \theta \leftarrow \theta - \eta \, g / (\sqrt{s} + \epsilon)

    Parameters
    ----------
    params : dict of str to ndarray or tensor
        Changed in place by `step`.
    lr : float
        :math:`\eta`; may be changed between steps.
    alpha : float
        Share of the old average that stays, from 0 to 1.
    eps : float
        :math:`\epsilon`.

    Notes
    -----
    Lesson: :ref:`training-loop`. Source: Tieleman & Hinton (2012); defaults of ``torch.optim.RMSprop``, not centred.
    """

    def __init__(self, params, lr=1e-2, alpha=0.99, eps=1e-8):
        super().__init__(params, lr)
        check_number("alpha", alpha, 0, 1)
        check_number("eps", eps, 0)
        self.alpha, self.eps, self.s = alpha, eps, self._zeros()

    def _update(self, name, p, g):
        s = self.s[name]
        s *= self.alpha
        s += (1 - self.alpha) * g * g
        p -= self.lr * g / (xp_of(s).sqrt(s) + self.eps)


class Adam(_Optimiser):
    r"""Adam: momentum and RMSProp together, both corrected for their start at zero.

    .. math::

       m \leftarrow \beta_1 m + (1 - \beta_1) g, \qquad s \leftarrow \beta_2 s + (1 - \beta_2) g^2, \qquad
       \theta \leftarrow \theta - \eta \, \frac{m / (1 - \beta_1^k)}{\sqrt{s / (1 - \beta_2^k)} + \epsilon}

    at the ``k``-th step.

    Parameters
    ----------
    params : dict of str to ndarray or tensor
        Changed in place by `step`.
    lr : float
        :math:`\eta`; may be changed between steps.
    betas : pair of float
        :math:`\beta_1, \beta_2`, from 0 to below 1.
    eps : float
        :math:`\epsilon`.

    Notes
    -----
    Lesson: :ref:`training-loop`. Source: Kingma & Ba (2015), Algorithm 1; defaults of ``torch.optim.Adam``.

    Examples
    --------
    >>> params = {"w": np.array([1.0])}
    >>> Adam(params, lr=0.1).step({"w": np.array([1e3])})
    >>> params["w"].round(6)                                                # the first step has size lr, whatever the gradient
    array([0.9])
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, lr)
        for k, beta in enumerate(betas):
            check_number(f"betas[{k}]", beta, 0, 1)
            if beta == 1:
                raise ValueError(f"betas[{k}]: expected a number below 1, got {beta}")
        check_number("eps", eps, 0)
        self.betas, self.eps = tuple(betas), eps
        self.m, self.s = self._zeros(), self._zeros()

    def _update(self, name, p, g):
        (beta_1, beta_2), m, s = self.betas, self.m[name], self.s[name]
        m *= beta_1
        m += (1 - beta_1) * g
        s *= beta_2
        s += (1 - beta_2) * g * g
        size = xp_of(s).sqrt(s / (1 - beta_2**self.steps)) + self.eps
        p -= self.lr / (1 - beta_1**self.steps) * m / size
