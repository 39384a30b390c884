"""The contest on Alice: three networks on the same windows, three step sizes each, chosen on the ninth tenth of the text."""

early, validation = np.split(text, [len(text) * 8 // 9])


def attention():
    seed_all(seed)
    return TransformerLM(len(vocabulary), E=64, n_heads=4, num_layers=2, N=N)


slow, fast = (3e-3, 1e-2, 3e-2), (1e-2, 3e-2, 1e-1)
for name, make, rates in (("attention", attention, slow), ("gru", lambda: recurrent("gru"), slow), ("lstm", lambda: recurrent("lstm"), fast)):  # noqa: E501
    models = {lr: make() for lr in rates}
    for lr, model in models.items():
        learn(model, lr, text=early)
    lr = min(models, key=lambda lr: window_bits(models[lr], validation))
    glue(f"transformer-best-{name}", window_bits(models[lr], held_back))
    glue(f"transformer-best-{name}-lr", lr)
