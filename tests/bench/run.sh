#!/bin/bash
# Figures, as ratios within one run; see run.py.
set -euo pipefail
exec /usr/bin/python3 "$(dirname "$0")/run.py" "$@"
