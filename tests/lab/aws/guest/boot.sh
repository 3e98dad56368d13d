#!/bin/sh
# The first process of a host of the lab: what an instance gets from EC2 and cloud-init, then the init system.
seed=/var/lib/lab
sh $seed/devices.sh
instance=$(cat $seed/instance)
# The engine mounts the name of the host over its file, so that nobody could change it. A name that was given stays.
name=$(cat /etc/hostname)
umount /etc/hostname 2>/dev/null
if [ "$(cat /etc/lab-instance 2>/dev/null)" != "$instance" ]; then
    user=$(cat $seed/user)
    rm -f /etc/ssh/ssh_host_*
    if ! id "$user" >/dev/null 2>&1; then
        useradd --create-home --shell /bin/bash "$user"
        echo "$user ALL=(ALL) NOPASSWD:ALL" >"/etc/sudoers.d/lab-$user"
        chmod 0440 "/etc/sudoers.d/lab-$user"
    fi
    home=$(getent passwd "$user" | cut -d: -f6)
    mkdir -p "$home/.ssh"
    cat $seed/authorized_keys >>"$home/.ssh/authorized_keys"
    chown -R "$user:" "$home/.ssh"
    chmod 0700 "$home/.ssh"
    chmod 0600 "$home/.ssh/authorized_keys"
    cp $seed/lab-*.service /etc/systemd/system/
    mkdir -p /etc/systemd/system/multi-user.target.wants
    rm -f /var/lib/lab-user-data
    if [ -s $seed/user-data ]; then
        install -m 0700 $seed/user-data /var/lib/lab-user-data
        ln -sf ../lab-user-data.service /etc/systemd/system/multi-user.target.wants/
    fi
    ln -sf ../lab-mounts.service /etc/systemd/system/multi-user.target.wants/
    echo "$name" >/etc/hostname
    echo "$instance" >/etc/lab-instance
fi
hostname "$(cat /etc/hostname)"
exec /sbin/init
