# Boots systemd as the first process of its namespaces, on a copy of this machine that is gone with them. It has a branch
# of the cgroups and devices of its own, and may write to no setting of the kernel: the machine itself stays as it is.
# usage: boot-systemd.sh FOLDER APP UNITS CONFIGURATION
#   FOLDER         an empty folder, for the copy
#   APP            what stands in /opt/sidestub
#   UNITS          a folder of units
#   CONFIGURATION  what stands in /etc/sidestub/sidestub.yaml
set -eu
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
root="$1/root"
# Nothing that this machine starts by itself, and nothing that sets a machine up.
rm -rf "$root"/etc/systemd/system/*.wants "$root"/lib/systemd/system/*.wants
# But for the journal, which units write to.
mkdir "$root/lib/systemd/system/sysinit.target.wants"
ln -s ../systemd-journald.service "$root/lib/systemd/system/sysinit.target.wants/"
mkdir -p "$root/opt/sidestub" "$root/etc/sidestub"
cp -r "$2/." "$root/opt/sidestub/"
cp "$3"/* "$root/etc/systemd/system/"
cp "$4" "$root/etc/sidestub/sidestub.yaml"
for folder in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs "$root/$folder"; done
chmod 1777 "$root/tmp"
for device in null zero full random urandom tty; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t devpts devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mkdir "$root/run/old"
# No chroot: in one the kernel makes no user namespace (PrivateUsers=).
cd "$root"
pivot_root . run/old
umount -l run/old
exec env -i container=other PATH=/usr/sbin:/usr/bin /lib/systemd/systemd --log-target=null --unit=sysinit.target
