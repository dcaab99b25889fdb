"""Day tokens per core-second: `prodrome train` beside PyTorch on the same processor, one thread each, in one run.

    python compare.py PRODROME DATASET TABLES

PRODROME is a release build, DATASET what `prodrome ingest` wrote, TABLES what `prodrome export` wrote of it. A day token is
a row of a batch: beginning, active day or read-out. Time is processor time of the process, so that a busy machine
changes little; the two alternate, twice.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from batches import pack, pieces, windows
from network import Network

OUTCOMES = 53 + 160
PER_STEP = 16
SECONDS = 40
CLOCK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(process):
    """User and system time of a running process."""
    fields = open(f"/proc/{process}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK


def prodrome(program, dataset, precision):
    """Tokens per processor second between the first and second line that training prints, a minute apart each."""
    with tempfile.TemporaryDirectory() as run:
        settings = Path(run) / "train.toml"
        # Long enough never to validate meanwhile.
        settings.write_text(f'[schedule]\nprecision = "{precision}"\nepochs = 1000\nvalidate_epochs = 1000\n')
        command = [program, "train", "--data", dataset, "--config", settings, "--run", run, "--threads", "1", *sys.argv[4:]]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        begun, marks = None, []
        try:
            for line in process.stderr:
                if "weights; step" in line:
                    begun = time.monotonic()
                found = re.search(r"(\d+) day tokens/s", line)
                if found and begun:
                    elapsed = time.monotonic() - begun
                    marks.append((int(found[1]) * elapsed, cpu_seconds(process.pid)))
                if len(marks) == 2:
                    break
        finally:
            process.kill()
            process.wait()
    (tokens_1, cpu_1), (tokens_2, cpu_2) = marks
    return (tokens_2 - tokens_1) / (cpu_2 - cpu_1)


class Trainer:
    """PyTorch with AdamW, clipping and averaged weights."""

    def __init__(self, keys, numbers, batches):
        self.network = Network(keys, numbers, OUTCOMES, pieces(keys, np.random.default_rng(0)))
        self.batches = batches
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.1)
        self.weights = list(self.network.parameters())
        self.average = [weight.detach().clone() for weight in self.weights]

    def step(self, batch, half):
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = self.network.loss(batch)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimiser.step()
        torch._foreach_lerp_(self.average, [weight.detach() for weight in self.weights], 0.005)
        return loss.item()

    def speed(self, half=False):
        """Tokens per processor second over about a minute of it."""
        for batch in self.batches[:5]:
            self.step(batch, half)
        begun, tokens, at = time.process_time(), 0, 0
        while time.process_time() - begun < SECONDS:
            batch = self.batches[at % len(self.batches)]
            tokens, at = tokens + batch.rows, at + 1
            assert np.isfinite(self.step(batch, half))
        return tokens / (time.process_time() - begun)


def bf16_in_hardware():
    flags = open("/proc/cpuinfo").read()
    return "avx512_bf16" in flags or "amx_bf16" in flags


def main():
    program, dataset, tables = sys.argv[1:4]
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    rng = np.random.default_rng(1)
    found, keys, numbers = windows(tables, "validation", rng)
    rng.shuffle(found)
    groups = [found[at : at + PER_STEP] for at in range(0, len(found) - PER_STEP + 1, PER_STEP)]
    batches = [pack(group, keys, OUTCOMES, rng) for group in groups]
    print(f"{len(batches)} batches, {np.mean([batch.rows for batch in batches]):.0f} day tokens each; torch {torch.__version__}")
    trainer = Trainer(keys, numbers, batches)
    weights = sum(weight.numel() for weight in trainer.weights)
    print(f"PyTorch: {weights} weights", flush=True)
    halves = (False, True) if bf16_in_hardware() else (False,)
    for turn in (1, 2):
        for half in halves:
            precision = "bf16" if half else "f32"
            ours, theirs = prodrome(program, dataset, precision), trainer.speed(half)
            print(
                f"turn {turn}, {precision}: prodrome {ours:.0f}, PyTorch {theirs:.0f} day tokens per core-second, "
                f"{ours / theirs:.2f} times as many",
                flush=True,
            )
    if not bf16_in_hardware():
        print("this processor has no bf16 arithmetic: not compared")


if __name__ == "__main__":
    main()
