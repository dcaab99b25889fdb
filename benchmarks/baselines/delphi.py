"""A transformer over first occurrences, trained to foretell which comes next and when (a Delphi-style objective).

The idea is that of the Delphi model (Shmatko and others, "Learning the natural history of human disease with
generative transformers", Nature 2025); this is a re-implementation of the idea from its description, not its code, and
has no affiliation with it. A life is the first time of each diagnosis, procedure, drug, allergy or immunisation, with
"nothing new" tokens in long silences; age takes the place of position. Every kind of token has a rate; the time to the
next day with something new is exponential with the sum of the rates. The outcomes of an evaluation are no tokens, so a
head for each is trained along, on what the transformer knows at the index day.

    python delphi.py TABLES OUT [--patients N]
"""

from dataclasses import dataclass

import neural
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

WIDTH, LAYERS, HEADS = 96, 3, 4
KINDS = ("COND|", "PROC|", "MED|", "ALLERGY|", "IMM|")
# A silence longer than this holds "nothing new" tokens, so that the model knows that time has passed.
SILENCE_YEARS = 3
# Weight of the objective beside the outcome heads.
OBJECTIVE = 0.05


@dataclass
class Life:
    """Tokens in order with their ages in years; then the questions: ages, and how many tokens are known by then."""

    token: np.ndarray
    age: np.ndarray
    asked_age: np.ndarray
    known: np.ndarray
    # Pairs of the objective: last token of a day, a token of the next day with one, weight, years between.
    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    wait: np.ndarray

    @property
    def length(self):
        return len(self.token) + len(self.asked_age)


def vocabulary(words):
    """Token of each key (-1: none). 0 pads, 1 and 2 are the sexes at birth, 3 is "nothing new"."""
    token = np.full(len(words.keys) + 1, -1)
    chosen = [place for place, key in enumerate(words.keys) if key.startswith(KINDS)]
    token[chosen] = 4 + np.arange(len(chosen))
    return token


def encode(words):
    """A function from a chart and its index days to a life."""
    tokens = vocabulary(words)

    def life(chart, days, female):
        until = chart.until(days.max()) if chart else 0
        token = tokens[chart.key[:until]] if until else np.zeros(0, int)
        found, first = np.unique(token, return_index=True)
        first = np.sort(first[found >= 0])
        day = chart.day[first] if until else np.zeros(0, int)
        token = np.r_[1 + int(female), token[first]]
        age = np.r_[0, np.maximum(day, 0)] / 365.25
        # A silence that reaches beyond the last index day is not known to be one.
        silences = [np.arange(a + SILENCE_YEARS, b, SILENCE_YEARS) for a, b in zip(age, np.r_[age[1:], days.max() / 365.25])]
        silences = np.concatenate(silences)
        token, age = np.r_[token, np.full(len(silences), 3)], np.r_[age, silences]
        order = np.argsort(age, kind="stable")
        token, age = token[order], age[order]
        asked_age = (days + 0.5) / 365.25
        # The objective: from the last token of each moment to all tokens of the next one.
        starts = np.flatnonzero(np.r_[True, age[1:] > age[:-1]])
        sizes = np.diff(np.r_[starts, len(age)])
        source = np.repeat(starts[1:] - 1, sizes[1:])
        target = np.arange(starts[1], len(age)) if len(starts) > 1 else np.zeros(0, int)
        weight = np.repeat(1 / sizes[1:], sizes[1:])
        wait = age[target] - age[source]
        known = np.searchsorted(age, asked_age, side="right")
        return Life(token, age, asked_age, known, source, token[target], weight, wait)

    return life


def of_age(age):
    """Sines and cosines of age, periods from a month to 200 years."""
    periods = torch.logspace(np.log10(1 / 12), np.log10(200), WIDTH // 2)
    angle = 2 * torch.pi * age[..., None] / periods
    return torch.cat([angle.sin(), angle.cos()], -1)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.before, self.after = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.mix, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.think = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH), nn.Dropout(0.1))
        self.drop = nn.Dropout(0.1)

    def forward(self, x, mask):
        lives, length, _ = x.shape
        parts = self.mix(self.before(x)).view(lives, length, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(*parts, attn_mask=mask[:, None])
        x = x + self.drop(self.out(mixed.transpose(1, 2).reshape(x.shape)))
        return x + self.think(self.after(x))


class Delphi(nn.Module):
    def __init__(self, words, base):
        super().__init__()
        self.outcomes = len(base)
        # The last token asks.
        self.tokens = 4 + (vocabulary(words) >= 0).sum()
        self.token = nn.Embedding(self.tokens + 1, WIDTH, padding_idx=0)
        nn.init.normal_(self.token.weight, std=0.1)
        self.age = nn.Linear(WIDTH, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        self.rates = nn.Parameter(torch.full((self.tokens,), -5.0))
        self.head = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.Dropout(0.2), nn.Linear(WIDTH, len(base)))
        nn.init.zeros_(self.head[-1].weight)
        self.head[-1].bias.data.copy_(base)

    def forward(self, lives):
        longest, most = max(len(life.token) for life in lives), max(len(life.known) for life in lives)
        token = torch.zeros(len(lives), longest + most, dtype=torch.long)
        age = torch.zeros(len(lives), longest + most)
        # A place sees itself; a token sees the tokens before it, a question the tokens known by its day.
        seen = torch.zeros(len(lives), longest + most, dtype=torch.long)
        for place, life in enumerate(lives):
            n, m = len(life.token), len(life.known)
            token[place, :n], token[place, longest : longest + m] = torch.from_numpy(life.token), self.tokens
            age[place, :n] = torch.from_numpy(life.age)
            age[place, longest : longest + m] = torch.from_numpy(life.asked_age)
            seen[place, :n], seen[place, longest : longest + m] = torch.arange(n), torch.from_numpy(life.known)
        at = torch.arange(longest + most)
        mask = (at < seen[..., None]) | (at == at[:, None])
        x = self.token(token) + self.age(of_age(age))
        for block in self.blocks:
            x = block(x, mask)
        x = self.norm(x)
        read = [x[place, longest : longest + len(life.known)] for place, life in enumerate(lives)]
        odds = self.head(torch.cat(read))
        return odds, OBJECTIVE * self.objective(x, lives) if self.training else 0.0

    def objective(self, x, lives):
        """Mean negative log likelihood of what comes next and when: competing exponentials."""
        who = np.concatenate([np.full(len(life.source), place) for place, life in enumerate(lives)])
        joined = lambda name: torch.from_numpy(np.concatenate([getattr(life, name) for life in lives]))
        moments, back = torch.unique(torch.stack([torch.from_numpy(who), joined("source")]), dim=1, return_inverse=True)
        log_rates = x[moments[0], moments[1]] @ self.token.weight[: self.tokens].T + self.rates
        weight = joined("weight").float()
        log_rate = log_rates[back, joined("target")]
        total = log_rates.logsumexp(1)[back].exp()
        return (weight * (total * joined("wait").float() - log_rate)).sum() / weight.sum()


if __name__ == "__main__":
    neural.train(Delphi, encode, neural.arguments(__doc__))
