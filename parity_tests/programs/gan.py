"""A convolutional GAN, in the style of DCGAN, with the old names: Variable, FloatTensor, cudnn flags."""

import numpy as np
import torch
import torch.backends.cudnn as cudnn
import torch.nn as nn
import torch.nn.parallel
import torch.optim as optim
import torch.utils.data
from torch.autograd import Variable

cudnn.benchmark = True
torch.manual_seed(7)
cuda = True if torch.cuda.is_available() else False
Tensor = torch.cuda.DoubleTensor if cuda else torch.DoubleTensor
nz, ngf, ndf, nc = 6, 4, 4, 1


def weights_init(m):
    classname = m.__class__.__name__
    random = np.random.RandomState(len(classname))
    if classname.find("Conv") != -1:
        m.weight.data.copy_(torch.from_numpy(random.normal(0.0, 0.1, tuple(m.weight.shape))))
    elif classname.find("BatchNorm") != -1:
        m.weight.data.copy_(torch.from_numpy(random.normal(1.0, 0.02, tuple(m.weight.shape))))
        m.bias.data.fill_(0)


class Generator(nn.Module):
    def __init__(self):
        super(Generator, self).__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(nz, ngf * 2, 4, 1, 0, bias=False),
            nn.BatchNorm2d(ngf * 2),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 2, nc, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, input):
        return self.main(input)


class Discriminator(nn.Module):
    def __init__(self):
        super(Discriminator, self).__init__()
        self.main = nn.Sequential(
            nn.Conv2d(nc, ndf, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf, ndf * 2, 3, 1, 1, bias=False),
            nn.BatchNorm2d(ndf * 2),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf * 2, 1, 4, 1, 0, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, input):
        return self.main(input).view(-1, 1).squeeze(1)


netG, netD = Generator().double(), Discriminator().double()
netG.apply(weights_init)
netD.apply(weights_init)
netD = nn.DataParallel(netD)
print(netG)
criterion = nn.BCELoss()
optimizerD = optim.Adam(netD.parameters(), lr=0.002, betas=(0.5, 0.999))
optimizerG = optim.Adam(netG.parameters(), lr=0.002, betas=(0.5, 0.999))
for i in range(3):
    random = np.random.RandomState(i)
    real = Variable(Tensor(random.uniform(-1, 1, (6, nc, 8, 8))))
    valid = Variable(Tensor(6).fill_(1.0), requires_grad=False)
    fake_label = Variable(Tensor(6).fill_(0.0), requires_grad=False)
    netD.zero_grad()
    errD_real = criterion(netD(real), valid)
    errD_real.backward()
    noise = Variable(Tensor(random.randn(6, nz, 1, 1)))
    fake = netG(noise)
    errD_fake = criterion(netD(fake.detach()), fake_label)
    errD_fake.backward()
    optimizerD.step()
    netG.zero_grad()
    output = netD(fake)
    errG = criterion(output, valid)
    errG.backward()
    optimizerG.step()
    errD = errD_real + errD_fake
    print("[%d/3] Loss_D: %.12f Loss_G: %.12f D(G(z)): %.12f" % (i, errD.item(), errG.item(), output.mean().item()))
print(real.type(), fake.shape, fake.data.abs().mean().item())
