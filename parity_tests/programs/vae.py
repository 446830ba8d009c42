"""A variational autoencoder of small images, with the reparametrisation trick."""

import argparse

import numpy as np
import torch
import torch.utils.data
from torch import nn, optim
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser(description="VAE")
parser.add_argument("--batch-size", type=int, default=16)
parser.add_argument("--epochs", type=int, default=2)
parser.add_argument("--no-accel", action="store_true")
parser.add_argument("--log-interval", type=int, default=1)
args = parser.parse_args()

use_accel = not args.no_accel and torch.accelerator.is_available()
device = torch.accelerator.current_accelerator() if use_accel else torch.device("cpu")
print("using device", device)
random = np.random.RandomState(0)
images = torch.from_numpy(random.rand(48, 1, 8, 8))
train_loader = DataLoader(TensorDataset(images, torch.zeros(48)), batch_size=args.batch_size, shuffle=False)


class VAE(nn.Module):
    def __init__(self):
        super(VAE, self).__init__()
        self.fc1 = nn.Linear(64, 24)
        self.fc21 = nn.Linear(24, 4)
        self.fc22 = nn.Linear(24, 4)
        self.fc3 = nn.Linear(4, 24)
        self.fc4 = nn.Linear(24, 64)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.from_numpy(random.randn(*std.shape)).to(std)
        return mu + eps * std

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 64))
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


model = VAE().double().to(device)
for p in model.parameters():
    p.data = torch.tensor(random.randn(*p.shape) * 0.2)
optimizer = optim.Adam(model.parameters(), lr=1e-2)


def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x.view(-1, 64), reduction="sum")
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return BCE + KLD


def train(epoch):
    model.train()
    train_loss = 0
    for batch_idx, (data, _) in enumerate(train_loader):
        data = data.to(device)
        optimizer.zero_grad()
        recon_batch, mu, logvar = model(data)
        loss = loss_function(recon_batch, data, mu, logvar)
        loss.backward()
        train_loss += loss.item()
        optimizer.step()
        if batch_idx % args.log_interval == 0:
            print(
                "Train Epoch: {} [{}/{}]\tLoss: {:.10f}".format(
                    epoch, batch_idx * len(data), 48, loss.item() / len(data)
                )
            )
    print("====> Epoch: {} Average loss: {:.10f}".format(epoch, train_loss / len(train_loader.dataset)))


for epoch in range(1, args.epochs + 1):
    train(epoch)
    with torch.no_grad():
        sample = model.decode(torch.from_numpy(random.randn(4, 4))).cpu()
        print("sample", sample.view(4, 1, 8, 8).mean(dim=(1, 2, 3)).tolist())
