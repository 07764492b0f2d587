#!/usr/bin/env bash
# Total field (ppm) to the local field (ppm).
set -euo pipefail
IN="${1:-/input}"; OUT="${2:-/output}"
exec chiomics qsm background "$IN/totalfield.nii.gz" --mask "$IN/mask.nii.gz" --params "$IN/params.json" \
  --method "${QSMCI_SET_METHOD:-pdf}" -o "$OUT/localfield.nii.gz" --no-progress
