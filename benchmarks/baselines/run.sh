#!/usr/bin/env bash
# Exports a dataset, trains every baseline on it, and puts our model beside them.
# ./run.sh PRODROME DATASET OUT [LABELS]     LABELS: folder with SPLIT.csv.gz; a split without a file has its days drawn
# PYTHON (python3), MODELS (trees logistic gru delphi) and MODEL (our package, models/prodrome-s) may be set.
set -euo pipefail
prodrome=$1 dataset=$2 out=$3 labels=${4:-}
here=$(dirname "$(realpath "$0")")
mkdir -p "$out"
given=() judged=()
if [[ -n $labels ]]; then
    for split in train validation calibration test; do
        if [[ -f $labels/$split.csv.gz ]]; then given+=(--labels "$split=$labels/$split.csv.gz"); fi
    done
    if [[ -f $labels/test.csv.gz ]]; then judged+=(--labels "$labels/test.csv.gz"); fi
    if [[ -f $labels/train.csv.gz ]]; then judged+=(--train-labels "$labels/train.csv.gz"); fi
fi
"$prodrome" export --data "$dataset" --out "$out/tables" "${given[@]}"
beside=()
for model in ${MODELS:-trees logistic gru delphi}; do
    "${PYTHON:-python3}" "$here/$model.py" "$out/tables" "$out/$model"
    beside+=(--beside "$model=$out/$model/scores-test.csv.gz")
done
"$prodrome" evaluate --model "${MODEL:-$here/../../models/prodrome-s}" --data "$dataset" --out "$out/evaluation" "${judged[@]}" "${beside[@]}"
