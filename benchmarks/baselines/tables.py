"""The tables of `prodrome export`: who, what happened when, and the questions with their answers.

Everything a model may learn from the tables' form (which keys and numbers there are) is learned from training
patients. A chart is cut at the end of the index day by whoever reads it: `Chart.until`.
"""

import csv
import gzip
import io
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

# The 21 task-horizons of the headline, as in src/learning/evaluate/accepted.rs.
ACCEPTED = [f"{task}@365" for task in ("acute-admission", "death", "ed-visit-not-obstetric", "hospitalisation")] + [
    f"{task}@1825"
    for task in (
        "acute-admission", "anemia", "cancer-any", "ckd-3plus", "ckd-any", "colon-polyp", "death", "diabetes-any",
        "ed-visit-not-obstetric", "hospitalisation", "ischemic-heart-disease", "metabolic-syndrome", "obesity",
        "severe-anxiety", "start-insulin-or-metformin", "start-statin", "urinary-infection",
    )
]  # fmt: skip

# A key or number enters when this share of training patients has it (and at least 5 of them).
LEAST_SHARE = 0.01
# Outcomes with fewer training or validation events get no model. Accepted ones always do: a mean over others would
# not compare.
LEAST_EVENTS = (20, 10)

START = time.monotonic()


def say(*words):
    """A line with the time since the start, on the error stream."""
    print(f"{time.monotonic() - START:7.0f} s ", *words, file=sys.stderr, flush=True)


def enough(events):
    """Whether an outcome with so many training and validation events gets a model."""
    return all(found >= least for found, least in zip(events, LEAST_EVENTS))


@dataclass
class Vocabulary:
    """Keys (`COND|S:44054006`) and numbers (`OBS|L:4548-4 %`) that enough training patients have."""

    keys: list
    numbers: list


@dataclass
class Chart:
    """One life: events in order. `key` and `number` are places in the vocabulary, -1 where it has none."""

    day: np.ndarray
    key: np.ndarray
    number: np.ndarray
    value: np.ndarray

    def until(self, day):
        """How many events are known by the end of `day`."""
        return int(np.searchsorted(self.day, day, side="right"))


@dataclass
class Rows:
    """The questions of one split and, by column, 1, 0, or -1 for no answer."""

    patient: list
    day: np.ndarray
    labels: dict

    def __len__(self):
        return len(self.patient)


