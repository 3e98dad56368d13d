# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the code of one function: Python in bubblewrap, images by podman; no network, limited time and memory."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_IMAGE = re.compile(r"[a-z0-9][a-zA-Z0-9._:/@-]*")
# Starting Python may take long on a busy machine; the time of the function itself is counted inside.
_START_SECONDS = 60
_ROOM = 96 * 2**20  # what Python itself needs of the address space

# Runs inside. The answer goes to file descriptor 3 when that was handed over, so that all output is the log.
_BOOTSTRAP = """
import importlib, json, os, resource, signal, sys, time, traceback
job = json.load(sys.stdin)
resource.setrlimit(resource.RLIMIT_AS, (job["bytes"], job["bytes"]))
answer = os.fdopen(job["answer"], "w")
sys.path.insert(0, "/var/task")

class Context:
    def __init__(self, facts):
        self.__dict__.update(facts)
        self.function_version = "$LATEST"
        self.identity = self.client_context = None
    def get_remaining_time_in_millis(self):
        return max(0, int((job["deadline"] - time.monotonic()) * 1000))

def fail(kind, error):
    trace = traceback.format_tb(getattr(error, "__traceback__", None))
    known = {"errorMessage": str(error), "errorType": kind, "stackTrace": trace}
    print("[ERROR]", kind + ":", error)
    json.dump({"failed": True, "payload": known}, answer)

try:
    module, _dot, name = job["handler"].rpartition(".")
    handler = getattr(importlib.import_module(module.replace("/", ".")), name)
    job["deadline"] = time.monotonic() + job["seconds"]
    signal.setitimer(signal.ITIMER_REAL, job["seconds"])
    result = handler(job["event"], Context(job["context"]))
    signal.setitimer(signal.ITIMER_REAL, 0)
    json.dump({"failed": False, "payload": json.loads(json.dumps(result))}, answer)
except MemoryError:
    fail("Runtime.OutOfMemory", "Runtime exited with error: out of memory")
except ImportError as error:
    fail("Runtime.ImportModuleError", error)
except AttributeError as error:
    fail("Runtime.HandlerNotFound" if "handler" not in globals() else "AttributeError", error)
except SystemExit as error:
    fail("Runtime.ExitError", error)
except BaseException as error:
    fail(type(error).__name__, error)
answer.flush()
sys.stdout.flush()
"""


@dataclass(frozen=True)
class Job:
    """One call of a function."""

    event: Any
    handler: str
    seconds: float
    memory: int
    environment: Mapping[str, str]
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What came of it: `payload` is data, `log` what the code printed."""

    payload: Any
    failed: bool = False
    log: str = ""


def unpack(content: bytes, folder: Path) -> Path:
    """Return a folder with the files of a zip file, unpacked once."""
    if not folder.exists():
        fresh = folder.with_suffix(f".{os.getpid()}")
        shutil.rmtree(fresh, ignore_errors=True)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            archive.extractall(fresh)
        try:
            fresh.rename(folder)
        except OSError:  # another call was faster
            shutil.rmtree(fresh, ignore_errors=True)
    return folder


def run_python(folder: Path, job: Job) -> Result:
    """Run the handler of a folder with code."""
    if shutil.which("bwrap") is None:
        return _error("Lab.NoSandbox", "bubblewrap (bwrap) is not installed; run 'make setup'.")
    reading, writing = os.pipe()
    words = {
        "event": job.event,
        "handler": job.handler,
        "seconds": job.seconds,
        "bytes": job.memory * 2**20 + _ROOM,
        "answer": writing,
        "context": dict(job.context),
    }
    try:
        with os.fdopen(reading, encoding="utf-8") as answers:
            try:
                process = _start([*_sandbox(folder), "-c", _BOOTSTRAP], job.environment, writing)
            finally:
                os.close(writing)
            log, code = _finish(process, json.dumps(words), job.seconds + _START_SECONDS)
            text = answers.read() if code is not None else ""
    except OSError as error:
        return _error("Lab.NoSandbox", f"The sandbox does not work here: {error}.")
    if text:
        found = json.loads(text)
        return Result(found["payload"], found["failed"], log)
    return _ended(job, code, log)


def run_image(image: str, job: Job) -> Result:
    """Run a container image of this machine; its entry point gets the handler and the event, and prints the answer."""
    if shutil.which("podman") is None or not _IMAGE.fullmatch(image) or not _is_here(image):
        return _error("Runtime.InvalidImage", f"The lab has no image '{image}'; build it with podman first.")
    variables = [word for name, value in job.environment.items() for word in ("--env", f"{name}={value}")]
    words = ["podman", "run", "--rm", "--network", "none", *variables, image, job.handler, json.dumps(job.event)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    log, code = _finish(_start(words, environment), "", job.seconds + _START_SECONDS)
    lines = log.splitlines()
    if code != 0 or not lines:
        return _ended(job, code, log)
    try:
        return Result(json.loads(lines[-1]), False, "\n".join(lines[:-1]))
    except ValueError:
        return Result({"errorType": "Runtime.InvalidResponse", "errorMessage": lines[-1][:200]}, True, log)


def _is_here(image: str) -> bool:
    done = subprocess.run(["podman", "image", "exists", image], capture_output=True, timeout=60, check=False)
    return done.returncode == 0


def _sandbox(folder: Path) -> list[str]:
    """The machine read-only, without its state and temporary files, and the code at /var/task."""
    python = os.path.realpath(sys.executable)
    hidden = [word for path in ("/tmp", "/run", "/var") for word in ("--tmpfs", path)]
    kept = [sys.base_prefix] if sys.base_prefix.startswith(("/tmp/", "/run/", "/var/")) else []
    return [
        *("bwrap", "--unshare-user-try", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"),
        *("--unshare-net", "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
        *("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", *hidden),
        *[word for path in kept for word in ("--ro-bind", path, path)],
        *("--ro-bind", str(folder), "/var/task", "--chdir", "/var/task", "--", python, "-B"),
    ]


def _start(words: list[str], environment: Mapping[str, str], *kept: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=kept,
        env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8", **environment},
        text=True,
        errors="replace",
        start_new_session=True,
    )


def _finish(process: subprocess.Popen[str], text: str, seconds: float) -> tuple[str, int | None]:
    """Return what was printed and the exit code, None when it had to be killed."""
    try:
        log, _none = process.communicate(text, timeout=seconds)
        return log, process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        log, _none = process.communicate()
        return log, None


def _ended(job: Job, code: int | None, log: str) -> Result:
    """It gave no answer: it ran out of time (SIGALRM inside), or it broke."""
    request = job.context.get("aws_request_id", "")
    if code is None or code in (-14, 128 + 14):
        words = f"{request} Task timed out after {job.seconds:.2f} seconds"
        return Result({"errorType": "Sandbox.Timedout", "errorMessage": words}, True, f"{log}\n{words}")
    words = f"RequestId: {request} Error: Runtime exited with error: exit status {code}"
    return Result({"errorType": "Runtime.ExitError", "errorMessage": words}, True, f"{log}\n{words}")


def _error(kind: str, message: str) -> Result:
    return Result({"errorType": kind, "errorMessage": message}, True, message)
