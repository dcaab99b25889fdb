"""Batches in the shapes of `prodrome train`: real days, keys and index days of an export; labels drawn.

Windows, read-outs and rows are counted as there: a beginning, up to 127 active days, up to 16 read-outs. What does not
change the cost is drawn at random: exposure and events, text pieces, knots.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from network import AGE_HATS, BINS, KINDS, KNOTS, SCALARS, Shape

sys.path.insert(0, str(Path(__file__).parent.parent / "baselines"))
from tables import Tables  # noqa: E402

READ_OUTS, NEXT_DAYS, KEY_DROPOUT = 16, 48, 0.1


class Batch:
    """Tensors of one step."""


def pieces(keys, rng):
    """About 25 text pieces for every key, as displays have."""
    sizes = rng.integers(10, 40, keys)
    return {
        "key_pieces": torch.from_numpy(rng.integers(0, Shape.text_buckets, sizes.sum())),
        "key_starts": torch.from_numpy(np.r_[0, np.cumsum(sizes)[:-1]]),
        "key_kind": torch.from_numpy(rng.integers(0, KINDS, keys)),
    }


def periods():
    """Half of the rotary pairs turn with the index of the day, half with days."""
    pairs = Shape.width // Shape.heads // 2
    return np.r_[np.geomspace(6.3, 2048, pairs // 2), np.geomspace(7, 36_525, pairs - pairs // 2)]


def windows(folder, split, rng):
    """(chart, first and last event, active days, read-out days) of every patient who is asked about."""
    tables = Tables(folder)
    words, charts, rows = tables.vocabulary, tables.charts(split), tables.rows(split)
    asked = {}
    for patient, day in zip(rows.patient, rows.day):
        asked.setdefault(patient, []).append(int(day))
    found = []
    for patient, days in asked.items():
        chart = charts[patient]
        anchor = int(rng.choice(days))
        active = np.unique(chart.day[: chart.until(anchor)])[-(Shape.context - 1) :]
        least = active[0] if len(active) < Shape.context - 1 else active[len(active) // 4]
        earlier = [day for day in days if least <= day < anchor]
        # The export has fewer index days a patient than training draws: repeat until the window has its read-outs.
        earlier = list(rng.choice(earlier, READ_OUTS - 1)) if earlier else []
        found.append((chart, active, sorted(map(int, [*earlier, anchor]))))
    return found, len(words.keys), len(words.numbers)


def entries(chart, active):
    """Day index, key, number (-1: none) and value of the window's events, each key once a day."""
    from_ = np.searchsorted(chart.day, active[0])
    until = chart.until(active[-1])
    day = np.searchsorted(active, chart.day[from_:until])
    key, number, value = chart.key[from_:until], chart.number[from_:until], chart.value[from_:until]
    keep = key >= 0
    _, first = np.unique(day[keep].astype(np.int64) * 1_000_000 + key[keep], return_index=True)
    return tuple(part[keep][first] for part in (day, key, number, value))


def pack(group, keys, outcomes, rng):
    """One batch of windows."""
    batch, turn = Batch(), 2 * np.pi / periods()
    key_rows, bags, number_rows, numbers, lives, after = [], [], [], [], [], []
    next_row, next_key, next_share = [], [], []
    rows = 0
    for place, (chart, active, read_outs) in enumerate(group):
        day, key, number, _ = entries(chart, active)
        hidden = rng.random(len(key)) < KEY_DROPOUT
        key_rows.append(rows + 1 + day), bags.append(key + keys * hidden)
        measured = number >= 0
        number_rows.append(rows + 1 + day[measured]), numbers.append(number[measured])
        n = 1 + len(active)
        seen = np.r_[1 : n + 1, [1 + np.searchsorted(active, day_, side="right") for day_ in read_outs]]
        when = np.r_[active[0], active, read_outs] - read_outs[-1]
        # (rows, pairs): index of the day for the first half, days for the second.
        by_index, by_day = np.outer(seen - 1, turn[: len(turn) // 2]), np.outer(when, turn[len(turn) // 2 :])
        lives.append((rows, n, len(seen), seen, np.hstack([by_index, by_day])))
        for source in rng.choice(len(active) - 1, min(NEXT_DAYS, len(active) - 1), replace=False) if len(active) > 1 else []:
            following = np.unique(key[day == source + 1])
            if len(following):
                next_row.append(np.full(len(following), len(after))), next_key.append(following)
                next_share.append(np.full(len(following), 1 / len(following)))
                after.append((place, 1 + source))
        rows += len(seen)
    batch.rows = rows
    longest_keys, most = max(life[1] for life in lives), max(life[2] - life[1] for life in lives)
    batch.longest = longest_keys
    length = longest_keys + most
    place = np.zeros((len(lives), length), np.int64)
    mask = np.zeros((len(lives), length, longest_keys), bool)
    angle = np.zeros((len(lives), 1, length, len(turn)), np.float32)
    read = []
    for life, (first, n, all_rows, seen, angles) in enumerate(lives):
        for to, part in ((0, slice(0, n)), (longest_keys, slice(n, all_rows))):
            size = part.stop - part.start
            place[life, to : to + size] = np.arange(first + part.start, first + part.stop)
            mask[life, to : to + size] = np.arange(longest_keys) < seen[part, None]
            angle[life, 0, to : to + size] = angles[part]
        read.append(life * length + longest_keys + np.arange(all_rows - n))
    mask[..., 0] = True
    order = lambda which: np.argsort(which, kind="stable")
    starts = lambda which: torch.from_numpy(np.searchsorted(which, np.arange(rows)))
    key_row, number_row = np.concatenate(key_rows), np.concatenate(number_rows)
    batch.keys = torch.from_numpy(np.concatenate(bags)[order(key_row)]).long()
    batch.key_starts = starts(np.sort(key_row))
    number = torch.from_numpy(np.concatenate(numbers)[order(number_row)]).long()
    batch.numbers, batch.number_starts = number, starts(np.sort(number_row))
    batch.values = torch.randn(len(number))
    lower, share = torch.randint(0, KNOTS - 1, (len(number),)), torch.rand(len(number))
    batch.knot_ids = torch.stack([number * KNOTS + lower, number * KNOTS + lower + 1], 1).reshape(-1)
    batch.knot_starts, batch.shares = batch.number_starts * 2, torch.stack([1 - share, share], 1).reshape(-1)
    batch.scalars, batch.place, batch.mask = torch.randn(rows, SCALARS), torch.from_numpy(place), torch.from_numpy(mask[:, None])
    batch.turns = torch.from_numpy(np.cos(angle)).float(), torch.from_numpy(np.sin(angle)).float()
    batch.read_outs = torch.from_numpy(np.concatenate(read))
    batch.age_sex = torch.rand(len(batch.read_outs), 2 * AGE_HATS)
    batch.exposure = torch.rand(len(batch.read_outs), BINS, outcomes)
    batch.event = (torch.rand_like(batch.exposure) < 0.01).float()
    batch.weight = torch.rand(outcomes)
    batch.after = torch.tensor([life * length + row for life, row in after])
    batch.next_row, batch.next_key = (torch.from_numpy(np.concatenate(part)).long() for part in (next_row, next_key))
    batch.next_share = torch.from_numpy(np.concatenate(next_share)).float()
    return batch
