"""A siamese network with a contrastive loss of its own, and a Function of its own with static methods and ctx."""

import numpy as np
import torch
import torch.nn as nn
from torch.autograd import Function, gradcheck
from torch.optim.lr_scheduler import StepLR
from torch.utils.data.dataloader import DataLoader
from torch.utils.data.dataset import Dataset


class ScaledTanh(Function):
    @staticmethod
    def forward(ctx, x, scale):
        result = torch.tanh(x) * scale
        ctx.save_for_backward(result)
        ctx.scale = scale
        return result

    @staticmethod
    def backward(ctx, grad_output):
        (result,) = ctx.saved_tensors
        grad = None
        if ctx.needs_input_grad[0]:
            grad = grad_output * (ctx.scale - result * result / ctx.scale)
        return grad, None


class Pairs(Dataset):
    def __init__(self, count=24):
        self.random = np.random.RandomState(9)
        self.images = self.random.randn(count, 1, 10, 10)

    def __len__(self):
        return len(self.images) // 2

    def __getitem__(self, index):
        same = np.float64(index % 2)
        first = self.images[2 * index]
        second = first + 0.1 * self.images[2 * index + 1] if same else self.images[2 * index + 1]
        return torch.from_numpy(first), torch.from_numpy(second), torch.tensor(same)


class SiameseNetwork(nn.Module):
    def __init__(self):
        super(SiameseNetwork, self).__init__()
        self.cnn = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(1, 4, kernel_size=3),
            nn.ReLU(inplace=True),
            nn.BatchNorm2d(4),
            nn.MaxPool2d(2),
        )
        self.fc = nn.Sequential(nn.Linear(4 * 5 * 5, 8), nn.ReLU(inplace=True), nn.Linear(8, 3))
        self.apply(self.init_weights)

    def init_weights(self, m):
        if isinstance(m, (nn.Linear, nn.Conv2d)):
            random = np.random.RandomState(m.weight.numel())
            m.weight.data = torch.from_numpy(random.randn(*m.weight.shape) * 0.2)
            m.bias.data.fill_(0.01)

    def forward_once(self, x):
        x = self.cnn(x)
        return ScaledTanh.apply(self.fc(x.view(x.size()[0], -1)), 1.7)

    def forward(self, input1, input2):
        return self.forward_once(input1), self.forward_once(input2)


class ContrastiveLoss(torch.nn.Module):
    def __init__(self, margin=2.0):
        super().__init__()
        self.margin = margin

    def forward(self, output1, output2, label):
        distance = (output1 - output2 + 1e-6).norm(2, dim=1)
        return torch.mean(label * distance.pow(2) + (1 - label) * torch.clamp(self.margin - distance, min=0.0).pow(2))


net = SiameseNetwork().double()
x = torch.from_numpy(np.random.RandomState(1).randn(3, 2)).requires_grad_()
print("gradcheck", gradcheck(lambda x: ScaledTanh.apply(x, 1.7), (x,)))
optimizer = torch.optim.Adam(net.parameters(), lr=0.005)
scheduler = StepLR(optimizer, step_size=1, gamma=0.7)
for epoch in range(1, 4):
    for batch_idx, (a, b, label) in enumerate(DataLoader(Pairs(), batch_size=4)):
        optimizer.zero_grad()
        loss = ContrastiveLoss()(*net(a, b), label)
        loss.backward()
        optimizer.step()
        print(f"Train Epoch: {epoch} [{batch_idx * len(a)}/12] Loss: {loss.item():.11f}")
    scheduler.step()
