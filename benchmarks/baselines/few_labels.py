"""LightGBM and logistic regression on the few labels that `prodrome probe` drew.

For each draw (an outcome, a horizon, so many labels, a repeat) both learn from exactly the labelled patients and days of
DRAWS and nothing else: scales and binning come from the labelled rows, unlabelled patients only say which codes there
are. Settings are for tens of rows and were chosen beforehand, the same for every draw: small trees, few rows a leaf,
strong regularisation, a fixed number of rounds, since there is nobody to stop on.

    python few_labels.py TABLES DRAWS OUT [--split validation] [--threads N]

TABLES: folder that `prodrome export` wrote with the seed of the probe; DRAWS: draws.csv of the probe. Writes
OUT/lightgbm-SPLIT.csv.gz and OUT/logistic-SPLIT.csv.gz with a column `TASK@DAYS/LABELS/REPEAT` per draw, for
`prodrome probe --beside LightGBM=OUT/lightgbm-SPLIT.csv.gz`.
"""

import argparse
import sys
from pathlib import Path

import lightgbm
import numpy as np
import polars as pl
from features import LONG_AGO, PLAIN, features
from sklearn.linear_model import LogisticRegression
from tables import Rows, Tables, say, write_scores

ROUNDS = 60
TREES = {
    "objective": "binary",
    "verbose": -1,
    "seed": 1,
    "learning_rate": 0.1,
    "num_leaves": 4,
    "max_depth": 2,
    "min_sum_hessian_in_leaf": 0.1,
    "lambda_l2": 3,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.9,
    "bagging_freq": 1,
    "max_bin": 15,
    "min_data_in_bin": 1,
    "feature_pre_filter": False,
    "force_col_wise": True,
    "deterministic": True,
}
# Fewest labelled rows in a leaf: a twentieth of them, two at least.
LEAF_SHARE, LEAST_LEAF = 0.05, 2
# Inverse ridge on standardised columns over their number: the prior variance of the log odds that all together give.
STRENGTH = 1.0


def read_draws(path):
    """Labelled rows by (task, labels, repeat): patients, days, events."""
    table = pl.read_csv(path, schema_overrides={"patient": pl.String})
    if not len(table):
        sys.exit(f"{path}: no draw")
    return {
        (f"{outcome}@{days}", labels, repeat): part
        for (outcome, days, labels, repeat), part in table.group_by(
            "outcome", "horizon_days", "labels", "repeat", maintain_order=True
        )
    }


def labelled_rows(draws):
    """Each labelled patient and day once."""
    once = pl.concat(draws.values()).select("patient", "day").unique(maintain_order=True)
    return Rows(once["patient"].to_list(), once["day"].cast(pl.Int32).to_numpy(), {})


def linear(table, keys):
    """Columns on which a straight line makes sense: logs of counts, recency that fades over a year, plain numbers."""
    table = table.astype(np.float32)
    first_number = len(PLAIN) + 4 * keys
    counts = slice(2, len(PLAIN) + 3 * keys)
    table[:, counts] = np.log1p(np.maximum(table[:, counts], 0))
    recency = table[:, len(PLAIN) + 3 * keys : first_number]
    table[:, len(PLAIN) + 3 * keys : first_number] = np.where(recency > 0, np.exp((recency - LONG_AGO) / 365), 0)
    return table


class Standard:
    """Columns on the scale of the labelled rows; a missing number is their mean, a constant column says nothing."""

    def __init__(self, table):
        known = ~np.isnan(table)
        n = np.maximum(known.sum(0), 1)
        self.middle = np.where(known, table, 0).sum(0) / n
        self.spread = np.sqrt(np.where(known, (table - self.middle) ** 2, 0).sum(0) / n)
        self.kept = self.spread > 1e-6

    def __call__(self, table):
        scaled = (table[:, self.kept] - self.middle[self.kept]) / self.spread[self.kept]
        return np.clip(np.nan_to_num(scaled), -4, 4)


def boosted(table, events, judged, threads):
    """Probabilities of the judged rows by small trees."""
    leaf = max(LEAST_LEAF, int(LEAF_SHARE * len(events)))
    settings = TREES | {"min_data_in_leaf": leaf, "num_threads": threads}
    # A column that is the same for all labelled rows cannot be split on.
    filled = np.nan_to_num(table, nan=-1e9)
    kept = np.flatnonzero((filled != filled[0]).any(0))
    data = lightgbm.Dataset(table[:, kept], events, params=settings)
    return lightgbm.train(settings, data, ROUNDS).predict(judged[:, kept])


def regressed(table, events, judged):
    """Probabilities of the judged rows by a ridge regression."""
    scale = Standard(table)
    known = scale(table)
    model = LogisticRegression(C=STRENGTH / max(known.shape[1], 1), max_iter=1000)
    return model.fit(known, events).predict_proba(scale(judged))[:, 1]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("tables", help="folder that `prodrome export` wrote")
    arguments.add_argument("draws", help="draws.csv that `prodrome probe` wrote")
    arguments.add_argument("out", help="folder for the scores")
    arguments.add_argument("--split", default="validation", help="the split that the probe judges on")
    arguments.add_argument("--threads", type=int, default=1)
    given = arguments.parse_args()
    out = Path(given.out)
    out.mkdir(parents=True, exist_ok=True)

    tables, draws = Tables(given.tables), read_draws(given.draws)
    rows = labelled_rows(draws)
    place = {row: number for number, row in enumerate(zip(rows.patient, rows.day.tolist()))}
    columns = features(rows, tables.charts("train"), tables.sex, tables.vocabulary)
    judged_rows = tables.rows(given.split)
    judged = features(judged_rows, tables.charts(given.split), tables.sex, tables.vocabulary)
    keys = len(tables.vocabulary.keys)
    straight, judged_straight = linear(columns, keys), linear(judged, keys)
    say(f"{len(draws)} draws from {len(rows)} labelled rows, {len(judged_rows)} rows to score")

    scores = {"lightgbm": {}, "logistic": {}}
    for number, ((task, labels, repeat), part) in enumerate(draws.items()):
        where = [place[row] for row in zip(part["patient"].to_list(), part["day"].to_list())]
        events = part["event"].to_numpy()
        name = f"{task}/{labels}/{repeat}"
        if events.min() == events.max():
            sys.exit(f"{name}: all labels are alike")
        scores["lightgbm"][name] = boosted(columns[where], events, judged, given.threads)
        scores["logistic"][name] = regressed(straight[where], events, judged_straight)
        if number % 100 == 99:
            say(f"{number + 1} of {len(draws)} draws")
    for model, columns_of in scores.items():
        write_scores(out / f"{model}-{given.split}.csv.gz", judged_rows, columns_of)


if __name__ == "__main__":
    main()
