#!/usr/bin/env python3
"""make_gradients.py - loss and gradients of two small models by PyTorch's automatic differentiation, in
double precision, for tests/train/test_golden.c.

    python3 make_gradients.py FOLDER      writes FOLDER/phi2.golden and FOLDER/llama.golden

The forward passes below are written from the architectures' formulas alone:

    phi2    x = x + Wo attention(h) + W2 gelu(W1 h),  h = LayerNorm(x), biases everywhere
            (Li et al. 2023, arXiv 2309.05463; rotary turns the first dimensions, pairs (i, i + half))
    llama   x = x + Wo attention(RMSNorm(x)), x = x + W2 (silu(Wg h) * W1 h), h = RMSNorm(x)
            (Touvron et al. 2023, arXiv 2302.13971; pairs (2i, 2i + 1); grouped key heads: Ainslie et al.
            2023, arXiv 2305.13245)

A golden file is lines of text, then numbers:

    primer gradients 1
    architecture phi2
    NAME VALUE                       the shape's numbers, rows, length, the loss and the sum of weights
    tensor NAME ROWS COLUMNS         in order
    data
    float32, little-endian: the gradient of each tensor

Weights, tokens, targets, loss weights and documents follow from the rules at weight() and batch(), which
the test has as well.
"""
import math
import struct
import sys

import torch

MASK = (1 << 64) - 1


