#!/bin/sh
# Runs once, while the image is built: packages, login user, and a boot without what a container does not need.
set -eu

packages="systemd systemd-sysv dbus openssh-server python3 python3-apt sudo iproute2 ca-certificates"
export DEBIAN_FRONTEND=noninteractive

if ! command -v apt-get >/dev/null; then
    echo "only images of the Debian family can be hosts of the local cloud" >&2
    exit 1
fi
# The lists of packages stay in the image: a host then brings them up to date in a third of the time.
apt-get -qq update
# shellcheck disable=SC2086
apt-get -qq install -y --no-install-recommends $packages
rm -rf /var/cache/apt/archives/*.deb /var/cache/apt/*.bin /etc/apt/apt.conf.d/99mmdebstrap

update-ca-certificates >/dev/null
if [ -n "$(ls /usr/local/share/ca-certificates/continuum)" ]; then
    # Programs that bring their own authorities have to be told of further ones.
    names="CURL_CA_BUNDLE NODE_EXTRA_CA_CERTS PIP_CERT REQUESTS_CA_BUNDLE SSL_CERT_FILE"
    for name in $names; do
        echo "$name=/etc/ssl/certs/ca-certificates.crt" >>/etc/environment
    done
    echo "Defaults env_keep += \"$names\"" >/etc/sudoers.d/continuum-ca
    chmod 0440 /etc/sudoers.d/continuum-ca
fi

if ! id "$LOGIN_USER" >/dev/null 2>&1; then
    useradd --create-home --shell /bin/bash --uid 1000 "$LOGIN_USER" || useradd --create-home --shell /bin/bash "$LOGIN_USER"
fi
mkdir -p /etc/sudoers.d /etc/continuum
echo "$LOGIN_USER ALL=(ALL) NOPASSWD:ALL" >/etc/sudoers.d/continuum
chmod 0440 /etc/sudoers.d/continuum

# Each host makes its own keys and its own identity when it boots.
rm -f /etc/ssh/ssh_host_*
: >/etc/machine-id

systemctl mask \
    apt-daily-upgrade.timer apt-daily.timer console-getty.service dev-hugepages.mount dpkg-db-backup.timer \
    e2scrub_all.timer e2scrub_reap.service fstrim.timer getty.target motd-news.timer systemd-firstboot.service \
    systemd-logind.service systemd-networkd-wait-online.service systemd-resolved.service systemd-timesyncd.service \
    systemd-udevd.service systemd-udev-trigger.service systemd-update-utmp.service systemd-update-utmp-runlevel.service \
    >/dev/null 2>&1
systemctl set-default multi-user.target >/dev/null 2>&1
systemctl disable ssh.socket >/dev/null 2>&1 || true
systemctl enable ssh.service continuum-boot.service >/dev/null 2>&1
