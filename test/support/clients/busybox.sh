# busybox nslookup, which brings a resolver of its own; its output as the lines of the other clients.
for name; do
  started=$(date +%s%N)
  addresses=$(busybox nslookup "$name" 2>/dev/null | awk '
    /^Name:/ { named = 1; next }
    named && /^Address/ { printf "%s\"%s\"", separator, $NF; separator = "," }')
  ended=$(date +%s%N)
  error=
  [ -n "$addresses" ] || error='not found'
  printf '{"name":"%s","ms":%s.%06d,"addresses":[%s],"error":"%s"}\n' "$name" \
    $(((ended - started) / 1000000)) $(((ended - started) % 1000000)) "$addresses" "$error"
done
