#!/usr/bin/env python3
"""torch_step.py - one training step of a small Phi in PyTorch, for comparison with primer's trainer.

torch_step.py [--threads N] [--steps N] [--layers N --embedding N --heads N --feed-forward N
              --vocabulary N --rotary N --batch N --length N]

Prints one JSON object: tokens a second of the median step, after one to warm up. The model is the
architecture of src/model/phi2.c: one LayerNorm for attention and feed-forward beside each other,
biases everywhere, GELU by tanh, rotary positions over the first dimensions of a head, an output
matrix of its own; AdamW, clipping by the global norm. Attention is PyTorch 1.13's plain one.
"""
import argparse
import json
import math
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, width, heads, inner, rotary):
        super().__init__()
        self.heads, self.rotary = heads, rotary
        self.norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)

    def rotate(self, x, cosine, sine):
        half = self.rotary // 2
        a, b, rest = x[..., :half], x[..., half:self.rotary], x[..., self.rotary:]
        return torch.cat((a * cosine - b * sine, b * cosine + a * sine, rest), -1)

    def forward(self, x, cosine, sine, mask):
        rows, length, width = x.shape
        h = self.norm(x)
        q, k, v = (part.view(rows, length, self.heads, -1).transpose(1, 2)
                   for part in self.query_key_value(h).split(width, -1))
        q, k = self.rotate(q, cosine, sine), self.rotate(k, cosine, sine)
        scores = q @ k.transpose(-1, -2) / math.sqrt(width // self.heads) + mask
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(rows, length, width)
        return x + self.output(mixed) + self.down(F.gelu(self.up(h), approximate="tanh"))


class Phi(nn.Module):
    def __init__(self, a):
        super().__init__()
        self.embedding = nn.Embedding(a.vocabulary, a.embedding)
        self.blocks = nn.ModuleList(
            Block(a.embedding, a.heads, a.feed_forward, a.rotary) for _ in range(a.layers))
        self.norm = nn.LayerNorm(a.embedding)
        self.output = nn.Linear(a.embedding, a.vocabulary)
        frequency = 10000.0 ** (-torch.arange(0, a.rotary, 2) / a.rotary)
        angle = torch.arange(a.length)[:, None] * frequency
        self.register_buffer("cosine", angle.cos())
        self.register_buffer("sine", angle.sin())
        self.register_buffer("mask", torch.full((a.length, a.length), -math.inf).triu(1))

    def forward(self, ids):
        x = self.embedding(ids)
        for block in self.blocks:
            x = block(x, self.cosine, self.sine, self.mask)
        return self.output(self.norm(x))


def main():
    parser = argparse.ArgumentParser()
    for name, value in (("threads", 2), ("steps", 5), ("layers", 8), ("embedding", 256),
                        ("heads", 8), ("feed-forward", 1024), ("vocabulary", 8192), ("rotary", 16),
                        ("batch", 8), ("length", 512)):
        parser.add_argument("--" + name, type=int, default=value)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(1)
    model = Phi(a)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1)
    ids = torch.randint(0, a.vocabulary, (a.batch, a.length + 1))
    seconds = []
    for _ in range(a.steps + 1):
        begun = time.monotonic()
        loss = F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        seconds.append(time.monotonic() - begun)
    median = statistics.median(seconds[1:])
    print(json.dumps({"engine": "PyTorch " + torch.__version__, "threads": a.threads,
                      "parameters": sum(p.numel() for p in model.parameters()),
                      "loss": float(loss), "step_seconds": median,
                      "tokens_s": a.batch * a.length / median}))


if __name__ == "__main__":
    main()
