package main

import (
	"context"
	"flag"
	"fmt"
	"os"
)

func main() {
	w := &workshop{log: func(f string, a ...any) { fmt.Fprintf(os.Stderr, f+"\n", a...) }}
	flag.StringVar(&w.dir, "dir", "", "")
	flag.Parse()
	for _, n := range flag.Args() {
		if _, err := w.pair(context.Background(), n); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
