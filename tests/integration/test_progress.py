"""The progress callback: short when all is well, complete when something fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration
REPOSITORY = Path(__file__).resolve().parents[2]
PLAYBOOK = """
- name: First play
  hosts: localhost
  connection: local
  gather_facts: false
  vars: {{ansible_python_interpreter: "{{{{ ansible_playbook_python }}}}"}}
  tasks:
    - name: Say something
      ansible.builtin.debug: {{msg: [one, two]}}
    - name: Change something
      ansible.builtin.copy: {{content: x, dest: "{path}/made", mode: "0600"}}
    - name: Hand something over
      ansible.builtin.set_stats: {{data: {{answer: 42}}, per_host: false}}
- name: Nobody is here
  hosts: nobody
  tasks: []
- name: Last play
  hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Maybe fail
      ansible.builtin.fail: {{msg: This is why}}
      when: broken | default(false)
"""


def play(tmp_path: Path, *options: str) -> tuple[int, str, dict[str, object]]:
    book, result = tmp_path / "book.yml", tmp_path / "result.json"
    book.write_text(PLAYBOOK.format(path=tmp_path))
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / "collections"),
        "ANSIBLE_STDOUT_CALLBACK": "continuum.im.progress",
        "CONTINUUM_PROGRESS_FILE": str(result),
    }
    command = [str(Path(sys.executable).parent / "ansible-playbook"), str(book), *options]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout + done.stderr, json.loads(result.read_text())


def test_a_good_run_is_a_few_lines(tmp_path: Path) -> None:
    code, output, result = play(tmp_path)
    assert code == 0
    assert "First play (localhost, changed 1)" in output
    assert "         one\n         two\n" in output
    assert "Say something" not in output
    assert "Nobody is here" not in output
    assert "changed=1 failed=0 unreachable=0" in output
    assert result["result"] == {"answer": 42}


def test_a_failure_says_where_and_why(tmp_path: Path) -> None:
    code, output, _result = play(tmp_path, "-e", '{"broken": true}')
    assert code == 2
    assert "FAILED on localhost: Maybe fail\n  This is why" in output
    assert "failed=1" in output


def test_differences_are_shown_on_request(tmp_path: Path) -> None:
    _code, output, _result = play(tmp_path, "--check", "--diff")
    assert "+x" in output
