#!/usr/bin/env python3
"""Chooses single patients out of what make.py made, one file each, as `prodrome demo` shows them.

  choose.py out/                      lists the patients: id, age, sex, resources, problems
  choose.py out/ demo/patients ID ... writes ID.ndjson.zst for each: the Patient first, then everything else by type
"""

import argparse
import collections
import json
import subprocess
import sys
from pathlib import Path

from clean import LETTERS, subject


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="a folder that make.py wrote")
    parser.add_argument("out", type=Path, nargs="?", help="folder for the chosen patients")
    parser.add_argument("ids", nargs="*", metavar="ID", help="whom to choose")
    wanted = parser.parse_args()
    people = collections.defaultdict(list)
    for chunk in sorted(path for path in wanted.source.iterdir() if path.is_dir()):
        read_chunk(chunk, people)
    if wanted.out is None:
        for name, rows in people.items():
            print(described(name, rows))
        return
    missing = set(wanted.ids) - set(people)
    if missing:
        sys.exit(f"not in {wanted.source}: {', '.join(sorted(missing))}")
    wanted.out.mkdir(parents=True, exist_ok=True)
    for name in wanted.ids:
        write(wanted.out / f"{name}.ndjson.zst", people[name])


def read_chunk(chunk, people):
    """Adds every row to its person; a Medication goes to everyone whose rows refer to it."""
    medications, users = {}, collections.defaultdict(dict)
    for kind in LETTERS:
        for line in lines(chunk / f"{kind}.ndjson.zst"):
            row = json.loads(line)
            if kind == "Medication":
                medications[f"Medication/{row['id']}"] = line
                continue
            name = row["id"] if kind == "Patient" else subject(row).partition("/")[2]
            people[name].append((kind, row, line))
            if "medicationReference" in row:
                users[name][row["medicationReference"]["reference"]] = None
    for name, references in users.items():
        people[name] += [("Medication", json.loads(medications[key]), medications[key]) for key in references]


def lines(path):
    if path.exists():
        yield from subprocess.run(["zstdcat", "--long=27", str(path)], check=True, capture_output=True).stdout.splitlines()


def described(name, rows):
    patient = rows[0][1]
    problems = [
        row["code"]["text"].removesuffix(" (disorder)")
        for kind, row, _ in rows
        if kind == "Condition" and "abatementDateTime" not in row and row["code"]["text"].endswith("(disorder)")
    ]
    end = patient.get("deceasedDateTime", "2026")
    age = int(end[:4]) - int(patient["birthDate"][:4])
    died = " died" if "deceasedDateTime" in patient else ""
    return f"{name} {age}{died} {patient['gender'][0]} {len(rows)} {'; '.join(dict.fromkeys(problems))}"


def write(path, rows):
    order = {kind: place for place, kind in enumerate(LETTERS)}
    rows = sorted(rows, key=lambda row: order[row[0]])
    text = b"".join(line + b"\n" for _, _, line in rows)
    subprocess.run(["zstd", "-q", "-19", "--long=27", "-f", "-o", str(path)], input=text, check=True)


if __name__ == "__main__":
    main()
