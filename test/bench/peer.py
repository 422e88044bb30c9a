"""One training step of the same ViT in PyTorch, eager, timed on request.

Reads one JSON object from argv: the geometry, the batch and the threads. For every line on stdin it
runs one step and answers with its time in ms; the parent decides whose turn it is.
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
D, HEADS, DIM_HEAD = options["dim"], options["heads"], options["dimHead"]
INNER = HEADS * DIM_HEAD
fused = hasattr(F, "scaled_dot_product_attention")


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(D), nn.LayerNorm(D)
        self.qkv = nn.Linear(D, 3 * INNER, bias=False)
        self.out = nn.Linear(INNER, D)
        self.mlp = nn.Sequential(nn.Linear(D, 4 * D), nn.GELU(), nn.Linear(4 * D, D))

    def attend(self, x):
        b, n, _ = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, HEADS, DIM_HEAD).permute(2, 0, 3, 1, 4)
        if fused:
            y = F.scaled_dot_product_attention(q, k, v)
        else:
            y = (q @ k.transpose(-1, -2) * DIM_HEAD**-0.5).softmax(-1) @ v
        return self.out(y.transpose(1, 2).reshape(b, n, INNER))

    def forward(self, x):
        x = x + self.attend(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class Vit(nn.Module):
    def __init__(self):
        super().__init__()
        n = (options["image"] // options["patch"]) ** 2
        self.patch = nn.Conv2d(3, D, options["patch"], options["patch"])
        self.cls = nn.Parameter(torch.randn(1, 1, D) * 0.02)
        self.pos = nn.Parameter(torch.randn(n + 1, D) * 0.02)
        self.blocks = nn.Sequential(*[Block() for _ in range(options["layers"])])
        self.ln, self.head = nn.LayerNorm(D), nn.Linear(D, 10)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(len(x), -1, -1), x], 1) + self.pos
        return self.head(self.ln(self.blocks(x).mean(1)))


model = Vit()
optimiser = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=0.05)
mean = torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)
std = torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1)
B, S = options["batch"], options["image"]
images = torch.randint(0, 256, (B, 3, S, S), dtype=torch.uint8)
labels = torch.arange(B) % 10


def step():
    x = (images.float() / 255 - mean) / std
    loss = F.cross_entropy(model(x), labels, label_smoothing=0.1)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    return loss.item()


print(json.dumps({"torch": torch.__version__, "fused": fused}), flush=True)
for _ in sys.stdin:
    started = time.perf_counter()
    step()
    print((time.perf_counter() - started) * 1000, flush=True)
