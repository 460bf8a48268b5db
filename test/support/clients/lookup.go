// Go's own resolver: built without cgo, so that no libc is asked.
package main

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	resolver := &net.Resolver{PreferGo: true}
	for _, name := range os.Args[1:] {
		started := time.Now()
		addresses, err := resolver.LookupHost(context.Background(), name)
		ms := float64(time.Since(started).Microseconds()) / 1000
		for i, address := range addresses {
			addresses[i] = strconv.Quote(address)
		}
		os.Stdout.WriteString(`{"name":` + strconv.Quote(name) +
			`,"ms":` + strconv.FormatFloat(ms, 'f', 3, 64) +
			`,"addresses":[` + strings.Join(addresses, ",") +
			`],"error":` + strconv.Quote(reason(err)) + "}\n")
	}
}

func reason(err error) string {
	var failure *net.DNSError
	if err == nil {
		return ""
	}
	if errors.As(err, &failure) && failure.IsTemporary {
		return "temporary: " + failure.Err
	}
	return err.Error()
}
