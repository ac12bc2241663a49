#!/bin/sh
# Becomes process 1 of a throwaway machine. world.Machine calls it in new mount, process, UTS and IPC namespaces, and in the
# network namespace of the machine. Everything that is mounted here goes away with its namespace.
#
# BASE holds upper/ and work/ (the machine's disk), root/ and sysfs/ (mount points), sys/ and proc/ (made-up files that cover
# the real ones) and volumes (lines "FOLDER PATH": a folder of the caller's that appears at a path inside).
# Prints "ready PID" (the process id as the caller sees it) once all is in place.
set -eu
base=$1
name=$2
root=$base/root

# /proc is still the caller's.
read -r pid _ </proc/self/stat
hostname "$name"

# The layers of an overlay do not reach into other mounts: /proc, /sys, /dev and /run of the real machine stay out.
mount -t overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" machine "$root"

# It stands for a virtual machine, and not for a container, even where the real machine is one.
rm -f "$root/.dockerenv"

mount -t tmpfs -o mode=755,nosuid,nodev run "$root/run"
mkdir -m 1777 "$root/run/lock"
# The clock is right, as systemd-timesyncd says it, whatever the real machine's kernel knows of that.
mkdir -p "$root/run/systemd/timesync"
: >"$root/run/systemd/timesync/synchronized"
mount -t tmpfs -o mode=1777,nosuid,nodev tmp "$root/tmp"

mount -t tmpfs -o mode=755,nosuid,size=1m dev "$root/dev"
for node in null zero full random urandom tty; do
    : >"$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 pts "$root/dev/pts"
mount -t tmpfs -o mode=1777,nosuid,nodev shm "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"

# No folder can be made in sysfs, but two read-only layers can be laid over each other.
mount -t sysfs sysfs "$base/sysfs"
mount -t overlay -o "lowerdir=$base/sys:$base/sysfs" sys "$root/sys"

# Read-only /proc/sys: most of it is the real machine's.
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount --bind "$base/proc/cmdline" "$root/proc/cmdline"
mount --bind "$base/proc/boot_id" "$root/proc/sys/kernel/random/boot_id"

# From here on paths are the machine's, and the caller's root is at /mnt: a symbolic link on the way leads nowhere outside.
cd "$root"
pivot_root . mnt
while read -r folder path; do
    mkdir -p "$path"
    mount --bind "/mnt$folder" "$path"
done <"/mnt$base/volumes"
umount -l /mnt

echo "ready $pid"
# With SIGCHLD ignored the kernel reaps orphans by itself. (dash's own trap does not ignore this one.)
exec env -u container -u KUBERNETES_SERVICE_HOST --ignore-signal=CHLD sleep infinity </dev/null >/dev/null 2>&1
