"""A GRU over active days: each day is the sum of its keys' embeddings and of its standardised numbers.

    python gru.py TABLES OUT [--patients N]
"""

from dataclasses import dataclass

import neural
import numpy as np
import torch
from torch import nn

WIDTH = 128
# Active days before the last index day that are read.
MOST_DAYS = 400


@dataclass
class Life:
    """Days in order, their keys and numbers one after the other, and where each day's begin."""

    keys: np.ndarray
    key_starts: np.ndarray
    numbers: np.ndarray
    values: np.ndarray
    number_starts: np.ndarray
    # Per day: age in centuries, log years since the day before, female, log number of keys.
    scalars: np.ndarray
    # Per index day: days known by then, and the scalars of the question.
    known: np.ndarray
    asked: np.ndarray

    @property
    def length(self):
        return len(self.scalars)


def standardised(chart, until):
    """Values on a scale that needs no statistics: sign and logarithm."""
    value = chart.value[:until]
    return (np.sign(value) * np.log1p(np.abs(value))).astype(np.float32)


def encode(words):
    """A function from a chart and its index days to a life."""

    def life(chart, days, female):
        until = chart.until(days.max()) if chart else 0
        day = chart.day[:until] if chart else np.zeros(0, np.int32)
        active = np.unique(day)[-MOST_DAYS:]
        first = np.searchsorted(day, active[0]) if len(active) else 0
        place = np.searchsorted(active, day[first:])
        key = chart.key[first:until] if chart else day
        # A key counts once a day.
        once = np.unique(np.stack([place[key >= 0], key[key >= 0]]), axis=1) if len(day) else np.zeros((2, 0), int)
        number = chart.number[first:until] if chart else day
        measured = number >= 0
        value = standardised(chart, until)[first:][measured] if chart else np.zeros(0, np.float32)
        starts = lambda which: np.searchsorted(which, np.arange(len(active)))
        gap = np.diff(active, prepend=active[:1])
        scalars = np.stack([
            active / 36_525, np.log1p(gap / 365.25), np.full(len(active), female),
            np.log1p(np.bincount(once[0], minlength=len(active))) / 4,
        ], 1)  # fmt: skip
        known = np.searchsorted(active, days, side="right")
        last = np.where(known > 0, active[np.maximum(known - 1, 0)], 0) if len(active) else np.zeros(len(days))
        asked = np.stack([days / 36_525, np.log1p((days - last) / 365.25), np.full(len(days), female)], 1)
        return Life(
            once[1], starts(once[0]), number[measured], value, starts(place[measured]),
            scalars.astype(np.float32), known, asked.astype(np.float32),
        )  # fmt: skip

    return life


class Gru(nn.Module):
    def __init__(self, words, base):
        super().__init__()
        self.outcomes = len(base)
        self.key = nn.EmbeddingBag(len(words.keys), WIDTH, mode="sum")
        self.number = nn.EmbeddingBag(2 * len(words.numbers), WIDTH, mode="sum")
        for table in (self.key, self.number):
            nn.init.normal_(table.weight, std=0.1)
        self.scalar = nn.Linear(4, WIDTH)
        self.norm = nn.LayerNorm(WIDTH)
        self.gru = nn.GRU(WIDTH, WIDTH, batch_first=True)
        self.drop = nn.Dropout(0.3)
        self.head = nn.Sequential(nn.Linear(WIDTH + 3, WIDTH), nn.GELU(), nn.Dropout(0.2), nn.Linear(WIDTH, len(base)))
        nn.init.zeros_(self.head[-1].weight)
        self.head[-1].bias.data.copy_(base)

    def days(self, life):
        """Days by width."""
        tensor = torch.from_numpy
        keys = self.key(tensor(life.keys).long(), tensor(life.key_starts).long())
        # Each number has an embedding for being measured and one that its value scales.
        ids = tensor(life.numbers).long()
        ones = torch.ones(len(ids))
        pairs, scales = torch.stack([2 * ids, 2 * ids + 1], 1), torch.stack([ones, tensor(life.values)], 1)
        starts = tensor(life.number_starts).long() * 2
        numbers = self.number(pairs.reshape(-1), starts, per_sample_weights=scales.reshape(-1))
        return self.norm(keys + numbers + self.scalar(tensor(life.scalars)))

    def forward(self, lives):
        padded = nn.utils.rnn.pad_sequence([self.days(life) for life in lives], batch_first=True)
        states, _ = self.gru(self.drop(padded))
        states = nn.functional.pad(states, (0, 0, 1, 0))  # before the first day
        read = [states[place, torch.from_numpy(life.known)] for place, life in enumerate(lives)]
        asked = torch.from_numpy(np.concatenate([life.asked for life in lives]))
        return self.head(torch.cat([self.drop(torch.cat(read)), asked], 1)), 0.0


if __name__ == "__main__":
    neural.train(Gru, encode, neural.arguments(__doc__))
