# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs on the hosts: POSIX shell, whose only text of users is quoted.

Each script is one function that is called in its last line, so that a script that arrives in part does nothing. It is
read from the standard input: nothing of it is seen in a list of processes.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping

MARK_FILE = "/var/lib/continuum-static.json"
RECORD_FILE = "/var/lib/continuum.json"
BEGIN, END = "continuum-begin", "continuum-end"

_COMMON = f"""
set -u
LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin
file={MARK_FILE}
record={RECORD_FILE}
keys=$HOME/.ssh/authorized_keys
as_root() {{ if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }}
owner() {{ sed -n 's/^ "infrastructure": "\\(.*\\)",\\{{0,1\\}}$/\\1/p' "$file" 2>/dev/null; }}
number() {{ sed -n 's/^ "id": \\(.*\\),$/\\1/p' "$file" 2>/dev/null; }}
has_key() {{ [ -n "$1" ] && grep -qF -- "$1" "$keys" 2>/dev/null; }}
drop_keys() {{
    set -- "${{1:-$2}}" "${{2:-$1}}"
    has_key "$1" || has_key "$2" || return 0
    # Hosts with one home for all do this at the same time: each has a file of its own, and leaves out both keys,
    # so that none brings back what another one has removed.
    rest=$(mktemp "$keys.continuum.XXXXXX") || return 1
    trap 'rm -f -- "$rest"' EXIT
    trap 'exit 1' HUP INT TERM PIPE
    cp -p -- "$keys" "$rest" || return 1
    # 1: no other key is there. 2: for one a disk that is full, and half of the owner's keys would be lost.
    grep -vF -e "$1" -e "$2" -- "$keys" >"$rest" || [ $? = 1 ] || return 1
    if [ -L "$keys" ]; then cat -- "$rest" >"$keys" && rm -f -- "$rest"
    else mv -f -- "$rest" "$keys"; fi
}}
"""

_PROBE = """
main() {
    echo "user=$(id -un)"
    if as_root true 2>/dev/null; then echo root=yes; else echo root=no; fi
    echo "system=$(uname -s)"
    echo "cpus=$(nproc 2>/dev/null)"
    echo "memory=$(sed -n 's/^MemTotal: *\\([0-9]*\\).*/\\1/p' /proc/meminfo 2>/dev/null)"
    set -- ${SSH_CONNECTION:-}
    echo "own=${3:-}"
    started=$(as_root cat /proc/1/stat 2>/dev/null | sed 's/.*) //' | cut -d ' ' -f 20)
    echo "boot=$(cat /proc/sys/kernel/random/boot_id)-$started"
    if has_key "$blob"; then echo key=yes; else echo key=no; fi
    if [ -e "$file" ]; then echo "mark=$(base64 "$file" | tr -d '\\n')"; else echo mark=; fi
}
"""

# The mark comes first: by a link, which is made only where there is none yet. Whoever links it owns the host.
_TAKE = """
main() {
    new=$file.$infrastructure
    printf %s "$mark" | base64 -d | as_root tee "$new" >/dev/null && as_root chmod 0644 "$new" || return 1
    if as_root ln "$new" "$file" 2>/dev/null; then taken=yes
    elif [ "$(owner) $(number)" = "$infrastructure $id" ]; then as_root mv -f "$new" "$file" && taken=yes || return 1
    else taken=no; fi
    as_root rm -f "$new"
    echo "taken=$taken"
    if [ "$taken" = no ]; then echo "owner=$(owner)"; return 0; fi
    drop_keys "$old_blob" ""
    if ! has_key "$blob"; then
        umask 077
        mkdir -p "$HOME/.ssh"
        if [ -s "$keys" ] && [ -n "$(tail -c 1 "$keys")" ]; then echo >>"$keys"; fi
        printf '%s\\n' "$key" >>"$keys" || return 1
    fi
    umask 022
    make_folders
}
"""

# The key goes last: with it a run that was interrupted gets in again.
_RELEASE = """
main() {
    if [ "$(owner)" = "$infrastructure" ] && { [ -z "$id" ] || [ "$(number)" = "$id" ]; }; then
        as_root rm -f "$record" "$file" "$file.$infrastructure"
        if [ -e "$file" ]; then echo "left=mark $file"; fi
    fi
    drop_keys "$blob" "$other_blob"
    if has_key "$blob" || has_key "$other_blob"; then echo "left=key in $keys"; fi
    return 0
}
"""

_REBOOT = """
main() {
    as_root systemctl reboot
}
"""


def blob_of(key: str) -> str:
    """Return what tells a public key from others: its second word."""
    words = key.split()
    return words[1] if len(words) > 1 else ""


def probe(key: str) -> str:
    """Return the script that tells what a host is, and whether `key` opens it."""
    return _script(_PROBE, {"blob": blob_of(key)})


def take(infrastructure: str, number: int, mark: str, key: str, old_key: str, folders: Iterable[str]) -> str:
    """Return the script that marks a host and lets `key` in, in place of `old_key`. `mark` is in base64."""
    other = blob_of(old_key)
    values = {
        "infrastructure": infrastructure,
        "id": str(number),
        "mark": mark,
        "key": key,
        "blob": blob_of(key),
        "old_blob": "" if other == blob_of(key) else other,
    }
    made = " ".join(map(shlex.quote, folders))
    return _script(_TAKE, values, f"make_folders() {{ {f'as_root mkdir -p -- {made}' if made else 'return 0'}; }}")


def release(infrastructure: str, number: int | None, key: str, other_key: str = "") -> str:
    """Return the script that removes the mark (of any host of the infrastructure without a number) and the keys."""
    values = {
        "infrastructure": infrastructure,
        "id": "" if number is None else str(number),
        "blob": blob_of(key),
        "other_blob": blob_of(other_key),
    }
    return _script(_RELEASE, values)


def reboot() -> str:
    """Return the script that restarts a host."""
    return _script(_REBOOT, {})


def _script(body: str, values: Mapping[str, str], functions: str = "") -> str:
    given = "\n".join(f"{name}={shlex.quote(value)}" for name, value in values.items())
    call = f"main && echo {END}\nexit $?"
    # In one group: the shell reads it to its end before it begins.
    return f"{{\n{given}\n{_COMMON}{functions}\n{body}\necho {BEGIN}\n{call}\n}}\n"
