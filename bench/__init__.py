"""Measurements, one BLAS thread as on the command line: a waiting one counts as CPU."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
