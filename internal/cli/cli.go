// Package cli is the command line: one file a command, thin over the library.
//
// Results go to the standard output, everything else to the standard error,
// through [ui] alone. Exit codes: see [ExitCode].
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/signature"
)

// Exit codes of the program.
const (
	ExitOK          = 0
	ExitFailure     = 1   // anything not named below
	ExitUsage       = 2   // the command line does not make sense
	ExitBase        = 3   // the base is missing or not the right one
	ExitVerify      = 4   // a digest or checksum does not hold
	ExitSignature   = 5   // it is not signed as required
	ExitInterrupted = 130 // stopped by SIGINT or SIGTERM
)

// usageError is a mistake on the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// interrupted says that a signal ended the command.
type interrupted struct{}

func (interrupted) Error() string { return "interrupted before it was done" }

func (interrupted) Unwrap() error { return context.Canceled }

// ExitCode gives the exit code for an error.
func ExitCode(err error) int {
	var usage usageError
	var digest *image.DigestError
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &usage):
		return ExitUsage
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	case errors.Is(err, signature.ErrSignature):
		return ExitSignature
	case errors.Is(err, delta.ErrBase):
		return ExitBase
	case errors.Is(err, delta.ErrVerify), errors.As(err, &digest):
		return ExitVerify
	}
	return ExitFailure
}

// app is what all commands share.
type app struct {
	ui    *ui
	stdin io.Reader
	flags globalFlags
}

// Main runs the program and returns its exit code.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	return Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}

// Run runs one command line.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{ui: newUI(stdout, stderr), stdin: stdin}
	root := a.root()
	root.SetArgs(withoutPluginName(root, args))
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err != nil && ctx.Err() != nil {
		err = interrupted{}
	}
	a.ui.done()
	if err != nil {
		a.ui.error(err)
	}
	return ExitCode(err)
}

// withoutPluginName drops the word "delta" that docker puts before a plugin's
// own arguments, which may follow docker's global flags, or the request for
// completions.
func withoutPluginName(root *cobra.Command, args []string) []string {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if i == 0 && (arg == cobra.ShellCompRequestCmd || arg == cobra.ShellCompNoDescRequestCmd) {
			continue
		}
		if arg == "delta" {
			return append(append([]string{}, args[:i]...), args[i+1:]...)
		}
		if !strings.HasPrefix(arg, "-") {
			return args
		}
		name := strings.TrimLeft(arg, "-")
		flag := root.PersistentFlags().Lookup(name)
		if flag == nil && len(name) == 1 {
			flag = root.PersistentFlags().ShorthandLookup(name)
		}
		if flag != nil && flag.NoOptDefVal == "" {
			i++ // its value
		}
	}
	return args
}

// Command is the whole command line, for what is written about it.
func Command() *cobra.Command {
	root := (&app{ui: newUI(io.Discard, io.Discard)}).root()
	root.InitDefaultCompletionCmd()
	return root
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "docker-delta",
		Short: "Ship a container image update as the few bytes that changed",
		Long: `docker-delta writes the difference between two container images as a small
package, and gives the new image back from the old one and the package: the same
image ID, the same layers and, wherever the image was compressed by a known
program, the same manifest digest.

An IMAGE is a path that exists (a docker-archive, an oci-archive, an OCI layout
or dir: directory, recognised by what is in it), a reference with a transport as
Skopeo has them (docker://, oci:, oci-archive:, docker-archive:, dir:,
docker-daemon:), or else an image in the docker daemon.

A result takes the place of a file that has its name, without a question, once it is
whole; after a failure, the old file is still there. Only create and file create
refuse a file that they read. An OCI layout keeps its other images, and a tag moves.

Exit codes: 0 success; 1 failure; 2 wrong usage; 3 the base is missing or not
the right one; 4 verification failed; 5 not signed as required; 130 interrupted.`,
		Example: `  docker-delta demo
  docker-delta create app:v1 app:v2 -o app.delta
  docker-delta apply app.delta`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       buildInfo(),
		Args:          knownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("docker-delta {{.Version}}")
	root.InitDefaultVersionFlag()
	root.Flags().Lookup("version").Usage = "print the version, and what the program was built from and with"
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if strings.Contains(err.Error(), "flag: 'o' in") && cmd.Flags().Lookup("to") != nil {
			return usageError{fmt.Errorf("%w; name the image to write with --to IMAGE, which may be a file", err)}
		}
		if strings.HasPrefix(err.Error(), "unknown ") {
			return usageError{fmt.Errorf("%w; %s --help lists the flags", err, cmd.CommandPath())}
		}
		return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
	})
	a.flags.register(root)
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return a.flags.apply(a.ui) }
	root.AddCommand(a.create(), a.apply(), a.compose(), a.inspect(), a.diff(), a.verify(), a.sign(), a.file(), a.demo(), pluginMetadata())
	root.AddCommand(a.push(), a.list(), a.pull(), a.publish())
	usageErrors(root)
	return root
}

// pluginMetadata answers docker's question to its plugins.
func pluginMetadata() *cobra.Command {
	return &cobra.Command{
		Use:    "docker-cli-plugin-metadata",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(cmd.OutOrStdout(),
				`{"SchemaVersion":"0.1.0","Vendor":"docker-delta","Version":"`+version()+`","ShortDescription":"Ship image updates as small deltas"}`+"\n")
			return err
		},
	}
}
