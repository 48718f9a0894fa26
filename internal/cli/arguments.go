package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/docker-delta/docker-delta/image"
)

// exactly asks for these arguments, as in exactly("a DELTA", "a REPOSITORY").
func exactly(what ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) > 0 && len(what) == 0:
			return fmt.Errorf("%s takes no arguments; see %[1]s --help", cmd.CommandPath())
		case len(args) != len(what):
			return fmt.Errorf("give %s; see %s --help", strings.Join(what, " and "), cmd.CommandPath())
		}
		return nil
	}
}

// knownCommand refuses words that are no command, and says which one was meant.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := fmt.Sprintf("see %s --help", cmd.CommandPath())
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return fmt.Errorf("there is no command %q; %s", args[0], hint)
}

// usageErrors makes every complaint about arguments a usageError.
func usageErrors(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usageError{err}
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		usageErrors(sub)
	}
}

// stdinOnce refuses references that would read the standard input twice.
func stdinOnce(refs ...string) error {
	n := 0
	for _, ref := range refs {
		if r, err := image.ParseReference(ref); err == nil && r.IsStdio() {
			n++
		}
	}
	if n > 1 {
		return errors.New("the standard input (-) can be read once only; give one of them as a file")
	}
	return nil
}

// checkResult refuses names and places for a result that cannot be, before any work
// is done.
func checkResult(to string, tags []string) error {
	for _, t := range tags {
		if _, err := image.NormalizeName(t); err != nil {
			return usageError{fmt.Errorf("--tag %s: %w", t, err)}
		}
	}
	if to == "" {
		return nil
	}
	if _, err := image.ParseDestination(to); err != nil {
		return usageError{fmt.Errorf("--to: %w", err)}
	}
	return nil
}

// isStdout tells whether a result goes to the standard output.
func isStdout(to string) bool {
	r, err := image.ParseDestination(to)
	return err == nil && r.IsStdio()
}
