"""The child process in which templates are looked at, started by db.confined.

Requests come as one JSON list on standard input, answers go as one to standard output. Each request has a process
of its own, forked from this one, which has one thread and no secret: it may take MEMORY_BYTES of address space and
CPU_SECONDS, and is ended by an alarm after SECONDS whatever it does. One that is ended has the answer null.
"""

import gc
import json
import os
import resource
import signal
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from db.confined import CPU_SECONDS, MEMORY_BYTES, SECONDS
from winback.errors import TemplateError
from winback.message.inspection import examine


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """The problems of a message, and of one without any what its text messages cost and what it needs."""
    found = examine(request["files"], request["message"], request["channels"], request["hosts"])
    told = {"texts": [asdict(each) for each in found.texts], "needs": [asdict(each) for each in found.needs]}
    return told | {"problems": [_as_dict(each) for each in found.problems]}


def _as_dict(problem: TemplateError) -> dict[str, Any]:
    return {name: getattr(problem, name) for name in ("problem", "file", "line", "field", "allowed", "nearest")}


def confined(request: Mapping[str, Any]) -> dict[str, Any] | None:
    """``answer`` in a process with limits; None when it had to be ended."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _work(request, writer)
    os.close(writer)
    with open(reader, encoding="utf-8") as answers:
        text = answers.read()
    _, status = os.waitpid(child, 0)
    found: dict[str, Any] | None = json.loads(text) if status == 0 else None
    return found


def _work(request: Mapping[str, Any], writer: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # no file grows by it
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    status = 1
    try:
        with open(writer, "w", encoding="utf-8") as answers:
            json.dump(answer(request), answers)
        status = 0
    finally:
        os._exit(status)


def main() -> None:
    """Answer what standard input asks; who asks nothing gets nothing."""
    requests = json.loads(sys.stdin.read() or "[]")
    gc.enable()
    gc.freeze()  # a collection in a forked process would copy every page that both have
    json.dump([confined(request) for request in requests], sys.stdout)
