# busybox nslookup, which brings a resolver of its own; its output as the lines of the other clients.
for name; do
  started=$(date +%s%N)
  said=$(busybox nslookup "$name" 2>&1)
  ended=$(date +%s%N)
  addresses=$(printf '%s\n' "$said" | awk '
    /^Name:/ { named = 1; next }
    named && /^Address/ { printf "%s\"%s\"", separator, $NF; separator = "," }')
  error=
  [ -n "$addresses" ] || error='not found'
  case $said in *SERVFAIL* | *'timed out'*) [ -n "$addresses" ] || error='SERVFAIL or timeout' ;; esac
  printf '{"name":"%s","ms":%s.%06d,"addresses":[%s],"error":"%s"}\n' "$name" \
    $(((ended - started) / 1000000)) $(((ended - started) % 1000000)) "$addresses" "$error"
done
