#!/bin/sh
# Process 1 of the machine of test_cidata.py: one run of the agent, with a volume that the kernel's own drivers read.
# Everything that the test looks at goes to /result, which is a folder outside.
set -eu
export PATH=/usr/bin:/bin:/usr/sbin:/sbin

# The kernel has mounted /dev already.
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
mount -t tmpfs var /var/lib
# The modules of this kernel are a folder of the real machine. The kernel loads those of file systems by itself, with modprobe.
mount -t hostfs -o ro,/usr/lib/uml/modules modules /lib/modules

# As udev does it: by what the volume says of itself.
mkdir -p /dev/disk/by-label
for label in cidata CIDATA; do
    if device=$(findfs "LABEL=$label"); then ln -s "$device" "/dev/disk/by-label/$label"; fi
done

bootwright run || echo "exit $?"

cp /run/bootwright/status.json /result/
cp /proc/mounts /proc/modules /result/
echo o >/proc/sysrq-trigger # power off
exec sleep 60
