#!/bin/sh
# Becomes process 1 of a host of Incus. real_incus.Incus calls it in new mount, process, UTS, IPC and control group namespaces, and in the network
# namespace of the cable. Everything that is mounted or made here goes away with them, but for control groups, which are the caller's to remove.
#
# BASE is the host's folder, with etc/ (files that cover this machine's); UNPACKED stands for the / of Debian's packages of Incus.
# Prints "ready PID" (the process id as the caller sees it) once the daemon was started.
set -eu
base=$1
unpacked=$2

# /proc is still the caller's.
read -r pid _ </proc/self/stat
mount -t proc proc /proc

# As if the packages were installed. liblxc knows its folders by their paths under /usr.
mount -t overlay -o "ro,lowerdir=$unpacked/usr:/usr" incus /usr
mount -t overlay -o "ro,lowerdir=$base/etc:/etc" incus /etc
mount -t tmpfs -o mode=755 run /run

# Incus looks up its network cards here: those of this network namespace. Whatever this machine has, version 2 is all that the host has of control
# groups, as with Debian's own systemd; process 1 is where liblxc expects it.
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir /sys/fs/cgroup/init.scope
echo $$ >/sys/fs/cgroup/init.scope/cgroup.procs

ip -batch - <<END
link set lo up
link add incusbr0 type bridge
link set eth0 master incusbr0
link set eth0 up
link set incusbr0 up
END

PATH=/usr/libexec/incus:/usr/sbin:/usr/bin:/sbin:/bin INCUS_DIR=$base/incus incusd --logfile "$base/log" >"$base/output" 2>&1 &
echo "ready $pid"
# With SIGCHLD ignored the kernel reaps by itself what liblxc leaves to process 1.
exec env --ignore-signal=CHLD sleep infinity </dev/null >/dev/null 2>&1
