"""LightGBM on plain columns: one model per outcome and horizon, the mean of two ensembles.

The first ensemble starts from nothing, the second from what age and sex say. Both stop early on validation rows.
Settings were chosen once, on validation patients of the synthetic cohort.

    python trees.py TABLES OUT [--patients N] [--all | --tasks TASK@DAYS ...] [--splits validation test]

writes OUT/scores-SPLIT.csv.gz and prints the validation AUROC.
"""

import argparse
import json
from pathlib import Path

import lightgbm
import numpy as np
from features import features
from sklearn.linear_model import LogisticRegression
from tables import ACCEPTED, Tables, auroc, enough, say, write_scores

SHARED = {
    "objective": "binary",
    "metric": "binary_logloss",
    "verbose": -1,
    "min_child_samples": 40,
    "feature_fraction": 0.1,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5,
    "max_bin": 31,
    "min_data_in_bin": 5,
    "feature_pre_filter": False,
    "force_col_wise": True,
}
ENSEMBLES = [
    {"learning_rate": 0.05, "num_leaves": 15, "seed": 1, "from_age_and_sex": False},
    {"learning_rate": 0.06, "num_leaves": 7, "seed": 2, "from_age_and_sex": True},
]
ROUNDS = 600
PATIENCE = 30
# Columns that hardly any training row has: share of rows, and rows.
RARE_SHARE, RARE_ROWS = 1 / 150, 20


def age_and_sex(table):
    """Hats of age, 8 years apart from 30, for each sex."""
    hats = np.maximum(0, 1 - abs(table[:, :1] - np.arange(30, 103, 8)) / 8)
    female = table[:, 1:2]
    return np.hstack([hats * female, hats * (1 - female)])


class Booster:
    """Training and validation rows, cut into bins once for all outcomes."""

    def __init__(self, train, validation, kept, threads):
        self.kept, self.threads = kept, threads
        self.table, self.stop_table = train, validation
        self.train = lightgbm.Dataset(train[:, kept], free_raw_data=False, params=SHARED).construct()
        self.stop = lightgbm.Dataset(validation[:, kept], reference=self.train, free_raw_data=False).construct()

    def part(self, data, labels, start):
        """The rows with an answer, with their labels and, if any, their starting log odds."""
        answered = np.flatnonzero(labels >= 0)
        part = data.subset(answered.tolist()).construct()
        part.set_label(labels[answered])
        if start is not None:
            part.set_init_score(start[answered])
        return part

    def fit(self, labels, stop_labels, settings):
        """A function from tables to probabilities, and the number of trees."""
        settings = dict(settings)
        start = stop_start = before = None
        if settings.pop("from_age_and_sex"):
            answered = labels >= 0
            before = LogisticRegression(C=1.0, max_iter=500)
            before.fit(age_and_sex(self.table[answered]), labels[answered])
            start = before.decision_function(age_and_sex(self.table))
            stop_start = before.decision_function(age_and_sex(self.stop_table))
            settings["boost_from_average"] = False
        booster = lightgbm.train(
            SHARED | settings | {"num_threads": self.threads},
            self.part(self.train, labels, start),
            ROUNDS,
            valid_sets=[self.part(self.stop, stop_labels, stop_start)],
            callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
        )

        def risks(table):
            odds = booster.predict(table[:, self.kept], raw_score=True)
            odds += 0 if before is None else before.decision_function(age_and_sex(table))
            return 1 / (1 + np.exp(-odds))

        return risks, booster.best_iteration


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("tables", help="folder that `prodrome export` wrote")
    arguments.add_argument("out", help="folder for the scores")
    arguments.add_argument("--patients", type=int, help="only the first N training patients (learning curves)")
    arguments.add_argument("--all", action="store_true", help="every outcome with enough events, not only the accepted")
    arguments.add_argument("--tasks", nargs="+", metavar="TASK@DAYS", help="only these")
    arguments.add_argument("--splits", nargs="+", default=["validation", "test"])
    arguments.add_argument("--threads", type=int, default=1)
    given = arguments.parse_args()
    out = Path(given.out)
    out.mkdir(parents=True, exist_ok=True)

    tables = Tables(given.tables, given.patients)
    rows, columns = {}, {}
    for split in ["train", *dict.fromkeys(["validation", *given.splits])]:
        rows[split] = tables.rows(split)
        columns[split] = features(rows[split], tables.charts(split), tables.sex, tables.vocabulary)
    filled = ((columns["train"] != 0) & ~np.isnan(columns["train"])).sum(0)
    kept = filled >= max(RARE_ROWS, RARE_SHARE * len(rows["train"]))
    kept[:2] = True
    say(f"{len(rows['train'])} training rows, {kept.sum()} of {len(kept)} columns")
    booster = Booster(columns["train"], columns["validation"], kept, given.threads)

    scores = {split: {} for split in given.splits}
    report = {}
    for task in given.tasks or (tables.columns if given.all else ACCEPTED):
        labels, stop_labels = rows["train"].labels[task], rows["validation"].labels[task]
        events = [int((each == 1).sum()) for each in (labels, stop_labels)]
        if task not in ACCEPTED and not enough(events):
            continue
        fitted = [booster.fit(labels, stop_labels, settings) for settings in ENSEMBLES]
        risks = {split: np.mean([fit(columns[split]) for fit, _ in fitted], 0) for split in {"validation", *given.splits}}
        for split in given.splits:
            scores[split][task] = risks[split]
        answered = stop_labels >= 0
        found = auroc(stop_labels[answered], risks["validation"][answered])
        report[task] = {"events": events, "trees": [trees for _, trees in fitted], "validation_auroc": round(found, 4)}
        say(f"{task}: {events[0]} events, {report[task]['trees']} trees, validation AUROC {found:.3f}")
    for split in given.splits:
        write_scores(out / f"scores-{split}.csv.gz", rows[split], scores[split])
    (out / "report.json").write_text(json.dumps({"patients": len(tables.training), "tasks": report}, indent=1))
    accepted = [report[task]["validation_auroc"] for task in ACCEPTED if task in report]
    if accepted:
        say(f"mean validation AUROC over {len(accepted)} accepted: {np.mean(accepted):.4f}")


if __name__ == "__main__":
    main()
