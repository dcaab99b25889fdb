"""Logistic regression on plain columns, all outcomes at once, one ridge for all, chosen on validation rows.

    python logistic.py TABLES OUT [--patients N] [--all]
"""

import argparse
import json
from pathlib import Path

import numpy as np
from features import LONG_AGO, PLAIN, features
from scipy.optimize import minimize
from tables import ACCEPTED, Tables, enough, mean_auroc, say, write_scores

# Penalty of a weight on a column of unit size; age and sex are free. The best by validation is kept.
RIDGES = (30, 100, 300, 1000)
PASSES = 80


class Scale:
    """Columns made linear, on the scale of the training rows."""

    def __init__(self, train, words):
        self.keys = len(words.keys)
        self.first_number = len(PLAIN) + 4 * self.keys
        numbers = train[:, self.first_number :]
        with np.errstate(all="ignore"):
            self.low, self.high = np.nanpercentile(numbers, [1, 99], axis=0)
            clipped = np.clip(numbers, self.low, self.high)
            self.middle = np.nan_to_num(np.nanmean(clipped, 0))
            self.spread = np.nan_to_num(np.nanstd(clipped, 0), nan=1) + 1e-6
        self.size = 1.0
        self.size = np.maximum(np.sqrt((self(train) ** 2).mean(0)), 0.1)

    def __call__(self, table):
        age, female = table[:, :1], table[:, 1:2]
        hats = np.maximum(0, 1 - abs(age - np.arange(30, 103, 8)) / 8)
        plain = np.log1p(np.maximum(table[:, 2 : len(PLAIN)], 0))
        counts = np.log1p(table[:, len(PLAIN) : len(PLAIN) + 3 * self.keys])
        recency = table[:, len(PLAIN) + 3 * self.keys : self.first_number]
        recency = np.where(recency > 0, np.exp((recency - LONG_AGO) / 365), 0)
        numbers = (np.clip(table[:, self.first_number :], self.low, self.high) - self.middle) / self.spread
        columns = [np.nan_to_num(numbers), plain, counts, recency]
        scaled = np.hstack(columns).astype(np.float32) / self.size
        return np.clip(scaled, -6, 6) if np.ndim(self.size) == 0 else np.hstack(
            [np.clip(scaled, -6, 6), hats * female, hats * (1 - female)]).astype(np.float32)  # fmt: skip


def fit(table, labels, ridge):
    """Weights, columns by outcomes; the last 20 columns (age and sex) are almost free."""
    known, truth = labels >= 0, (labels == 1).astype(np.float32)
    penalty = np.full((table.shape[1], 1), ridge, np.float32)
    penalty[-20:] = 1.0
    shape = (table.shape[1], labels.shape[1])
    start = np.zeros(shape, np.float32)
    rates = (truth * known).sum(0) / np.maximum(known.sum(0), 1)
    start[-20:] = np.log(np.clip(rates, 1e-4, 0.9))

    def loss(flat):
        weights = flat.reshape(shape).astype(np.float32)
        odds = table @ weights
        error = np.where(known, 1 / (1 + np.exp(-odds)) - truth, 0)
        value = np.where(known, np.logaddexp(0, odds) - truth * odds, 0).sum() + (penalty * weights**2).sum() / 2
        return float(value), (table.T @ error + penalty * weights).astype(np.float64).ravel()

    found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": PASSES, "maxcor": 6})
    return found.x.reshape(shape).astype(np.float32)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("tables", help="folder that `prodrome export` wrote")
    arguments.add_argument("out", help="folder for the scores")
    arguments.add_argument("--patients", type=int, help="only the first N training patients (learning curves)")
    arguments.add_argument("--all", action="store_true", help="every outcome with enough events, not only the accepted")
    arguments.add_argument("--splits", nargs="+", default=["validation", "test"])
    given = arguments.parse_args()
    out = Path(given.out)
    out.mkdir(parents=True, exist_ok=True)

    tables = Tables(given.tables, given.patients)
    rows, columns, scale = {}, {}, None
    for split in ["train", *dict.fromkeys(["validation", *given.splits])]:
        rows[split] = tables.rows(split)
        raw = features(rows[split], tables.charts(split), tables.sex, tables.vocabulary)
        scale = scale or Scale(raw, tables.vocabulary)
        columns[split] = scale(raw)
    events = lambda task: [int((rows[split].labels[task] == 1).sum()) for split in ("train", "validation")]
    tasks = [t for t in tables.columns if t in ACCEPTED or (given.all and enough(events(t)))]
    labels = np.stack([rows["train"].labels[task] for task in tasks], 1)
    best = (0.0, None, None)
    tried = {}
    for ridge in RIDGES:
        weights = fit(columns["train"], labels, ridge)
        tried[ridge] = mean_auroc(rows["validation"], dict(zip(tasks, (columns["validation"] @ weights).T)))
        say(f"ridge {ridge}: mean validation AUROC {tried[ridge]:.4f}")
        best = max(best, (tried[ridge], ridge, weights), key=lambda found: found[0])
    for split in given.splits:
        risks = 1 / (1 + np.exp(-(columns[split] @ best[2])))
        write_scores(out / f"scores-{split}.csv.gz", rows[split], dict(zip(tasks, risks.T)))
    (out / "report.json").write_text(json.dumps({"patients": len(tables.training), "ridges": tried}, indent=1))
    say(f"mean validation AUROC over the accepted: {best[0]:.4f} with ridge {best[1]}")


if __name__ == "__main__":
    main()
