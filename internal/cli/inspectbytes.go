package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"text/template"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/image"
)

// bytesInfo says where the bytes of a delta are.
type bytesInfo struct {
	Size  int64            `json:"size"`
	Parts []delta.PartSize `json:"parts"`
	// Layers, Types and Files need the base.
	Layers []delta.LayerCosts `json:"layers,omitempty"`
	Types  []delta.Cost       `json:"types,omitempty"`
	Files  []delta.Cost       `json:"files,omitempty"`
}

func (a *app) bytesOf(ctx context.Context, d *delta.Delta, images *imageFlags, base string) (*bytesInfo, error) {
	info := &bytesInfo{}
	var err error
	if info.Parts, err = d.Parts(ctx); err != nil {
		return nil, err
	}
	for _, p := range info.Parts {
		info.Size += p.Bytes
	}
	opt, err := a.imageOptions(images)
	if err != nil {
		return nil, err
	}
	if base == "" && len(d.Config().Bases) > 0 {
		return info, nil
	}
	ropt := delta.RebuildOptions{Resources: a.resources()}
	if images.platform != "" {
		ropt.Platform = image.FormatPlatform(*opt.Platform)
	}
	var held []image.Image
	if base != "" {
		var opened closers
		held, opened, err = a.openBases(ctx, d, []string{base}, ropt, opt)
		defer opened.Close()
		if err != nil {
			return nil, err
		}
	}
	if info.Layers, err = d.Costs(ctx, delta.Together(held...), ropt); err != nil {
		return nil, err
	}
	var all []delta.Cost
	for _, l := range info.Layers {
		all = append(all, l.Contents...)
	}
	info.Types, info.Files = delta.CostsByType(all), delta.CostsByFile(all)
	return info, nil
}

func (a *app) showBytes(info *bytesInfo, format string, top int) error {
	switch format {
	case "text":
		return bytesText(a.ui.out, info, top)
	case "json":
		enc := json.NewEncoder(a.ui.out)
		enc.SetIndent("", "  ")
		return enc.Encode(info)
	}
	return a.execute(format, info)
}

// execute prints what a Go template of the user makes of v.
func (a *app) execute(format string, v any) error {
	t, err := template.New("format").Funcs(template.FuncMap{"size": size, "join": strings.Join, "json": toJSON}).Parse(format)
	if err != nil {
		return usageError{fmt.Errorf("--format: %w", err)}
	}
	var text strings.Builder
	if err := t.Execute(&text, v); err != nil {
		return usageError{fmt.Errorf("--format: %w; '{{json .}}' shows all that there is", err)}
	}
	return a.ui.result("%s", text.String())
}

func bytesText(out io.Writer, info *bytesInfo, top int) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', tabwriter.AlignRight)
	// The name is in the last column, which is not aligned.
	row := func(cells ...string) {
		fmt.Fprintln(w, strings.Join(cells[:len(cells)-1], "\t")+"\t  "+cells[len(cells)-1])
	}
	share := func(n float64) string { return fmt.Sprintf("%.1f%%", 100*n/float64(max(info.Size, 1))) }
	bytes := func(n float64) string { return fmt.Sprint(int64(math.Round(n))) }
	row("BYTES", "SHARE", "PART")
	for _, p := range info.Parts {
		name := p.Part
		if p.Layer > 0 {
			name = fmt.Sprintf("layer %d: %s", p.Layer, p.Part)
		}
		row(bytes(float64(p.Bytes)), share(float64(p.Bytes)), name)
	}
	row(bytes(float64(info.Size)), "", "all")
	if err := w.Flush(); err != nil || info.Layers == nil {
		return err
	}
	table := func(title string, list []delta.Cost, name func(delta.Cost) string) error {
		fmt.Fprintln(out)
		row("BYTES", "SHARE", "OF", title)
		rest, of := 0.0, int64(0)
		for i, c := range list {
			if top > 0 && i >= top {
				rest += c.Bytes
				of += c.Size
				continue
			}
			row(bytes(c.Bytes), share(c.Bytes), size(c.Size), name(c))
		}
		if top > 0 && len(list) > top {
			row(bytes(rest), share(rest), size(of), fmt.Sprintf("(%d more)", len(list)-top))
		}
		return w.Flush()
	}
	byType := table("TYPE", info.Types, func(c delta.Cost) string { return c.Type })
	return errors.Join(byType, table("FILE", info.Files, func(c delta.Cost) string {
		if c.Path == "" {
			return "(the end of a tar, or a whole layer)"
		}
		return c.Path
	}))
}
