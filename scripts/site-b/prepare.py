#!/usr/bin/env python3
"""Make site B ready for `prodrome ingest --split-by-folder`: every patient a test patient, no CPT code.

Site B is another hospital, simulated by another generator (clinosim, MIT) with other codes and habits. CPT codes are
the property of the American Medical Association and are dropped; a Procedure keeps its other codes and its text.

    python3 -m venv venv && venv/bin/pip install clinosim==0.6.5
    venv/bin/clinosim simulate --country US --population 400 --seed 43 --start 2020-01-01 --end 2025-01-01 \
        --format fhir-r4 -o site-b
    python3 scripts/site-b/prepare.py site-b/fhir_r4 site-b/ready
    prodrome ingest site-b/ready --split-by-folder --export-date 2025-01-01 --audit --out site-b/dataset
    prodrome evaluate --foreign --data site-b/dataset --phenotypes config/phenotypes.toml --out site-b/evaluation
"""

import json
import pathlib
import sys

CPT = "http://www.ama-assn.org/go/cpt"


def without_cpt(value):
    """The same JSON without CPT codings."""
    if isinstance(value, list):
        kept = [item for item in value if not (isinstance(item, dict) and item.get("system") == CPT)]
        return [without_cpt(item) for item in kept]
    if isinstance(value, dict):
        return {name: without_cpt(inner) for name, inner in value.items()}
    return value


def main(source, target):
    folder = pathlib.Path(target) / "test"
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(pathlib.Path(source).glob("*.ndjson")):
        with path.open(encoding="utf-8") as lines, (folder / path.name).open("w", encoding="utf-8") as out:
            for line in lines:
                out.write(json.dumps(without_cpt(json.loads(line)), separators=(",", ":")) + "\n" if CPT in line else line)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
