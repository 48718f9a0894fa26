package main

import (
	"fmt"
	"html"
	"io"
	"strings"
)

// Measures of the picture, in pixels.
const (
	svgWidth   = 960
	svgColumns = 2
	svgMargin  = 20
	svgGap     = 28
	barHeight  = 15
	barStep    = 20
	labelWidth = 170 // left of the bars
	valueWidth = 78  // right of the longest bar
	panelHead  = 34
)

// writeSVG draws the sizes of the deltas: a panel for each subject, a bar for
// each tool, as long as its delta is against the largest of the panel.
func writeSVG(w io.Writer, r *report) error {
	var panels []subject
	for _, s := range r.Subjects {
		if len(sized(s)) > 0 {
			panels = append(panels, s)
		}
	}
	var body strings.Builder
	top := 64
	width := (svgWidth - 2*svgMargin - (svgColumns-1)*svgGap) / svgColumns
	for i := 0; i < len(panels); i += svgColumns {
		height := 0
		for c, s := range panels[i:min(i+svgColumns, len(panels))] {
			h := drawPanel(&body, s, svgMargin+c*(width+svgGap), top, width)
			height = max(height, h)
		}
		top += height + svgGap
	}
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">
<title>Size of the delta, by tool</title>
<rect width="100%%" height="100%%" fill="#ffffff"/>
<text x="%d" y="30" font-size="18" font-weight="bold" fill="#1f2328">Size of the delta, by tool (shorter is better)</text>
<text x="%d" y="50" fill="#57606a">One run on %s, %d cores. Each panel has a scale of its own.</text>
%s</svg>
`, svgWidth, top, svgWidth, top, svgMargin, svgMargin, html.EscapeString(r.CPU), r.Cores, body.String())
	return err
}

// sized gives the results that have a delta.
func sized(s subject) []result {
	var all []result
	for _, t := range s.Results {
		if t.Failed == "" && t.Size > 0 {
			all = append(all, t)
		}
	}
	return all
}

// drawPanel draws one subject and gives the panel's height.
func drawPanel(b *strings.Builder, s subject, x, y, width int) int {
	results := sized(s)
	longest := int64(1)
	for _, t := range results {
		longest = max(longest, t.Size)
	}
	what := "layer"
	if s.Image {
		what = "image"
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" font-size="14" font-weight="bold" fill="#1f2328">%s</text>`+"\n", x, y+14, html.EscapeString(s.Title))
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end" fill="#57606a">%s of %s</text>`+"\n", x+width, y+14, what, shortSize(s.NewSize))
	room := width - labelWidth - valueWidth
	for i, t := range results {
		top := y + panelHead - 10 + i*barStep
		length := max(1, int(int64(room)*t.Size/longest))
		color, weight := "#8c959f", "normal"
		if t.Ours {
			color, weight = "#0969da", "bold"
		}
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end" font-weight="%s" fill="#1f2328">%s</text>`+"\n",
			x+labelWidth-8, top+12, weight, html.EscapeString(t.Label))
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" rx="2" fill="%s"/>`+"\n", x+labelWidth, top, length, barHeight, color)
		fmt.Fprintf(b, `<text x="%d" y="%d" font-weight="%s" fill="#1f2328">%s</text>`+"\n", x+labelWidth+length+6, top+12, weight, shortSize(t.Size))
	}
	return panelHead + len(results)*barStep
}

// shortSize writes a size with about three figures and a decimal unit.
func shortSize(n int64) string {
	x, unit := float64(n), "B"
	for _, u := range []string{"kB", "MB", "GB"} {
		if x < 999.5 {
			break
		}
		x, unit = x/1000, u
	}
	switch {
	case unit == "B" || x >= 99.95:
		return fmt.Sprintf("%.0f %s", x, unit)
	case x >= 9.995:
		return fmt.Sprintf("%.1f %s", x, unit)
	}
	return fmt.Sprintf("%.2f %s", x, unit)
}
