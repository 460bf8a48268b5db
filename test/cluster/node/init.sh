#!/usr/bin/env bash
# The first process of the node, in namespaces of its own: everything below ends with it. RUN and BIN are the folders of
# this machine that it uses; RUN is at /run/node in here.
set -u
# Beside the pods below one cgroup, so that what is measured can be given the machine's time before everything else.
for folder in /sys/fs/cgroup/cpu/sidestub-test/node /sys/fs/cgroup/sidestub-test/node; do
  [ -d "$folder" ] && echo 0 >"$folder/cgroup.procs"
done
hostname node1
mount --make-rprivate /
mkdir -p "$RUN/hold"
# A new sysfs shows this network's devices, and would hide the cgroups.
mount --rbind /sys/fs/cgroup "$RUN/hold"
mount -t sysfs sysfs /sys
mount --rbind "$RUN/hold" /sys/fs/cgroup
umount -l "$RUN/hold"
# After that umount: it would reach the copy else. kubelet wants its mounts to reach containers.
mount --make-rshared /
mount -t tmpfs tmpfs /run
mkdir -p /run/netns /run/lock /run/node
mount --bind "$RUN" /run/node
cd /run/node || exit 1
mkdir -p varlib varlog /var/lib/kubelet /var/lib/cni /var/log
mount --bind varlib /var/lib/kubelet
mount --bind varlog /var/log
ip link set lo up
# The node's addresses, on a bridge without ports, and a default route, which kube-apiserver and kubelet look for.
ip link add node0 type bridge
ip address add 192.168.77.2/24 dev node0
ip -6 address add fd00:77::2/64 dev node0 nodad
ip link set node0 up
ip route add default via 192.168.77.1
ip -6 route add default via fd00:77::1
# This kernel may have no dummy device, and k8s/node/link-local makes no second one where there is one of the name.
ip link add sidestub0 type dummy 2>/dev/null || ip link add sidestub0 type bridge
# The corporate resolver, in a network of its own.
ip netns add corp
ip link add corp0 type veth peer name eth0 netns corp
ip address add 192.168.78.1/24 dev corp0
ip link set corp0 up
ip -n corp address add 192.168.78.53/24 dev eth0
ip -n corp link set eth0 up
ip -n corp link set lo up
ip -n corp route add default via 192.168.78.1
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
sysctl -qw net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1 2>/dev/null
. node/components.sh
for name in corp relay etcd containerd apiserver; do start "$name"; done
for _ in $(seq 300); do kubectl get --raw /readyz >/dev/null 2>&1 && break; sleep .1; done
for name in controller scheduler proxy kubelet; do start "$name"; done
trap 'exit 0' TERM
while :; do sleep 3600 & wait $!; done
