"""What the neural baselines share: whole lives as batches, one loss over all outcomes, the best epoch by validation.

A model reads the life of a patient once and answers at every index day of it, seeing nothing later than that day.
"""

import argparse
import copy
import json
from pathlib import Path

import numpy as np
import torch
from tables import ACCEPTED, Tables, enough, mean_auroc, say, write_scores


def arguments(about):
    """The command line that every neural baseline has."""
    given = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("tables", help="folder that `prodrome export` wrote")
    given.add_argument("out", help="folder for the scores")
    given.add_argument("--patients", type=int, help="only the first N training patients (learning curves)")
    given.add_argument("--splits", nargs="+", default=["validation", "test"])
    given.add_argument("--epochs", type=int, default=12)
    given.add_argument("--patience", type=int, default=3, help="epochs without a better validation AUROC before it stops")
    given.add_argument("--rate", type=float, default=2e-3)
    given.add_argument("--batch", type=int, default=16, help="patients")
    given.add_argument("--threads", type=int, default=1)
    given.add_argument("--seed", type=int, default=1)
    return given.parse_args()


class Lives:
    """A split as one encoded life a patient, with the rows that ask about it."""

    def __init__(self, tables, split, encode):
        self.rows = tables.rows(split)
        charts = tables.charts(split)
        asked = {}
        for place, patient in enumerate(self.rows.patient):
            asked.setdefault(patient, []).append(place)
        self.asked = [np.array(places) for places in asked.values()]
        self.lives = [
            encode(charts.get(patient), self.rows.day[places], tables.sex[patient] == "female")
            for patient, places in zip(asked, self.asked)
        ]

    def batches(self, size, shuffle=None):
        """Patients of like length together: lists of places in `lives`."""
        order = np.argsort([life.length for life in self.lives], kind="stable")
        groups = [order[at : at + size] for at in range(0, len(order), size)]
        if shuffle is not None:
            shuffle.shuffle(groups)
        return groups


def answers(model, lives, size):
    """Probabilities, rows by outcomes."""
    model.eval()
    found = np.zeros((len(lives.rows), model.outcomes), np.float32)
    with torch.no_grad():
        for group in lives.batches(size):
            odds, _ = model([lives.lives[place] for place in group])
            found[np.concatenate([lives.asked[place] for place in group])] = odds.sigmoid().numpy()
    return found


def train(build, encode, given):
    """Trains `build(words, base_log_odds)` on lives made by `encode(words)` and writes the scores of each split.

    `model(lives)` gives log odds, rows by outcomes in the order of the lives' index days, and a loss of its own.
    """
    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    out = Path(given.out)
    out.mkdir(parents=True, exist_ok=True)
    tables = Tables(given.tables, given.patients)
    words = tables.vocabulary
    lives = {s: Lives(tables, s, encode(words)) for s in ["train", *dict.fromkeys(["validation", *given.splits])]}
    events = lambda task: [int((lives[split].rows.labels[task] == 1).sum()) for split in ("train", "validation")]
    tasks = [task for task in tables.columns if task in ACCEPTED or enough(events(task))]
    labels = np.stack([lives["train"].rows.labels[task] for task in tasks], 1)
    rates = np.clip((labels == 1).sum(0) / np.maximum((labels >= 0).sum(0), 1), 1e-4, 1 - 1e-4)
    model = build(words, torch.tensor(np.log(rates / (1 - rates)), dtype=torch.float32))
    say(f"{sum(p.numel() for p in model.parameters())} weights, {len(tasks)} outcomes, {len(labels)} rows")
    optimiser = torch.optim.AdamW(model.parameters(), lr=given.rate, weight_decay=0.05)
    steps = given.epochs * len(lives["train"].batches(given.batch))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, given.rate, steps, pct_start=0.1)
    shuffle, best, history = np.random.default_rng(given.seed), (0.0, 0, None), []
    for epoch in range(1, given.epochs + 1):
        model.train()
        losses = []
        for group in lives["train"].batches(given.batch, shuffle):
            odds, own = model([lives["train"].lives[place] for place in group])
            truth = torch.from_numpy(labels[np.concatenate([lives["train"].asked[place] for place in group])])
            known = truth >= 0
            loss = torch.nn.functional.binary_cross_entropy_with_logits(odds[known], truth[known].float())
            optimiser.zero_grad()
            (loss + own).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            losses.append((loss.item(), float(torch.as_tensor(own).detach())))
        found = answers(model, lives["validation"], given.batch)
        score = mean_auroc(lives["validation"].rows, dict(zip(tasks, found.T)))
        history.append({"epoch": epoch, "loss": np.mean(losses, 0).round(4).tolist(), "validation_auroc": round(score, 4)})
        say(history[-1])
        if score > best[0]:
            best = (score, epoch, copy.deepcopy(model.state_dict()))
        elif epoch - best[1] >= given.patience:
            break
    model.load_state_dict(best[2])
    for split in given.splits:
        found = answers(model, lives[split], given.batch)
        write_scores(out / f"scores-{split}.csv.gz", lives[split].rows, dict(zip(tasks, found.T)))
    (out / "report.json").write_text(json.dumps({"patients": len(tables.training), "epochs": history}, indent=1))
    say(f"mean validation AUROC over the accepted: {best[0]:.4f} at epoch {best[1]}")
