package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	"github.com/docker-delta/docker-delta/update"
)

func (a *app) list() *cobra.Command {
	var (
		flags  registryFlags
		from   string
		format string
	)
	c := &cobra.Command{
		Use:     "list IMAGE",
		Aliases: []string{"ls"},
		Short:   "List the deltas of an image in a registry",
		Long: `List the deltas that rebuild IMAGE, which is a name in a registry. For an image of
several platforms, those of all platforms are listed, or of --platform.`,
		Example: `  docker-delta list registry.example/app:v2
  docker-delta list registry.example/app:v2 --format json`,
		Args: exactly("one IMAGE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opt, err := a.registryOptions(&flags)
			if err != nil {
				return err
			}
			if format != "text" && format != "json" {
				return usageError{fmt.Errorf("--format %s: choose text or json", format)}
			}
			found, err := update.List(cmd.Context(), args[0], from, flags.platform == "", opt)
			if err != nil {
				return err
			}
			a.ui.done()
			if format == "json" {
				return listJSON(a.ui.out, found)
			}
			if len(found) == 0 {
				a.ui.say("no delta leads to %s", args[0])
				return nil
			}
			return listText(a.ui.out, found)
		},
	}
	flags.registerRemote(c)
	flags.registerPlatform(c)
	c.Flags().StringVar(&from, "deltas", "", "repository with the deltas (default: that of the image)")
	c.Flags().StringVar(&format, "format", "text", "text or json")
	_ = c.RegisterFlagCompletionFunc("format", fixed("text", "json"))
	return c
}

func listText(out io.Writer, found []update.Listed) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "FROM\tIMAGE ID\tPLATFORM\tSIZE\tSAVING\tDIGEST")
	for _, l := range found {
		name, id := printable(l.BaseName), short(l.BaseID.String())
		if l.BaseID == "" {
			name, id = "nothing", "-"
		} else if name == "" {
			name = "-"
		}
		if l.Bases > 1 {
			name += fmt.Sprintf(" and %d more", l.Bases-1)
		}
		if len(l.Others) > 0 {
			name += fmt.Sprintf(" or %d others", len(l.Others))
		}
		saving := "-"
		if l.Whole > 0 {
			saving = fmt.Sprintf("%.2f%%", 100*l.Saving())
		}
		platform := printable(l.Platform)
		if platform == "" {
			platform = "several"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", name, id, platform, size(l.Size), saving, l.Manifest.Digest)
	}
	return w.Flush()
}

func listJSON(out io.Writer, found []update.Listed) error {
	type base struct {
		Name     string        `json:"name,omitempty"`
		ID       digest.Digest `json:"id"`
		ChainID  digest.Digest `json:"chainID,omitempty"`
		Manifest digest.Digest `json:"manifest,omitempty"`
	}
	type entry struct {
		Digest   digest.Digest `json:"digest"`
		Subject  digest.Digest `json:"subject"`
		Target   digest.Digest `json:"target"`
		Base     *base         `json:"base"`
		Bases    int           `json:"bases"`
		Platform string        `json:"platform,omitempty"`
		Size     int64         `json:"size"`
		Whole    int64         `json:"whole,omitempty"`
		Saving   float64       `json:"saving,omitempty"`
	}
	list := []entry{}
	for _, l := range found {
		e := entry{l.Manifest.Digest, l.Subject, l.TargetID, nil, l.Bases, l.Platform, l.Size, l.Whole, l.Saving()}
		if l.BaseID != "" {
			e.Base = &base{l.BaseName, l.BaseID, l.BaseChain, l.BaseManifest}
		}
		list = append(list, e)
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(list)
}
