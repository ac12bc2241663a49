#!/bin/sh
# Process 1 of the machine of test_memory.py: runs of the agent in a control group such as systemd gives to a service, under a
# kernel whose memory controller serves version 2. What the test looks at goes to /result.
set -eu
export PATH=/usr/bin:/bin:/usr/sbin:/sbin

mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs run /run
mount -t tmpfs var /var/lib
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
group=/sys/fs/cgroup/service

for need in little more much child; do
    mkdir "$group"
    setfattr -n trusted.delegate -v 1 "$group"
    echo "$need" >/run/need
    sh -c "echo \$\$ >$group/cgroup.procs; exec bootwright run" || echo "exit $?"
    mkdir -p "/result/$need"
    cp /run/bootwright/status.json "/result/$need"
    rmdir "$group"/* "$group" 2>/dev/null || true
done

mount -o remount,ro /
echo 'all was tried'
echo b >/proc/sysrq-trigger # reset, which ends QEMU
exec sleep 60
