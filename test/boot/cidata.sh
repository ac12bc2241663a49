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

    if [ "${result##*/}" = provisioning ]; then
        # Azure's medium. Its service is not here: a captured machine replays what it says.
        mkdir -p /azure/dev/disk/by-label "$result"
        ln -s "$device" /azure/dev/disk/by-label/rd_rdfe_stable.261103-0912
        bootwright --root /azure metadata --json >"$result/metadata.json" || echo "exit $?"
        cp /proc/mounts /proc/modules "$result"
        modprobe -r udf || true
        continue
    fi

    mount -t tmpfs run /run
    mount -t tmpfs var /var/lib
    # As udev does it: by what the volume says of itself. The other disks are as if nothing were on them.
    mkdir -p /run/udev/data
    for each in /sys/block/vd*; do
        : >"/run/udev/data/b$(cat "$each/dev")"
    done
    record=/run/udev/data/b$(cat "$disk/dev")
    blkid -p -o udev "$device" | sed 's/^/E:/' >"$record"
    link=/dev/disk/by-label/$(sed -n 's/^E:ID_FS_LABEL_ENC=//p' "$record")
    [ -d "$link" ] || ln -s "$device" "$link" # without a label there is none

    bootwright run || echo "exit $?"

    mkdir "$result"
    cp /run/bootwright/status.json /proc/mounts /proc/modules "$record" "$result"

    [ -d "$link" ] || rm "$link"
    umount /run /var/lib
    # The kernel loads them by itself, with modprobe. One that is still in use stays, and its test says so.
    modprobe -r isofs vfat || true
done

mount -o remount,ro /
echo 'every volume was tried'
echo b >/proc/sysrq-trigger # reset, which ends QEMU
exec sleep 60
