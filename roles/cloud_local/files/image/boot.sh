#!/bin/sh
# Runs at each boot before sshd: the host's own key, the key that opens it, and its name.
set -eu

keys=/etc/continuum/authorized_keys
host_key=/etc/ssh/ssh_host_ed25519_key

# The environment that the container engine gave the first process.
given() {
    tr '\0' '\n' </proc/1/environ | sed -n "s/^$1=//p" | head -n 1
}

# A host that is made from the image of another one: nothing of who that was, and of who opened it, stays.
fqdn=$(given CONTINUUM_FQDN)
me="$(given CONTINUUM_AUTHORIZED_KEY) $fqdn"
if [ "$(cat /etc/continuum/given 2>/dev/null)" != "$me" ]; then
    mkdir -p /etc/continuum
    rm -f "$keys" /etc/ssh/ssh_host_*_key* /etc/hosts.orig /var/lib/continuum.json
    : >/etc/hosts
    printf '%s\n' "$me" >/etc/continuum/given
fi

[ -s "$host_key" ] || ssh-keygen -q -t ed25519 -N '' -f "$host_key"

if [ ! -s "$keys" ]; then
    mkdir -p /etc/continuum
    given CONTINUUM_AUTHORIZED_KEY >"$keys"
    chmod 0644 "$keys"
fi

grep -qs localhost /etc/hosts || printf '127.0.0.1 localhost\n::1 localhost ip6-localhost\n' >>/etc/hosts
name=$(cat /proc/sys/kernel/hostname)
if ! grep -qsw -- "$name" /etc/hosts; then
    address=$(ip -4 -o address show scope global | awk '{sub("/.*", "", $4); print $4; exit}')
    echo "${address:-127.0.1.1} ${fqdn:-$name} $name" >>/etc/hosts
fi
