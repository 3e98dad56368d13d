"""The progress callback: short when all is well, complete when something fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

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


def play(tmp_path: Path, *options: str, book: str = PLAYBOOK) -> tuple[int, str, dict[str, Any]]:
    path, result = tmp_path / "book.yml", tmp_path / "result.json"
    path.write_text(book.format(path=tmp_path))
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / "collections"),
        "ANSIBLE_STDOUT_CALLBACK": "continuum.im.progress",
        "CONTINUUM_PROGRESS_FILE": str(result),
        "TMPDIR": str(tmp_path),
    }
    command = [str(Path(sys.executable).parent / "ansible-playbook"), str(path), *options]
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


def test_what_modules_tell_is_shown_while_they_work(tmp_path: Path) -> None:
    """The module is a shell command here, which finds the file in its environment as our modules do."""
    book = """
- name: Slow play
  hosts: localhost
  connection: local
  gather_facts: false
  vars: {{ansible_python_interpreter: "{{{{ ansible_playbook_python }}}}"}}
  tasks:
    - name: Tell
      ansible.builtin.shell: {{cmd: 'echo "half way" >> "$CONTINUUM_PROGRESS_LINES"; sleep 1; touch {path}/end'}}
    - name: Later
      ansible.builtin.debug: {{msg: the end}}
"""
    code, output, result = play(tmp_path, book=book)
    assert code == 0
    assert output.index("Slow play ...") < output.index("half way") < output.index("the end")
    assert [line for _second, line in result["told"]] == ["half way"]
    assert not list(tmp_path.glob("continuum-progress-*"))


def test_a_failure_says_where_and_why(tmp_path: Path) -> None:
    code, output, _result = play(tmp_path, "-e", '{"broken": true}')
    assert code == 2
    assert "FAILED on localhost: Maybe fail\n  This is why" in output
    assert "failed=1" in output


def test_differences_are_shown_on_request(tmp_path: Path) -> None:
    _code, output, _result = play(tmp_path, "--check", "--diff")
    assert "+x" in output
