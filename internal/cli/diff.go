package cli

import (
	"errors"
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/report"
)

func (a *app) diff() *cobra.Command {
	var (
		images imageFlags
		level  levelFlag
		exact  exactFlag
		fast   bool
		noCost bool
		format string
		html   string
		top    int
	)
	c := &cobra.Command{
		Use:   "diff BASE TARGET",
		Short: "Show what an update changes and what it costs",
		Long: `Compare two images by layer, package, file type, directory and file: what is added,
removed, changed or moved, and where nothing but metadata or times differ.

Each cost comes in three measures: SIZE, bytes in the target's files; PULL, bytes
of the compressed layers that the base lacks, as a pull fetches them; DELTA,
bytes in the delta. For the last, the delta is really created, and not kept;
--fast takes less time for it, --no-cost leaves it out. How a compressed layer's
bytes are shared by its files is measured where the layer can be read as it was
compressed; from the docker daemon's classic store it cannot, and gzip is asked
for an estimate.`,
		Example: `  docker-delta diff app:v1 app:v2
  docker-delta diff --fast app-v1.tar docker://registry.example/app:v2
  docker-delta diff app:v1 app:v2 --format json
  docker-delta diff app:v1 app:v2 --html update.html`,
		Args: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) != 2:
				return errors.New("give a BASE and a TARGET image")
			case format != "text" && format != "json":
				return errors.New("--format: choose text or json")
			case top < 0:
				return errors.New("--top: give a number of rows, 0 for all")
			case fast && c.Flags().Changed("level"):
				return errors.New("choose one of --fast and --level")
			}
			return stdinOnce(args...)
		},
		ValidArgsFunction: completeImages,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.createInMuch()
			opt, err := a.imageOptions(&images)
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			var pair [2]image.Image
			for i, ref := range args {
				img, err := image.Open(ctx, ref, opt)
				if err != nil {
					return err
				}
				defer img.Close()
				pair[i] = img
			}
			if fast {
				level.level = delta.Fast
			}
			var r *report.Report
			look := func() (err error) {
				r, err = report.Make(ctx, pair[0], pair[1], report.Options{
					Resources: a.resources(), NoDelta: noCost, Level: level.level, Exact: exact.exact})
				a.ui.done()
				return err
			}
			page := func(w io.Writer) error {
				if err := look(); err != nil {
					return err
				}
				return r.HTML(w)
			}
			switch html {
			case "":
				if err := look(); err != nil {
					return err
				}
			case "-":
				return page(a.ui.out)
			default:
				// The file comes first: where it cannot be, no work is done.
				if err := a.writeFile(html, page); err != nil {
					return err
				}
				a.ui.say("%s: a page for a browser", html)
				if !cmd.Flags().Changed("format") {
					return nil
				}
			}
			if format == "json" {
				return r.JSON(a.ui.out)
			}
			return r.Text(a.ui.out, report.TextOptions{Width: a.ui.width(), Top: top})
		},
	}
	images.register(c)
	level.register(c)
	c.Flags().Var(&exact, "exact", "compressed layers that the delta gives back: auto, require or off, as with create")
	_ = c.RegisterFlagCompletionFunc("exact", fixed("auto", "require", "off"))
	c.Flags().BoolVar(&fast, "fast", false, "short for --level fast")
	c.Flags().BoolVar(&noCost, "no-cost", false, "do not create the delta to see what it costs")
	c.Flags().StringVar(&format, "format", "text", "text or json")
	c.Flags().StringVar(&html, "html", "", "write the report as a page for browsers to this file, in place of one that is there, - for the standard output; no text unless --format is given")
	c.Flags().IntVar(&top, "top", 25, "rows of each table, 0 for all")
	_ = c.RegisterFlagCompletionFunc("format", fixed("text", "json"))
	return c
}

// textWidth is the width of what is written to something else than a terminal.
const textWidth = 100

// width is the number of columns for results: that of the terminal, or what
// COLUMNS says.
func (u *ui) width() int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if f, ok := u.out.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
	}
	return textWidth
}
