#!/usr/bin/env bash
# Local field (ppm) to the susceptibility (ppm).
set -euo pipefail
IN="${1:-/input}"; OUT="${2:-/output}"
exec chiomics qsm invert "$IN/localfield.nii.gz" --mask "$IN/mask.nii.gz" --params "$IN/params.json" \
  --inversion "${QSMCI_SET_INVERSION:-tv}" -o "$OUT/chimap.nii.gz" --no-progress
