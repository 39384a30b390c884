"""How an answer is made from another one."""


def but(text, *pairs):
    """``text`` with each old, new of ``pairs`` exchanged."""
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        assert old in text, old
        text = text.replace(old, new)
    return text
