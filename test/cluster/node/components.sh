# start NAME: starts a part of the node, writes its process ID and its log. Sourced in /run/node.
corp=192.168.78.53
component() {
  case $1 in
  corp) echo nsenter --net=/run/netns/corp coredns -conf node/Corefile.corp ;;
  relay) echo nsenter --net=/run/netns/corp "$NODE" node/relay.mjs $corp 53 127.0.0.1 5300 delay ;;
  etcd)
    echo etcd --data-dir etcd --unsafe-no-fsync --listen-client-urls http://127.0.0.1:2379 \
      --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380
    ;;
  containerd) echo containerd -c node/containerd.toml ;;
  apiserver)
    echo kube-apiserver --etcd-servers=http://127.0.0.1:2379 --advertise-address=192.168.77.2 --secure-port=6443 \
      --service-cluster-ip-range=10.96.0.0/16,fd00:10:96::/112 --allow-privileged=true \
      --tls-cert-file=pki/apiserver.crt --tls-private-key-file=pki/apiserver.key --client-ca-file=pki/ca.crt \
      --service-account-issuer=https://kubernetes.default.svc.cluster.local \
      --service-account-key-file=pki/sa.pub --service-account-signing-key-file=pki/sa.key \
      --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
      --kubelet-client-certificate=pki/admin.crt --kubelet-client-key=pki/admin.key \
      --kubelet-preferred-address-types=InternalIP
    ;;
  controller)
    echo kube-controller-manager --kubeconfig=admin.kubeconfig --leader-elect=false --root-ca-file=pki/ca.crt \
      --cluster-cidr=10.244.0.0/16,fd00:10:244::/48 --allocate-node-cidrs=true \
      --service-account-private-key-file=pki/sa.key --use-service-account-credentials=false
    ;;
  scheduler) echo kube-scheduler --kubeconfig=admin.kubeconfig --leader-elect=false ;;
  proxy)
    echo kube-proxy --kubeconfig=admin.kubeconfig --proxy-mode=iptables --hostname-override=node1 \
      --cluster-cidr=10.244.0.0/16,fd00:10:244::/48 --conntrack-max-per-core=0 --conntrack-min=0
    ;;
  kubelet)
    echo kubelet --config=node/kubelet.yaml --kubeconfig=node.kubeconfig --root-dir=/run/node/kubelet \
      --cert-dir=/run/node/kubelet/pki --hostname-override=node1 --node-ip=192.168.77.2,fd00:77::2
    ;;
  esac
}
start() {
  # shellcheck disable=SC2046 # words on purpose
  setsid $(component "$1") >>"log/$1.log" 2>&1 </dev/null &
  echo $! >"$1.pid"
}
