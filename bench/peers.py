"""The script one would write from Prefect's and SendGrid's own pages, against ours: CPU of the sending process.

    python -m bench.peers [--messages 400]

A task per customer, and a task per 500 customers; compiled Jinja templates, the official client, one call each. The
letter, the sink and the machine are the same for all; neither the sink nor Prefect's server (a process of its own)
is counted, nor anybody's start.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import batched as _unused
