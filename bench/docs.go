package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

//go:embed benchmark.md.tmpl
var docsTemplate string

// writeDocs writes the page, the picture and the figures behind them to dir.
func writeDocs(dir string, r *report) error {
	var tables, picture bytes.Buffer
	if err := writeTables(&tables, r); err != nil {
		return err
	}
	if err := writeSVG(&picture, r); err != nil {
		return err
	}
	t, err := template.New("docs").Parse(docsTemplate)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	err = t.Execute(&page, map[string]any{
		"Report": r, "Sittings": r.sittings(), "Tables": strings.TrimSpace(tables.String()), "Versions": versionList(r.Versions),
	})
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{"benchmark.md": page.Bytes(), "benchmark.svg": picture.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	return writeJSON(filepath.Join(dir, "benchmark.json"), r)
}

func versionList(versions map[string]string) string {
	var all []string
	for tool, v := range versions {
		if !strings.HasPrefix(tool, "zstd-") {
			all = append(all, tool+" "+v)
		}
	}
	if v := versions["zstd-19"] + versions["zstd-3"]; v != "" {
		v = versions["zstd-19"]
		if v == "" {
			v = versions["zstd-3"]
		}
		all = append(all, "zstd "+v)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func writeJSON(name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(data, '\n'), 0o644)
}
