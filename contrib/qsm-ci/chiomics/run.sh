#!/usr/bin/env bash
# Phase of the echoes (rad) to the susceptibility (ppm).
set -euo pipefail
IN="${1:-/input}"; OUT="${2:-/output}"
exec chiomics qsm run --phase "$IN/phase.nii.gz" --magnitude "$IN/magnitude.nii.gz" --mask "$IN/mask.nii.gz" \
  --params "$IN/params.json" --preset "${QSMCI_SET_PRESET:-default}" --reference "${QSMCI_SET_REFERENCE:-none}" \
  -o "$OUT/chimap.nii.gz" --no-progress
