"""The contests of the GRU: on Alice each side tries its step sizes, keeps what is best on a validation part, and is scored on another."""

glue("gru-no-update-longer", score(trained(*networks["no update gate, z = 0"], lr=3e-3, updates=5 * updates))[0])

early, validation = np.split(train_ids, [len(train_ids) * 8 // 9])
for name, cell, H in (("gru", "gru", 96), ("lstm", "lstm", 96), ("lstm-equal", "lstm", 80)):  # 80 units: as many recurrent weights
    models = {lr: read(cell, lr, H, early)[0] for lr in (5e-3, 1e-2, 2e-2, 4e-2)}
    lr = min(models, key=lambda lr: models[lr].bits(validation))
    glue(f"gru-alice-best-{name}", models[lr].bits(test_ids))
    glue(f"gru-alice-best-{name}-lr", lr)
    glue(f"gru-alice-best-{name}-weights", weights(models[lr]))
