package main

import (
	"bytes"
	_ "embed"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed wire.md.tmpl
var wireTemplate string

// writeWireTable writes the figures as a Markdown table.
func writeWireTable(w io.Writer, r *wireReport) {
	rows := [][]string{{"pair", "layers of v2", "of them not in v1", "the delta"}}
	for i, row := range r.Rows {
		cells := []string{row.Title, grouped(row.Whole), grouped(row.New), grouped(row.Delta)}
		for _, h := range row.Hosts {
			if i == 0 {
				rows[0] = append(rows[0], h.Store+": docker pull", h.Store+": docker-delta pull", "share")
			}
			cells = append(cells, grouped(h.Plain), "**"+grouped(h.Ours)+"**", percent(h.Ours, h.Plain))
		}
		rows = append(rows, cells)
	}
	var b strings.Builder
	writeRows(&b, rows)
	_, _ = io.WriteString(w, b.String())
}

// writeWireDocs writes the page and the figures behind it.
func writeWireDocs(dir string, r *wireReport) error {
	t, err := template.New("wire").Parse(wireTemplate)
	if err != nil {
		return err
	}
	var table, page bytes.Buffer
	writeWireTable(&table, r)
	// In all pairs together, the share of the bytes in each store.
	var shares []string
	if len(r.Rows) > 0 {
		for i, h := range r.Rows[0].Hosts {
			var all []float64
			for _, row := range r.Rows {
				all = append(all, float64(row.Hosts[i].Ours)/float64(row.Hosts[i].Plain))
			}
			shares = append(shares, ratio(geometricMean(all))+" in the "+h.Store+" store")
		}
	}
	err = t.Execute(&page, map[string]any{"Report": r, "Table": strings.TrimSpace(table.String()), "Share": strings.Join(shares, ", ")})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "wire.md"), page.Bytes(), 0o644); err != nil {
		return err
	}
	return writeJSON(filepath.Join(dir, "wire.json"), r)
}
