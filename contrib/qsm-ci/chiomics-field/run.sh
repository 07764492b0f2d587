#!/usr/bin/env bash
# Phase of the echoes (rad) to the total field (ppm).
set -euo pipefail
IN="${1:-/input}"; OUT="${2:-/output}"
exec chiomics qsm field --phase "$IN/phase.nii.gz" --magnitude "$IN/magnitude.nii.gz" --mask "$IN/mask.nii.gz" \
  --params "$IN/params.json" -o "$OUT/totalfield.nii.gz" --no-progress
