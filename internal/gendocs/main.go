// Command gendocs writes the program's manual from the commands themselves.
//
//	go run ./internal/gendocs man DIR        man pages, section 1
//	go run ./internal/gendocs reference FILE one page of Markdown with all commands
//
// The same source gives the same bytes.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

	"github.com/docker-delta/docker-delta/internal/cli"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gendocs:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("say man DIR or reference FILE")
	}
	switch args[0] {
	case "man":
		return manPages(args[1])
	case "reference":
		var b bytes.Buffer
		if err := reference(&b); err != nil {
			return err
		}
		return os.WriteFile(args[1], b.Bytes(), 0o644)
	}
	return fmt.Errorf("%q: say man DIR or reference FILE", args[0])
}

// manPages writes one page for each command.
func manPages(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root := cli.Command()
	return visit(root, func(c *cobra.Command) error {
		var b bytes.Buffer
		c.DisableAutoGenTag = true
		plainText(c)
		header := &doc.GenManHeader{
			Section: "1", Source: "docker-delta", Manual: "docker-delta manual",
			Date: new(time.Unix(0, 0)), // no date, so that the page depends on nothing but the source
		}
		if err := doc.GenMan(c, header, &b); err != nil {
			return err
		}
		page := undated.ReplaceAll(b.Bytes(), []byte(`$1 ""`))
		name := strings.ReplaceAll(c.CommandPath(), " ", "-") + ".1"
		return os.WriteFile(filepath.Join(dir, name), page, 0o644)
	})
}

// plainText keeps words from being taken for Markdown, which the generator of
// man pages reads.
func plainText(c *cobra.Command) {
	c.Short, c.Long = escape(c.Short), escape(c.Long)
	c.NonInheritedFlags().VisitAll(func(f *pflag.Flag) { f.Usage = escape(f.Usage) })
}

var escape = strings.NewReplacer("[", `\[`, "]", `\]`, "*", `\*`, "_", `\_`, "<", `\<`).Replace

// undated finds the date in a man page's title.
var undated = regexp.MustCompile(`(?m)^(\.TH "[^"]*" "1") "[^"]*"`)

// reference writes all commands on one page.
func reference(w io.Writer) error {
	root := cli.Command()
	out := new(bytes.Buffer)
	fmt.Fprint(out, "# Commands\n\nWritten from the program itself by `make reference`; `docker-delta COMMAND --help` says the same.\n")
	_ = visit(root, func(c *cobra.Command) error {
		fmt.Fprintf(out, "\n## %s\n\n", c.CommandPath())
		text := c.Long
		if text == "" {
			text = c.Short + "."
		}
		fmt.Fprintf(out, "%s\n", text)
		if c.Runnable() && c != root {
			fmt.Fprintf(out, "\n    %s\n", c.UseLine())
		}
		if c.Example != "" {
			fmt.Fprintf(out, "\nExamples:\n\n%s\n", indent(c.Example))
		}
		flags(out, "", c.NonInheritedFlags())
		return nil
	})
	_, err := w.Write(out.Bytes())
	return err
}

// indent makes every line of an example part of a code block.
func indent(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight("    "+strings.TrimPrefix(l, "  "), " ")
	}
	return strings.Join(lines, "\n")
}

func flags(out io.Writer, title string, set *pflag.FlagSet) {
	head := false
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		if !head {
			fmt.Fprintf(out, "%s\n| flag | meaning |\n| --- | --- |\n", title)
			head = true
		}
		name := "`--" + f.Name
		if kind, _ := pflag.UnquoteUsage(f); kind != "" {
			name += " " + kind
		}
		name += "`"
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		_, usage := pflag.UnquoteUsage(f)
		switch f.DefValue {
		case "", "false", "0", "[]", "0s":
		default:
			usage += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(out, "| %s | %s |\n", name, strings.ReplaceAll(usage, "|", `\|`))
	})
}

// visit calls f for a command and those below it, in the order of their names.
func visit(c *cobra.Command, f func(*cobra.Command) error) error {
	if c.Hidden || c.Name() == "help" {
		return nil
	}
	if err := f(c); err != nil {
		return err
	}
	for _, sub := range c.Commands() {
		if err := visit(sub, f); err != nil {
			return err
		}
	}
	return nil
}
