package main

import "strings"

// baseLevel is the level against which the others are shown.
const baseLevel = "default"

// writeLevels writes what each of our levels costs, against the default one:
// geometric means over the layers that both were measured on.
func writeLevels(b *strings.Builder, r *report) {
	var layers []subject
	for _, s := range r.Subjects {
		if !s.Image {
			layers = append(layers, s)
		}
	}
	columns := []measure{
		{title: "size", value: func(t result) float64 { return float64(t.Size) }},
		{title: "create, wall", value: func(t result) float64 { return t.Create.Wall.Seconds() }},
		{title: "create, CPU", value: func(t result) float64 { return t.Create.CPU.Seconds() }},
		{title: "create, memory", value: func(t result) float64 { return float64(t.Create.Peak) }},
		{title: "apply, wall", value: func(t result) float64 { return t.Apply.Wall.Seconds() }},
		{title: "apply, CPU", value: func(t result) float64 { return t.Apply.CPU.Seconds() }},
		{title: "apply, memory", value: func(t result) float64 { return float64(t.Apply.Peak) }},
	}
	ours, _ := columns[0].tools(layers)
	header := []string{"level"}
	for _, m := range columns {
		header = append(header, m.title)
	}
	rows := [][]string{header}
	for _, o := range ours {
		row := []string{o.Label}
		for _, m := range columns {
			var ratios []float64
			for _, s := range layers {
				if x, ok := m.ratio(s, o.Tool, baseLevel); ok {
					ratios = append(ratios, x)
				}
			}
			if len(ratios) == 0 {
				row = append(row, "–")
				continue
			}
			row = append(row, ratio(geometricMean(ratios)))
		}
		rows = append(rows, row)
	}
	if len(rows) < 3 {
		return // nothing to compare
	}
	b.WriteString("### Levels, layers\n\nWhat each level of `--level` costs, divided by what the default one does; geometric means.\n\n")
	writeRows(b, rows)
}
