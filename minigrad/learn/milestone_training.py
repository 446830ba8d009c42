"""The trainings of three milestones: a perceptron, LeNet and a residual network, on digits that are drawn."""

from __future__ import annotations

from minigrad import nn, optim
from minigrad.engine.grad_mode import no_grad
from minigrad.learn import training
from minigrad.learn.digits import digits
from minigrad.learn.milestone_run import Training, main
from minigrad.learn.networks import LeNet, Perceptron, ResidualNet
from minigrad.nn import functional as F
from minigrad.random import manual_seed
from minigrad.tensor import Tensor


def perceptron() -> Training:
    """Return the training of a perceptron on digits of 9 x 9."""
    manual_seed(0)
    model = Perceptron(81)
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    losses = training.train(model, optimizer, _with_a_price, *digits(4000, 9), batch=50, steps=400)
    return Training(losses, 400, lambda: _accuracy(model, *digits(500, 9, seed=1)), needed=0.8)


def _with_a_price(scores: Tensor, labels: Tensor) -> Tensor:
    """Return the loss: large scores cost a little, so that the mean of exercise 4 has work in it."""
    return F.cross_entropy(scores, labels) + (scores * scores).mean() * 0.001


def lenet() -> Training:
    """Return the training of LeNet on digits of 20 x 20."""
    manual_seed(0)
    model = LeNet()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    losses = training.train(model, optimizer, F.cross_entropy, *digits(1600, 20, 2), batch=32, steps=200)
    return Training(losses, 200, lambda: _accuracy(model, *digits(200, 20, 2, seed=1)), needed=0.6)


def residual() -> Training:
    """Return the training of a residual network on digits of 16 x 16."""
    manual_seed(0)
    model = ResidualNet()
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    losses = training.train(model, optimizer, F.cross_entropy, *digits(1600, 16, 2), batch=32, steps=90)
    return Training(losses, 90, lambda: _accuracy(model, *digits(200, 16, 2, seed=1)), needed=0.8)


def _accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    model.eval()
    with no_grad():
        return float((model(images).argmax(1) == labels).float().mean().item())


STARTS = {"digits": perceptron, "lenet": lenet, "residual": residual}

if __name__ == "__main__":
    main(STARTS)