def mixed(index):
    """Number `index` of splitmix64 (Steele et al. 2014) seeded with 0, as a float in [-0.5, 0.5)."""
    z = ((index + 1) * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return ((z ^ (z >> 31)) >> 40) / (1 << 24) - 0.5


def weight(tensor, name, element):
    """Exactly representable in float32 where it is rounded to it."""
    u = mixed((tensor << 32) + element)
    if name.endswith("bias"):
        value = 0.25 * u
    elif "norm" in name:
        value = 1 + 0.25 * u
    else:
        value = 0.625 * u
    return struct.unpack("<f", struct.pack("<f", value))[0]


def batch(shape):
    """inputs, targets, weights, starts: lists of rows * length."""
    count, length = shape["rows"] * shape["length"], shape["length"]
    draw = [mixed((1 << 60) + i) + 0.5 for i in range(4 * count)]
    inputs = [int(draw[i] * shape["vocabulary"]) for i in range(count)]
    targets = [int(draw[count + i] * shape["vocabulary"]) for i in range(count)]
    weights = [0.0 if draw[2 * count + i] < 0.25 else int(draw[2 * count + i] * 8) / 4 for i in range(count)]
    starts = []
    for i in range(count):
        t = i % length
        begins = t == 0 or draw[3 * count + i] < 0.125
        starts.append(t if begins else starts[-1])
    return inputs, targets, weights, starts


def tensors(shape):
    """[(name, rows, columns)], a vector having one row."""
    d, f, v = shape["embedding"], shape["feed_forward"], shape["vocabulary"]
    q, kv = shape["heads"] * shape["head_dimensions"], shape["kv_heads"] * shape["head_dimensions"]
    phi = shape["architecture"] == "phi2"
    found = []

    def linear(name, rows, columns):
        found.append((name + ".weight", rows, columns))
        if phi:
            found.append((name + ".bias", 1, rows))

    def norm(name):
        found.append((name + ".weight", 1, d))
        if phi:
            found.append((name + ".bias", 1, d))

    found.append(("token_embd.weight", v, d))
    for layer in range(shape["layers"]):
        blk = f"blk.{layer}."
        norm(blk + "attn_norm")
        if not phi:
            norm(blk + "ffn_norm")
        linear(blk + "attn_q", q, d)
        linear(blk + "attn_k", kv, d)
        linear(blk + "attn_v", kv, d)
        linear(blk + "attn_output", d, q)
        if not phi:
            linear(blk + "ffn_gate", f, d)
        linear(blk + "ffn_up", f, d)
        linear(blk + "ffn_down", d, f)
    norm("output_norm")
    linear("output", v, d)
    return found


class Model:
    def __init__(self, shape):
        self.shape, self.parameters = shape, {}
        for index, (name, rows, columns) in enumerate(tensors(shape)):
            values = [weight(index, name, k) for k in range(rows * columns)]
            value = torch.tensor(values, dtype=torch.float64).reshape(rows, columns)
            self.parameters[name] = (value if rows > 1 else value[0]).clone().requires_grad_(True)

    def linear(self, name, x):
        y = x @ self.parameters[name + ".weight"].T
        return y + self.parameters[name + ".bias"] if name + ".bias" in self.parameters else y

    def norm(self, name, x):
        weight, epsilon = self.parameters[name + ".weight"], self.shape["epsilon"]
        if self.shape["architecture"] == "phi2":
            x = x - x.mean(-1, keepdim=True)
            return x / torch.sqrt((x * x).mean(-1, keepdim=True) + epsilon) * weight + self.parameters[name + ".bias"]
        return x / torch.sqrt((x * x).mean(-1, keepdim=True) + epsilon) * weight

    def turned(self, x):
        """Rotary positions (Su et al. 2021, arXiv 2104.09864) of x [length][heads][dimensions]."""
        rotary = self.shape["rotary_dimensions"]
        half = rotary // 2
        frequency = self.shape["rope_base"] ** (-2 * torch.arange(half, dtype=torch.float64) / rotary)
        angle = torch.arange(x.shape[0], dtype=torch.float64)[:, None, None] * frequency
        cosine, sine = torch.cos(angle), torch.sin(angle)
        turning, rest = x[..., :rotary], x[..., rotary:]
        if self.shape["architecture"] == "phi2":
            a, b = turning[..., :half], turning[..., half:]
            both = torch.cat([a * cosine - b * sine, a * sine + b * cosine], -1)
        else:
            a, b = turning[..., 0::2], turning[..., 1::2]
            both = torch.stack([a * cosine - b * sine, a * sine + b * cosine], -1).flatten(-2)
        return torch.cat([both, rest], -1)

    def attention(self, blk, h, starts):
        shape, length = self.shape, h.shape[0]
        split = lambda x, heads: x.reshape(length, heads, shape["head_dimensions"])
        q = self.turned(split(self.linear(blk + "attn_q", h), shape["heads"]))
        k = self.turned(split(self.linear(blk + "attn_k", h), shape["kv_heads"]))
        v = split(self.linear(blk + "attn_v", h), shape["kv_heads"])
        group = shape["heads"] // shape["kv_heads"]
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        scores = torch.einsum("ihd,jhd->hij", q, k) / math.sqrt(shape["head_dimensions"])
        seen = [[starts[i] <= j <= i for j in range(length)] for i in range(length)]
        scores = scores.masked_fill(~torch.tensor(seen), -math.inf)
        return self.linear(blk + "attn_output", torch.einsum("hij,jhd->ihd", scores.softmax(-1), v).flatten(1))

    def layer(self, index, x, starts):
        blk = f"blk.{index}."
        h = self.norm(blk + "attn_norm", x)
        attended = self.attention(blk, h, starts)
        if self.shape["architecture"] == "phi2":
            u = self.linear(blk + "ffn_up", h)
            gelu = 0.5 * u * (1 + torch.tanh(math.sqrt(2 / math.pi) * (u + 0.044715 * u ** 3)))
            return x + attended + self.linear(blk + "ffn_down", gelu)
        x = x + attended
        h = self.norm(blk + "ffn_norm", x)
        gate = self.linear(blk + "ffn_gate", h)
        return x + self.linear(blk + "ffn_down", gate * torch.sigmoid(gate) * self.linear(blk + "ffn_up", h))

    def logits(self, ids, starts):
        x = self.parameters["token_embd.weight"][ids]
        for index in range(self.shape["layers"]):
            x = self.layer(index, x, starts)
        return self.linear("output", self.norm("output_norm", x))


def write(folder, shape):
    model = Model(shape)
    inputs, targets, weights, starts = batch(shape)
    loss, length = torch.zeros((), dtype=torch.float64), shape["length"]
    for row in range(shape["rows"]):
        part = slice(row * length, (row + 1) * length)
        logs = model.logits(torch.tensor(inputs[part]), starts[part]).log_softmax(-1)
        picked = logs[torch.arange(length), torch.tensor(targets[part])]
        loss = loss - (torch.tensor(weights[part], dtype=torch.float64) * picked).sum()
    loss.backward()
    lines = ["primer gradients 1"] + [f"{name} {value!r}".replace("'", "") for name, value in shape.items()]
    lines += [f"loss {loss.item()!r}", f"weight {sum(weights)!r}"]
    data = b""
    for name, rows, columns in tensors(shape):
        lines.append(f"tensor {name} {rows} {columns}")
        gradient = model.parameters[name].grad.flatten().tolist()
        data += struct.pack(f"<{len(gradient)}f", *gradient)
    with open(f"{folder}/{shape['architecture']}.golden", "wb") as file:
        file.write(("\n".join(lines) + "\ndata\n").encode() + data)


def main():
    common = {"vocabulary": 48, "context": 64, "embedding": 32, "layers": 2, "heads": 4}
    write(sys.argv[1], {"architecture": "phi2", **common, "kv_heads": 4, "head_dimensions": 8, "feed_forward": 64,
                        "rotary_dimensions": 4, "epsilon": 1e-5, "rope_base": 10000.0, "rows": 2, "length": 24})
    write(sys.argv[1], {"architecture": "llama", **common, "kv_heads": 2, "head_dimensions": 8, "feed_forward": 64,
                        "rotary_dimensions": 8, "epsilon": 1e-5, "rope_base": 10000.0, "rows": 2, "length": 24})


if __name__ == "__main__":
    main()
