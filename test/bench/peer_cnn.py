"""One training step of the small convolutional models in PyTorch, eager, timed on request.

Reads one JSON object from argv: `model` (a depth of ResNet, or "micro" for EfficientNetV2-micro), the
batch and the threads. For every line on stdin it runs one step and answers with its time in ms.
"""

import json
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

options = json.loads(sys.argv[1])
torch.set_num_threads(options["threads"])
torch.manual_seed(1)


def unit(i, o, k=3, stride=1, act=None, groups=1):
    layers = [nn.Conv2d(i, o, k, stride, k // 2, groups=groups, bias=False), nn.BatchNorm2d(o)]
    return nn.Sequential(*layers, *([act(inplace=True)] if act else []))


class Basic(nn.Module):
    """Two 3x3 convolutions; where the image is halved, a shortcut of every other pixel and zeros."""

    def __init__(self, i, o, stride):
        super().__init__()
        self.body = nn.Sequential(unit(i, o, stride=stride, act=nn.ReLU), unit(o, o))
        self.stride, self.new = stride, o - i

    def forward(self, x):
        direct = x
        if self.stride == 2:
            direct = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.new))
        return F.relu(self.body(x) + direct)


class Excite(nn.Module):
    def __init__(self, c, squeezed):
        super().__init__()
        self.down, self.up = nn.Linear(c, squeezed), nn.Linear(squeezed, c)

    def forward(self, x):
        gate = torch.sigmoid(self.up(F.silu(self.down(x.mean((2, 3))))))
        return x * gate[:, :, None, None]


class MBConv(nn.Module):
    def __init__(self, kind, expand, i, o, stride):
        super().__init__()
        wide = expand * i
        if kind == "mb":
            body = [
                unit(i, wide, 1, act=nn.SiLU),
                unit(wide, wide, 3, stride, nn.SiLU, wide),
                Excite(wide, i // 4),
                unit(wide, o, 1),
            ]
        elif expand == 1:
            body = [unit(i, o, 3, stride, nn.SiLU)]
        else:
            body = [unit(i, wide, 3, stride, nn.SiLU), unit(wide, o, 1)]
        self.body, self.residual = nn.Sequential(*body), stride == 1 and i == o

    def forward(self, x):
        return x + self.body(x) if self.residual else self.body(x)


def resnet(depth):
    layers, i = [unit(3, 16, act=nn.ReLU)], 16
    for stage, width in enumerate((16, 32, 64)):
        for n in range((depth - 2) // 6):
            layers.append(Basic(i, width, 2 if stage and n == 0 else 1))
            i = width
    return layers, i


def micro():
    layers, i = [unit(3, 24, act=nn.SiLU)], 24
    rows = (("f", 1, 1, 24, 2), ("f", 4, 2, 48, 2), ("f", 4, 2, 64, 2), ("mb", 4, 2, 128, 3))
    for kind, expand, stride, width, times in rows:
        for n in range(times):
            layers.append(MBConv(kind, expand, i, width, stride if n == 0 else 1))
            i = width
    return [*layers, unit(i, 256, 1, act=nn.SiLU)], 256


layers, features = micro() if options["model"] == "micro" else resnet(options["model"])
model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(features, 10))
optimiser = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=0.05)
mean, std = torch.full((1, 3, 1, 1), 0.5), torch.full((1, 3, 1, 1), 0.25)
B = options["batch"]
images = torch.randint(0, 256, (B, 3, 32, 32), dtype=torch.uint8)
labels = torch.arange(B) % 10


def step():
    x = (images.float() / 255 - mean) / std
    loss = F.cross_entropy(model(x), labels, label_smoothing=0.1)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    return loss.item()


parameters = sum(p.numel() for p in model.parameters())
print(json.dumps({"torch": torch.__version__, "parameters": parameters}), flush=True)
for _ in sys.stdin:
    started = time.perf_counter()
    step()
    print((time.perf_counter() - started) * 1000, flush=True)
