"""Which functions are ready-made answers, told by their name and by the module that they come from: plain data and one rule."""

import functools
import re

ANSWERS = ("rnnlib.scratch", "rnnlib.nn")  # the course's own: every function of theirs
LAYERS = ("torch.nn", "torch._C._nn")  # torch's layers and losses, without the arithmetic below
ARITHMETIC = {"elu", "gelu", "hardtanh", "leaky_relu", "logsigmoid", "one_hot", "pad", "relu", "sigmoid", "silu", "softplus", "tanh"}
KERNELS = re.compile(r"(^|_)(rnn|lstm|gru)(_|$)|(^|_)backward(_data)?$|nll_loss|cross_entropy|attention|^_make_dual$")
DIFFERENTIATION = {("torch.autograd", "grad"), ("torch.autograd.forward_ad", "make_dual")}
PLACES = ("torch._C._nn", "torch.nn.functional"), ("torch._C._", "torch."), ("torch._ops", "torch.ops"), ("torch._tensor", "torch.Tensor")
LIBRARIES = {"functorch", "jax", "keras", "numpy", "rnnlib", "scipy", "sklearn", "statsmodels", "tensorflow", "torch"}


@functools.lru_cache(maxsize=4096)
def ready_made(name, home, banned=frozenset()):
    """What a student is told of the function ``name`` of the module ``home`` if it is a ready-made answer; otherwise None.

    ``banned`` are names of functions or modules that are the answer of one part.
    """
    name, home = name.partition(".")[0].removeprefix("special_"), home or "torch.Tensor"
    said = f"{home}.{name}"
    for inner, known in PLACES:
        said = said.replace(inner, known)
    if home.split(".")[0] not in LIBRARIES:
        return None
    if within(home, ANSWERS) or not banned.isdisjoint((name, name.strip("_"))) or not banned.isdisjoint(home.split(".")):
        return said
    if home.split(".")[0] in ("torch", "functorch"):
        layer = within(home, LAYERS) and name not in ARITHMETIC
        return said if layer or KERNELS.search(name) or (home, name) in DIFFERENTIATION else None
    return None


def within(home, places):
    """Whether the module ``home`` is one of ``places`` or lies in one."""
    return any(home == place or home.startswith(place + ".") for place in places)
