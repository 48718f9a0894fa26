package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/image"
)

func (a *app) inspect() *cobra.Command {
	var (
		images imageFlags
		format string
		bytes  bool
		base   string
		top    int
	)
	c := &cobra.Command{
		Use:   "inspect DELTA",
		Short: "Show what a delta holds",
		Long: `Show what a delta holds: base and target, and how each layer is carried.

With --bytes, show what the delta's bytes are for: by part of the package, and, with
the base, by type of data and by file. The numbers of types and files are estimates,
which add up; OF is what these bytes give, decompressed.

Of a patch between two plain files, made by file create, it shows the size and the
digest of both.`,
		Example: `  docker-delta inspect app.delta
  docker-delta inspect app.delta --bytes --base app:v1
  docker-delta inspect app.delta --format json
  docker-delta inspect app.delta --format '{{(index .Targets 0).ID}}'`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) != 1:
				return errors.New("give one DELTA")
			case base != "" && !bytes:
				return errors.New("--base is of use with --bytes")
			case format != "text" && format != "json" && !strings.Contains(format, "{{"):
				return errors.New("--format: choose text or json, or write a Go template such as '{{.Size}}'")
			case top < 0:
				return errors.New("--top: give a number of rows, 0 for all")
			}
			return nil
		},
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.openDelta(cmd.Context(), args[0])
			if p := a.ociDelta(cmd.Context(), args[0], image.Options{TempDir: a.flags.tempDir}, err); p != nil && !bytes {
				defer p.Close()
				return a.showOCIDelta(p.Info(), format)
			}
			if isPatch(err) && !bytes && args[0] != "-" {
				return a.inspectPatch(args[0], format)
			}
			if err != nil {
				return err
			}
			defer d.Close()
			if bytes {
				info, err := a.bytesOf(cmd.Context(), d, &images, base)
				if err != nil {
					return ofDelta(args[0], err)
				}
				a.ui.done()
				if err := a.showBytes(info, format, top); err != nil {
					return err
				}
				if info.Layers == nil && format == "text" {
					a.ui.say("give --base to see types and files")
				}
				return nil
			}
			info, err := d.Inspect(cmd.Context())
			if err != nil {
				return ofDelta(args[0], err)
			}
			return a.show(info, format, func(out io.Writer) error { return infoText(out, info) })
		},
	}
	images.register(c)
	c.Flags().BoolVar(&bytes, "bytes", false, "show what the bytes are for")
	c.Flags().StringVarP(&base, "base", "b", "", "the base image")
	_ = c.RegisterFlagCompletionFunc("base", completeImages)
	c.Flags().IntVar(&top, "top", 25, "rows of each table, 0 for all")
	c.Flags().StringVar(&format, "format", "text", "text, json, or a Go template")
	_ = c.RegisterFlagCompletionFunc("format", fixed("text", "json"))
	return c
}

// show writes what there is to tell as text does, as JSON, or by a template.
func (a *app) show(info any, format string, text func(io.Writer) error) error {
	switch format {
	case "text":
		return text(a.ui.out)
	case "json":
		enc := json.NewEncoder(a.ui.out)
		enc.SetIndent("", "  ")
		return enc.Encode(info)
	}
	return a.execute(format, info)
}

func toJSON(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

func infoText(out io.Writer, info *delta.Info) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	row := func(key, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", key, fmt.Sprintf(format, args...)) }
	row("delta", "%s, format %d, %s", size(info.Size), info.FormatVersion, info.Manifest)
	if len(info.Bases) == 0 {
		row("base", "none is needed")
	}
	for _, b := range info.Bases {
		row("base", "%s", strings.TrimSpace(strings.Join(b.Names, " ")+" "+b.Platform))
		row("", "image ID %s, %d layers", b.ID, len(b.DiffIDs))
	}
	for _, s := range info.Steps {
		for _, b := range s.Bases {
			row("or base", "%s", strings.TrimSpace(strings.Join(b.Names, " ")+" "+b.Platform))
			bytes := int64(0)
			for _, l := range s.Layers {
				bytes += l.Bytes
			}
			row("", "image ID %s, %d layers; %s of the delta are for it", b.ID, len(b.DiffIDs), size(bytes))
		}
	}
	for _, t := range info.Targets {
		row("target", "%s", strings.TrimSpace(strings.Join(t.Names, " ")+" "+t.Platform))
		row("", "image ID %s, %d layers", t.ID, len(t.Layers))
		switch whole, lack := lacking(info, t.Layers); {
		case t.Exact:
			row("", "manifest %s comes back exactly", t.Manifest)
		case whole:
			row("", "it comes back with a newer docker-delta only: this one does not know %s; update it", lack)
		case t.Manifest != "" && lack != "":
			row("", "manifest %s comes back with a newer docker-delta only: this one does not know %s; update it,", t.Manifest, lack)
			row("", "or apply the delta where no compressed layers are wanted: --to docker-archive:FILE, or docker's classic store")
		case t.Manifest != "":
			row("", "manifest %s does not come back: not all compressed layers can be rebuilt", t.Manifest)
		default:
			row("", "no manifest is known: the target's place kept none, as docker's classic store does, or --exact=off left it out")
		}
	}
	whole := info.Plain
	if info.Compressed > 0 {
		whole = info.Compressed
		row("target size", "%s in layers, %s compressed", size(info.Plain), size(info.Compressed))
	} else {
		row("target size", "%s in layers", size(info.Plain))
	}
	row("saving", "%.2f%%: %s in place of %s", 100*info.Saving, size(info.Size), size(whole))
	row("metadata", "%s", size(info.Metadata))
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	w = tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "LAYER\tDIFFID\tSIZE\tCARRIED\tIN DELTA\tCOMPRESSED BY")
	for i, l := range info.Layers {
		var encoders []string
		for _, b := range l.Blobs {
			switch {
			case b.Lacks != "":
				encoders = append(encoders, b.Lacks+", of a newer docker-delta")
			case b.Encoder == "":
				encoders = append(encoders, "unknown: not rebuilt")
			default:
				encoders = append(encoders, b.Encoder)
			}
		}
		if len(encoders) == 0 {
			encoders = []string{"-"}
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", i+1, short(l.DiffID.String()), size(l.Size), l.Carried, size(l.Bytes), strings.Join(encoders, "; "))
	}
	return w.Flush()
}

// lacking gives what is missing here to rebuild the layers: whole tells that these do
// not come back at all, otherwise only compressed forms of them do not.
func lacking(info *delta.Info, layers []int) (whole bool, what string) {
	for _, n := range layers {
		l := &info.Layers[n]
		if l.Lacks != "" {
			return true, l.Lacks
		}
		for _, b := range l.Blobs {
			if b.Lacks != "" {
				what = b.Lacks
			}
		}
	}
	return false, what
}

// short cuts a digest as docker does.
func short(d string) string {
	if len(d) > 19 {
		return d[:19]
	}
	return d
}
