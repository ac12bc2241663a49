#!/bin/sh
# Process 1 of the machine of test_cidata.py: for each volume a run of the agent, as if the machine had just booted with it
# alone. The kernel's own drivers read it. Everything that the test looks at goes to /result/VOLUME.
set -eu
export PATH=/usr/bin:/bin:/usr/sbin:/sbin

mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mkdir -p /dev/disk/by-label
modprobe -a virtio_pci virtio_blk

for disk in /sys/block/vd*; do
    device=/dev/${disk##*/}
    result=/result/$(cat "$disk/serial")

    mount -t tmpfs run /run
    mount -t tmpfs var /var/lib
    # As udev does it: by what the volume says of itself.
    link=/dev/disk/by-label/$(blkid -p -s LABEL -o value "$device")
    ln -s "$device" "$link"

    bootwright run || echo "exit $?"

    mkdir "$result"
    cp /run/bootwright/status.json /proc/mounts /proc/modules "$result"

    rm "$link"
    umount /run /var/lib
    # The kernel loads them by itself, with modprobe. One that is still in use stays, and its test says so.
    modprobe -r isofs vfat || true
done

mount -o remount,ro /
echo 'every volume was tried'
echo b >/proc/sysrq-trigger # reset, which ends QEMU
exec sleep 60