class Tables:
    """An export folder, with the first `patients` training patients (all without)."""

    def __init__(self, folder, patients=None):
        self.folder = Path(folder)
        if not (self.folder / "export.json").exists():
            sys.exit(f"{folder}: no export.json; was `prodrome export` run to its end?")
        self.about = json.loads((self.folder / "export.json").read_text())
        people = pl.read_csv(self.folder / "patients.csv")
        self.sex = dict(people.select("patient", "sex").iter_rows())
        train = people.filter(pl.col("split") == "train")["patient"].to_list()
        self.training = train if patients is None else train[:patients]
        self._vocabulary = None

    @property
    def columns(self):
        """Accepted ones first, then the others."""
        return [c for c in ACCEPTED if c in self.about["columns"]] + [
            c for c in self.about["columns"] if c not in ACCEPTED
        ]

    def rows(self, split):
        table = pl.read_csv(self.folder / f"rows-{split}.csv.gz", infer_schema_length=0)
        if split == "train":
            table = table.filter(pl.col("patient").is_in(self.training))
        label = lambda name: table[name].cast(pl.Int8).fill_null(-1).to_numpy()
        labels = {name: label(name) for name in self.about["columns"]}
        return Rows(table["patient"].to_list(), table["day"].cast(pl.Int32).to_numpy(), labels)

    def _events(self, split):
        kinds = {"patient": pl.Categorical, "day": pl.Int32, "key": pl.Categorical}
        kinds |= {"number": pl.Float32, "unit": pl.Categorical}
        events = pl.read_csv(self.folder / f"events-{split}.csv.zst", schema=kinds)
        if split == "train" and len(self.training) < self.about["splits"]["train"]["patients"]:
            events = events.filter(pl.col("patient").cast(pl.String).is_in(self.training))
        measured = pl.col("number").is_not_null()
        name = pl.concat_str(pl.col("key").cast(pl.String), pl.col("unit").cast(pl.String).fill_null(""), separator=" ")
        return events.with_columns(pl.when(measured).then(name).cast(pl.Categorical).alias("measure"))

    def _learn(self, events):
        enough = max(5, LEAST_SHARE * len(self.training))

        def common(column):
            counts = events.drop_nulls(column).group_by(column).agg(pl.col("patient").n_unique().alias("n"))
            return sorted(counts.filter(pl.col("n") >= enough)[column].cast(pl.String).to_list())

        self._vocabulary = Vocabulary(common("key"), common("measure"))
        say(f"{len(self.training)} training patients: {len(self._vocabulary.keys)} keys, "
            f"{len(self._vocabulary.numbers)} numbers")  # fmt: skip

    @property
    def vocabulary(self):
        if self._vocabulary is None:
            self._learn(self._events("train"))
        return self._vocabulary

    def charts(self, split):
        """Every life of a split, by pseudonym."""
        events = self._events(split)
        if self._vocabulary is None and split == "train":
            self._learn(events)
        words = self.vocabulary

        def places(column, known):
            table = pl.DataFrame({column: known, f"{column}_place": np.arange(len(known), dtype=np.int32)})
            return table.with_columns(pl.col(column).cast(pl.Categorical))

        events = events.join(places("key", words.keys), on="key", how="left", maintain_order="left")
        events = events.join(places("measure", words.numbers), on="measure", how="left", maintain_order="left")
        day, value = events["day"].to_numpy(), events["number"].fill_null(float("nan")).to_numpy()
        key = events["key_place"].fill_null(-1).to_numpy()
        number = events["measure_place"].fill_null(-1).to_numpy()
        names = events["patient"].to_physical().to_numpy()
        starts = np.flatnonzero(np.r_[True, names[1:] != names[:-1]])
        ends = np.r_[starts[1:], len(names)]
        who = events["patient"].gather(starts).cast(pl.String).to_list()
        say(f"{split}: {len(names)} events of {len(who)} patients")
        return {
            name: Chart(day[a:b], key[a:b], number[a:b], value[a:b]) for name, a, b in zip(who, starts, ends)
        }


def write_scores(path, rows, scores):
    """`scores-SPLIT.csv.gz`: a probability for every row and column."""
    names = list(scores)
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(["patient", "day", *names])
    cells = np.column_stack([scores[name] for name in names])
    for patient, day, row in zip(rows.patient, rows.day, cells):
        out.writerow([patient, int(day), *(f"{score:.6g}" for score in row)])
    with gzip.open(path, "wt", compresslevel=6) as file:
        file.write(text.getvalue())
    say(f"{len(names)} columns written to {path}")


def auroc(labels, scores):
    """The chance that a row with the event scores above one without, ties counting half."""
    order = np.argsort(scores, kind="stable")
    _, first, counts = np.unique(scores[order], return_index=True, return_counts=True)
    ranks = np.empty(len(scores))
    ranks[order] = np.repeat(first + (counts + 1) / 2, counts)
    events = labels == 1
    n, m = events.sum(), (~events).sum()
    return (ranks[events].sum() - n * (n + 1) / 2) / (n * m) if n and m else float("nan")


def mean_auroc(rows, scores):
    """Mean AUROC over the accepted columns with an event and a non-event; over all where the tables hold none of them."""
    found = []
    for task in [task for task in ACCEPTED if task in scores] or list(scores):
        answered = rows.labels[task] >= 0
        found.append(auroc(rows.labels[task][answered], scores[task][answered]))
    return float(np.nanmean(found))
