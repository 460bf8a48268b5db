#!/usr/bin/env bash
# The authority, certificates and kubeconfigs of the node, in the folder that it is called in.
set -eu
mkdir -p pki
cd pki
ec='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
openssl genrsa -out sa.key 2048
openssl rsa -in sa.key -pubout -out sa.pub
openssl req -x509 $ec -days 30 -subj /CN=ca -keyout ca.key -out ca.crt
cert() { # FILE SUBJECT EXTENSIONS
  openssl req $ec -subj "$2" -keyout "$1.key" -out "$1.csr"
  printf '%b\n' "$3" >"$1.ext"
  openssl x509 -req -days 30 -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -extfile "$1.ext" -out "$1.crt"
}
names=DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local
cert apiserver /CN=kube-apiserver "subjectAltName=$names,IP:127.0.0.1,IP:10.96.0.1,IP:192.168.77.2\nextendedKeyUsage=serverAuth"
cert admin /O=system:masters/CN=admin extendedKeyUsage=clientAuth
cert node /O=system:nodes/CN=system:node:node1 extendedKeyUsage=clientAuth
cd ..
for user in admin node; do
  cat >$user.kubeconfig <<Y
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://192.168.77.2:6443", certificate-authority: /run/node/pki/ca.crt}}]
users: [{name: u, user: {client-certificate: /run/node/pki/$user.crt, client-key: /run/node/pki/$user.key}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
Y
done
