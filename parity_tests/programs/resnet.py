"""A residual network for small images: a zoo file with its helpers, a training loop, a checkpoint, a test."""

import os
import tempfile
from typing import Any, Callable, List, Optional, Type

import numpy as np
import torch
import torch.nn as nn
from torch import Tensor
from torch.hub import load_state_dict_from_url
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, Dataset


def conv3x3(in_planes: int, out_planes: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_planes, out_planes, kernel_size=3, stride=stride, padding=1, bias=False)


class BasicBlock(nn.Module):
    expansion: int = 1

    def __init__(
        self, inplanes: int, planes: int, stride: int = 1, norm_layer: Optional[Callable[..., nn.Module]] = None
    ):
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        self.conv1, self.bn1 = conv3x3(inplanes, planes, stride), norm_layer(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2, self.bn2 = conv3x3(planes, planes), norm_layer(planes)
        self.downsample = None
        if stride != 1 or inplanes != planes:
            self.downsample = nn.Sequential(nn.Conv2d(inplanes, planes, 1, stride, bias=False), norm_layer(planes))

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self, block: Type[BasicBlock], layers: List[int], num_classes: int = 10) -> None:
        super().__init__()
        self.inplanes = 4
        self.stem = nn.Sequential(conv3x3(3, 4), nn.BatchNorm2d(4), nn.ReLU(inplace=True))
        self.layer1 = self._make_layer(block, 4, layers[0])
        self.layer2 = self._make_layer(block, 8, layers[1], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(8 * block.expansion, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)):
                nn.init.constant_(m.weight, 1)
                nn.init.constant_(m.bias, 0)

    def _make_layer(self, block: Type[BasicBlock], planes: int, blocks: int, stride: int = 1) -> nn.Sequential:
        layers = [block(self.inplanes, planes, stride)]
        self.inplanes = planes * block.expansion
        layers += [block(self.inplanes, planes) for _ in range(1, blocks)]
        return nn.Sequential(*layers)

    @torch.jit.export
    def features(self, x: Tensor) -> Tensor:
        return torch.flatten(self.avgpool(self.layer2(self.layer1(self.stem(x)))), 1)

    def forward(self, x: Tensor) -> Tensor:
        torch._assert(x.dim() == 4, "four dimensions are expected")
        return self.fc(self.features(x))


def resnet(pretrained: bool = False, **kwargs: Any) -> ResNet:
    model = ResNet(BasicBlock, [1, 1], **kwargs)
    if pretrained:
        model.load_state_dict(load_state_dict_from_url("https://example.org/resnet.pth"))
    return model


class Images(Dataset):
    def __init__(self, count, seed):
        random = np.random.RandomState(seed)
        self.images, self.labels = random.randn(count, 3, 8, 8), random.randint(0, 5, count)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return torch.from_numpy(self.images[index]), int(self.labels[index])


device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
model = resnet(num_classes=5).double().to(device)
random = np.random.RandomState(3)
state = model.state_dict()
for name, value in state.items():
    if value.dtype.is_floating_point and (value.dim() > 1 or name == "fc.bias"):
        value.copy_(torch.from_numpy(random.randn(*value.shape) * 0.3))
model.load_state_dict(state)
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4, nesterov=True)
scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=3)
loaders = {"train": DataLoader(Images(24, 0), batch_size=8), "val": DataLoader(Images(10, 1), batch_size=5)}
best = 0.0
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "best.pt")
    for epoch in range(3):
        for phase in ["train", "val"]:
            model.train(phase == "train")
            running_loss, running_corrects = 0.0, 0
            for inputs, labels in loaders[phase]:
                inputs, labels = inputs.to(device), labels.to(device)
                optimizer.zero_grad()
                with torch.set_grad_enabled(phase == "train"):
                    outputs = model(inputs)
                    _, preds = torch.max(outputs, 1)
                    loss = criterion(outputs, labels)
                    if phase == "train":
                        loss.backward()
                        optimizer.step()
                running_loss += loss.item() * inputs.size(0)
                running_corrects += torch.sum(preds == labels.data)
            if phase == "train":
                scheduler.step()
            size = len(loaders[phase].dataset)
            accuracy = running_corrects.double() / size
            print(f"{phase} Loss: {running_loss / size:.10f} Acc: {accuracy:.4f} lr {scheduler.get_last_lr()[0]:.6f}")
            if phase == "val" and accuracy >= best:
                best = accuracy
                torch.save({"epoch": epoch, "model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)
    checkpoint = torch.load(path, map_location=device, weights_only=True)
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
model.eval()
print("best epoch", checkpoint["epoch"], model(torch.from_numpy(random.randn(2, 3, 8, 8))).tolist())
