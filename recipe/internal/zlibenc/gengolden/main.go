// Command gengolden runs the real programs and records the sums of what they
// write. Run it in recipe/internal/zlibenc:
//
//	go run ./gengolden
//
// Programs that are not installed keep what the file has for them.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"strings"

	"github.com/docker-delta/docker-delta/recipe/internal/zlibenc/oracle"
)

const file = "testdata/golden.json"

func main() {
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatal("gengolden: ", err)
	}
}

func run() error {
	old := map[string]oracle.Golden{}
	b, err := os.ReadFile(file)
	if err == nil {
		var list []oracle.Golden
		if err := json.Unmarshal(b, &list); err != nil {
			return err
		}
		for _, g := range list {
			old[g.Program] = g
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dir, err := os.MkdirTemp("", "gengolden")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	var list []oracle.Golden
	for _, p := range oracle.Programs() {
		g, err := sums(p, dir)
		if errors.Is(err, oracle.ErrMissing) {
			log.Printf("%v: kept as it was", err)
			if was, ok := old[p.Name]; ok {
				list = append(list, was)
			}
			continue
		}
		if err != nil {
			return err
		}
		log.Printf("%s: %s", p.Name, g.Version)
		list = append(list, g)
	}
	if b, err = json.MarshalIndent(list, "", " "); err != nil {
		return err
	}
	return os.WriteFile(file, append(b, '\n'), 0o644)
}

func sums(p oracle.Program, dir string) (oracle.Golden, error) {
	version, err := p.Version()
	g := oracle.Golden{Program: p.Name, Version: version, Command: strings.Join(p.Command(9), " "), Sums: map[string]map[string]string{}}
	if err != nil {
		return g, err
	}
	for level := 1; level <= 9; level++ {
		m := map[string]string{}
		for _, c := range oracle.Cases(level) {
			out, err := p.Run(dir, level, c.Data())
			if err != nil {
				return g, fmt.Errorf("level %d: %w", level, err)
			}
			sum := sha256.Sum256(out)
			m[c.String()] = hex.EncodeToString(sum[:])
		}
		g.Sums[fmt.Sprint(level)] = m
	}
	return g, nil
}
