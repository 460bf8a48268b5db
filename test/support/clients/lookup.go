// Go's own resolver: built without cgo, so that no libc is asked.
package main

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"time"
)

type line struct {
	Name      string   `json:"name"`
	Ms        float64  `json:"ms"`
	Addresses []string `json:"addresses"`
	Error     string   `json:"error"`
}

func main() {
	resolver := &net.Resolver{PreferGo: true}
	for _, name := range os.Args[1:] {
		started := time.Now()
		addresses, err := resolver.LookupHost(context.Background(), name)
		said := line{name, float64(time.Since(started).Microseconds()) / 1000, addresses, ""}
		if err != nil {
			said.Error = err.Error()
			said.Addresses = []string{}
		}
		json.NewEncoder(os.Stdout).Encode(said)
	}
}
