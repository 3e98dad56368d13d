#!/usr/bin/env bash
# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Runs ansible-test sanity on a copy of the files that git knows (and of new ones that it does not ignore).
# ansible-test wants to stand in .../ansible_collections/continuum/im and does not follow symbolic links.
# Arguments go to ansible-test, e.g. tests/run_sanity.sh --test validate-modules
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd -P)
export PATH=$repository/.venv/bin:$PATH LC_ALL=C.UTF-8
unset ANSIBLE_COLLECTIONS_PATH ANSIBLE_CONFIG PYTHONPATH

# ansible-test keeps its environments below ~/.ansible. A home of its own leaves that of the user alone.
[ -z "${PIP_CONFIG_FILE:-}" ] && [ -r "${HOME:-}/.config/pip/pip.conf" ] && export PIP_CONFIG_FILE=$HOME/.config/pip/pip.conf
export HOME=$repository/.cache/ansible-test
mkdir -p "$HOME/.ansible/test/cache"

# It downloads get-pip.py unless that is in its cache. This one uses the pip that Python brings along.
cat >"$HOME/.ansible/test/cache/get_pip_24_2.py" <<'PY'
import subprocess
import sys

subprocess.check_call([sys.executable, "-m", "ensurepip", "--default-pip"])
arguments = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
subprocess.check_call([sys.executable, "-m", "pip", "install", *arguments])
PY

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
target=$work/ansible_collections/continuum/im
mkdir -p "$target"
cd "$repository"
# Without what galaxy.yml keeps out of the published collection.
git ls-files -z --cached --others --exclude-standard -- . ':!.ci' ':!deploy' ':!service' ':!tests/e2e' ':!tests/lab' ':!tools' | while IFS= read -r -d '' file; do
    if [ -e "$file" ]; then printf '%s\0' "$file"; fi
done | tar --create --null --files-from=- | tar --extract --directory "$target"

# The collections that ours builds on, as a user has them beside it.
site=$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
cp -r "$site/ansible_collections/amazon" "$work/ansible_collections/"

cd "$target"
version=$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
ansible-test sanity --local --python "$version" --color no --truncate 0 "$@"
