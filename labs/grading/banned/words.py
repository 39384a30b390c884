"""The names of what an answer may not use, and of the ways round a search for them."""

MODULES = ("rnnlib.scratch", "rnnlib.nn", "torch.nn", "torch.autograd", "torch.func", "torch._VF", "torch._C", "torch.ops", "torch.jit")
CALLS = ("rnn_tanh", "rnn_relu", "rnn_tanh_cell", "rnn_relu_cell", "lstm_cell", "gru_cell", "quantized_lstm_cell", "quantized_gru_cell")
DIFFERENTIATION = ("backward", "requires_grad", "requires_grad_", "_VF", "_C")
ATTRIBUTES = {"nn": "torch.nn", "scratch": "rnnlib.scratch", "autograd": "torch.autograd", "func": "torch.func"}
SHELL = ("run_cell", "run_code", "run_cell_magic", "user_ns", "safe_execfile")
BUILTIN_DETOURS = ("exec", "eval", "__import__", "globals", "_getframe")
DETOURS = (*SHELL, *BUILTIN_DETOURS, "importlib", "ctypes", "modules", "__globals__", "f_globals")


def module_of(path):
    """The forbidden module that a dotted path lies in, or None."""
    return next((m for m in MODULES if path == m or path.startswith(m + ".")), None)


def word_of(word):
    """Why an attribute or unbound name is not allowed, or None."""
    if word in CALLS or word in DIFFERENTIATION:
        return word
    return word if word in DETOURS else None
