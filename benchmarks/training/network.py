"""Prodrome's transformer over active days, in PyTorch, with torch's own fused operations: only for its speed.

The same shapes, rows, losses and optimiser as `prodrome train`: days are sums of embeddings (keys with what they are
called, scaled numbers, knots), three pre-norm blocks with QK-norm and rotary time, read-outs that see a prefix of the
days and are seen by nobody, a next-day-set loss and a time-to-event loss, AdamW with clipping and averaged weights.
"""

import torch
from torch import nn
from torch.nn import functional as F

KNOTS, BINS, SCALARS, AGE_HATS, KINDS = 33, 8, 9, 10, 20


class Shape:
    """`config/train-s.toml`."""

    width, layers, heads, hidden, rank, context = 128, 3, 4, 320, 64, 128
    text_buckets, text_width = 8192, 64


def linear(inputs, outputs, bias=False):
    return nn.Linear(inputs, outputs, bias=bias)


def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        width, head = Shape.width, Shape.width // Shape.heads
        self.before, self.after = nn.RMSNorm(width), nn.RMSNorm(width)
        self.query_norm, self.key_norm = nn.RMSNorm(head), nn.RMSNorm(head)
        self.qkv, self.out = linear(width, 3 * width), linear(width, width)
        self.gate, self.back = linear(width, 2 * Shape.hidden), linear(Shape.hidden, width)
        self.drop = nn.Dropout(0.1)

    def forward(self, x, turns, mask, keys):
        lives, rows, width = x.shape
        q, k, v = self.qkv(self.before(x)).view(lives, rows, 3, Shape.heads, -1).permute(2, 0, 3, 1, 4)
        q, k = rotate(self.query_norm(q), *turns), rotate(self.key_norm(k), *turns)
        # Nobody sees a read-out: only beginning and days are keys.
        seen = F.scaled_dot_product_attention(q, k[:, :, :keys], v[:, :, :keys], attn_mask=mask)
        x = x + self.drop(self.out(seen.transpose(1, 2).reshape(lives, rows, width)))
        gate, value = self.gate(self.after(x)).chunk(2, -1)
        return x + self.drop(self.back(F.silu(gate) * value))


class Network(nn.Module):
    def __init__(self, keys, numbers, outcomes, pieces):
        super().__init__()
        width = Shape.width
        self.outcomes = outcomes
        self.key, self.kind = nn.Embedding(keys, width), nn.Embedding(KINDS, width)
        self.pieces = nn.EmbeddingBag(Shape.text_buckets, Shape.text_width, mode="mean")
        self.project = linear(Shape.text_width, width)
        self.scale = nn.EmbeddingBag(numbers, width, mode="sum")
        self.knots = nn.EmbeddingBag(numbers * KNOTS, width, mode="sum")
        self.day_norm, self.final, self.head_norm = (nn.RMSNorm(width) for _ in range(3))
        self.mix, self.scalars = linear(width, width), linear(SCALARS, width, True)
        self.blocks = nn.ModuleList(Block() for _ in range(Shape.layers))
        self.next_bias = nn.Parameter(torch.zeros(keys))
        self.head_mix = linear(width, width, True)
        self.state, self.outcome = linear(width, BINS * Shape.rank), linear(Shape.rank, outcomes)
        self.bias = nn.Parameter(torch.full((BINS, outcomes), -6.0))
        self.age_sex = linear(2 * AGE_HATS, outcomes)
        self.drop, self.head_drop = nn.Dropout(0.1), nn.Dropout(0.3)
        for table in (self.key, self.kind, self.scale, self.knots):
            nn.init.normal_(table.weight, std=0.02)
        # Text pieces and kind of every key: constant.
        for name, value in pieces.items():
            self.register_buffer(name, value)

    def known(self):
        text = self.project(self.pieces(self.key_pieces, self.key_starts))
        return self.key.weight + text, text + self.kind(self.key_kind)

    def forward(self, batch):
        known, fallback = self.known()
        sums = F.embedding_bag(batch.keys, torch.cat([known, fallback]), batch.key_starts, mode="sum")
        sums = sums + self.scale(batch.numbers, batch.number_starts, per_sample_weights=batch.values)
        sums = sums + self.knots(batch.knot_ids, batch.knot_starts, per_sample_weights=batch.shares)
        days = self.day_norm(sums)
        x = (days + self.mix(days) + self.scalars(batch.scalars))[batch.place]
        for block in self.blocks:
            x = block(x, batch.turns, batch.mask, batch.longest)
        states = self.final(x).flatten(0, 1)
        z = self.head_drop(self.head_norm(states[batch.read_outs]))
        z = z + self.head_drop(F.gelu(self.head_mix(z)))
        log_hazards = self.outcome(self.state(z).view(-1, BINS, Shape.rank)) + self.age_sex(batch.age_sex)[:, None] + self.bias
        return log_hazards, states[batch.after] @ known.T + self.next_bias

    def loss(self, batch):
        log_hazards, logits = self(batch)
        log_hazards = log_hazards.float().clamp(-16, 4)
        hazard = (log_hazards.exp() * batch.exposure - batch.event * log_hazards).sum((0, 1)) @ batch.weight
        # Each row's next day: all of its keys, equally.
        next_day = -(F.log_softmax(logits.float(), -1)[batch.next_row, batch.next_key] * batch.next_share).sum()
        return hazard / len(batch.read_outs) + next_day / len(batch.after)
