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
done <$wanted
cat $wanted >$known
