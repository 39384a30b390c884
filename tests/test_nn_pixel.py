"""Pictures pixel by pixel: probabilities that sum to one, nothing seen too early, and samples from what was learnt."""

import itertools
import math

import numpy as np
import pytest
import torch

from rnnlib.nn import PixelRNN
from rnnlib.train import fit

B, Y, X, H, LEVELS, CLASSES = 4, 3, 5, 6, 3, 2
TOL = 1e-12  # float64, absolute


def make(height=Y, width=X, **options):
    torch.manual_seed(0)
    return PixelRNN(height, width, H, **options).double()


def some_images(levels=2):
    return torch.from_numpy(np.random.default_rng(0).integers(0, levels, (B, Y, X)))


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_all_pictures_together_have_probability_one(cell):
    model = make(2, 2, levels=LEVELS, cell=cell)
    pictures = torch.tensor(list(itertools.product(range(LEVELS), repeat=4))).reshape(-1, 2, 2)
    nats = [model.loss(picture[None]).item() for picture in pictures]
    assert sum(math.exp(-n) for n in nats) == pytest.approx(1.0, abs=1e-10)
    assert model.loss(pictures).item() == pytest.approx(np.mean(nats), abs=1e-10)


@pytest.mark.parametrize("row, column", [(0, 0), (1, 0), (1, 3), (2, 4)])
def test_a_pixel_sees_what_lies_before_it_and_nothing_else(row, column):
    model, images = make(levels=LEVELS), some_images(LEVELS)
    other = images.clone()
    other[:, row, column] = (images[:, row, column] + 1) % LEVELS
    a, b = (model(v).flatten(1, 2) for v in (images, other))
    t = row * X + column
    torch.testing.assert_close(a[:, : t + 1], b[:, : t + 1], rtol=0, atol=TOL)
    if t + 1 < Y * X:
        assert not torch.allclose(a[:, t + 1], b[:, t + 1])


def test_the_pixel_above_is_an_input():
    model, images = make(), some_images()
    weights = model.layer.cells[0].W_x
    weights.data[:2] = 0  # without the pixel before
    weights.data[4:] = 0  # and without the place
    model.layer.cells[0].W_h.data.zero_()
    model.layer.cells[0].b.data[H : 2 * H] = -1e9  # and without a memory
    logits = model(images).detach()
    torch.testing.assert_close(logits[0, 0], logits[0, 0, :1].expand(X, 2))  # nothing is above the first row
    for value in (0, 1):
        same = logits[:, 1:][images[:, :-1] == value]
        torch.testing.assert_close(same, same[:1].expand_as(same), rtol=0, atol=TOL)


def test_a_model_that_knows_nothing():
    model = make(levels=LEVELS)
    for p in model.parameters():
        p.data.zero_()
    assert model.loss(some_images(LEVELS)).item() == pytest.approx(Y * X * math.log(LEVELS))


def test_gradients_reach_all_parameters_and_classes_matter():
    model, images, labels = make(n_classes=CLASSES), some_images(), torch.tensor([0, 1, 1, 0])
    model.loss(images, labels).backward()
    assert all(p.grad.any() for p in model.parameters())
    assert not torch.allclose(model(images, labels), model(images, 1 - labels))


def test_sampling_is_the_models_own_distribution():
    model = make(1, 2)
    model.train()
    images = model.sample(2000, rng=np.random.default_rng(0))
    assert images.shape == (2000, 1, 2) and images.dtype == np.int64 and model.training
    for picture in itertools.product(range(2), repeat=2):
        p = math.exp(-model.loss(torch.tensor([[picture]])).item())
        assert (images == np.array([picture])).all((1, 2)).mean() == pytest.approx(p, abs=5 * math.sqrt(0.25 / 2000))
    again = make(n_classes=CLASSES).sample(3, rng=np.random.default_rng(1), labels=[0, 1, 1])
    assert (again == make(n_classes=CLASSES).sample(3, rng=np.random.default_rng(1), labels=[0, 1, 1])).all()
    likeliest = make().sample(1, rng=np.random.default_rng(1), temperature=0)
    assert (make()(torch.from_numpy(likeliest)).argmax(3).numpy() == likeliest).all()


def test_a_given_beginning_stays_and_the_rest_follows_it():
    model = make(1, 2)
    given = np.repeat([[0], [1]], 1000, axis=0)
    images = model.sample(2000, rng=np.random.default_rng(0), given=given)
    assert (images[:, 0, :1] == given).all()
    for first in (0, 1):
        p = model(torch.tensor([[[first, 0]]])).softmax(3)[0, 0, 1, 1].item()
        assert images[1000 * first : 1000 * first + 1000, 0, 1].mean() == pytest.approx(p, abs=5 * math.sqrt(0.25 / 1000))
    whole = some_images().flatten(1).numpy()
    assert (make().sample(B, rng=np.random.default_rng(0), given=whole).reshape(B, -1) == whole).all()


def test_it_learns_stripes_of_a_class():
    torch.manual_seed(0)
    model = PixelRNN(3, 4, 10, n_classes=2)

    def batches(epoch):
        labels = np.arange(8) % 2
        across = np.indices((3, 4)) % 2  # stripes along rows, stripes along columns
        return [(across[labels], labels)] * 60

    history = fit(model, batches, PixelRNN.loss, epochs=2, lr=0.03, progress=False)
    assert history.loss[-1] < 0.3
    rows, columns = model.sample(2, rng=np.random.default_rng(0), labels=[0, 1], temperature=0)
    assert (rows == np.indices((3, 4))[0] % 2).all() and (columns == np.indices((3, 4))[1] % 2).all()


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: make(0), ValueError, "height: expected a number >= 1, got 0"),
        (lambda: make(levels=1), ValueError, "levels: expected a number >= 2, got 1"),
        (lambda: make(bidirectional=True), ValueError, "bidirectional: expected False"),
        (lambda: make()(some_images()[:, 1:]), ValueError, r"images: expected shape \(B, 3, 5\), got \(4, 2, 5\)"),
        (lambda: make()(some_images() + 1), ValueError, "images: expected ids between 0 and 1"),
        (lambda: make()(some_images(), torch.zeros(B, dtype=torch.int64)), ValueError, "labels: expected none with n_classes = 0"),
        (lambda: make(n_classes=2)(some_images()), ValueError, "labels: expected one per picture with n_classes = 2"),
        (lambda: make(n_classes=2)(some_images(), torch.full((B,), 2)), ValueError, "labels: expected ids between 0 and 1"),
        (lambda: make().sample(0, rng=np.random.default_rng(0)), ValueError, "n: expected a number >= 1"),
        (lambda: make().sample(2, rng=5), TypeError, r"rng: expected a numpy\.random\.Generator"),
        (lambda: make().sample(2, rng=np.random.default_rng(0), given=[[0, 2]] * 2), ValueError, "given: expected ids between 0 and 1"),
        (lambda: make().sample(2, rng=np.random.default_rng(0), given=[[0]]), ValueError, r"given: expected shape \(2, k\), got \(1, 1\)"),
        (lambda: make().sample(1, rng=np.random.default_rng(0), given=[[0] * 16]), ValueError, "given: expected at most 15 pixels"),
        (lambda: make(n_classes=2).sample(2, rng=np.random.default_rng(0), labels=[0]), ValueError, r"labels: expected shape \(2,\)"),
    ],
)
def test_errors_name_the_argument(call, error, text):
    with pytest.raises(error, match=text):
        call()
