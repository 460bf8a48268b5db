// clone URL FOLDER: git's smart HTTP by go-git, for musl, for which Debian has no git. Names are looked up by libc.
package main

import (
	"fmt"
	"os"

	"github.com/go-git/go-git/v5"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: clone URL FOLDER")
		os.Exit(64)
	}
	if _, err := git.PlainClone(os.Args[2], false, &git.CloneOptions{URL: os.Args[1]}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
