#!/bin/sh
# Makes the device nodes of the attached volumes, and removes those of detached ones.
wanted=/var/lib/lab/devices
known=/dev/.lab-devices
links=/dev/disk/by-id
mkdir -p $links
if [ -f $known ]; then
    while read -r device number link; do
        grep -q "^$device $number " $wanted || rm -f "$device" "$links/$link" "/dev/loop$number"
    done <$known
fi
while read -r device number link; do
    for node in "$device" "/dev/loop$number"; do
        [ -b "$node" ] || mknod -m 0660 "$node" b 7 "$number"
    done
    ln -sfn "../../${device#/dev/}" "$links/$link"
    # What udev does elsewhere, so that /etc/fstab finds file systems by their UUID.
    uuid=$(blkid -p -s UUID -o value "$device" 2>/dev/null)
    if [ -n "$uuid" ]; then
        mkdir -p /dev/disk/by-uuid
        ln -sfn "../../${device#/dev/}" "/dev/disk/by-uuid/$uuid"
    fi
done <$wanted
cat $wanted >$known
