package cli

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/format"
)

func (a *app) file() *cobra.Command {
	c := &cobra.Command{
		Use:   "file",
		Short: "Do the same for two plain files",
		Args:  knownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.fileCreate(), a.fileApply())
	return c
}

func (a *app) fileCreate() *cobra.Command {
	var (
		level  levelFlag
		sign   signFlags
		output string
	)
	c := &cobra.Command{
		Use:     "create OLD NEW -o PATCH",
		Short:   "Write the patch that turns the old file into the new one",
		Example: `  docker-delta file create app-1.jar app-2.jar -o app.patch`,
		Args:    filesAnd(&output, "an OLD", "a NEW file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := keepsInputs(output, args...); err != nil {
				return err
			}
			if err := sign.load(a, output); err != nil {
				return err
			}
			files, closeAll, err := openFiles(args...)
			if err != nil {
				return err
			}
			defer closeAll()
			a.createInMuch()
			var made counter
			err = a.writeSigned(output, &sign, func(w io.Writer) error {
				return delta.CreateFile(cmd.Context(), io.MultiWriter(w, &made), files[0], files[0].size, files[1], files[1].size,
					delta.FileOptions{Resources: a.resources(), Level: level.level})
			})
			if err != nil {
				return err
			}
			name := output
			if name == "-" {
				name = "patch"
			}
			a.ui.say("%s: %s, %.2f%% of %s (%s)", name, size(int64(made)), percent(int64(made), files[1].size), args[1], size(files[1].size))
			return nil
		},
	}
	level.register(c)
	sign.registerFile(c)
	c.Flags().StringVarP(&output, "output", "o", "", "file to write, in place of one that is there; - for the standard output")
	return c
}

func (a *app) fileApply() *cobra.Command {
	var (
		trust  trustFlags
		output string
	)
	c := &cobra.Command{
		Use:     "apply OLD PATCH -o NEW",
		Short:   "Rebuild the new file from the old one and a patch",
		Example: `  docker-delta file apply app-1.jar app.patch -o app-2.jar`,
		Args:    filesAnd(&output, "an OLD file", "its PATCH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a.applyInLittle()
			if output == "-" {
				return usageError{errors.New("name a file with -o: nothing may be seen of the result before all of it is verified")}
			}
			files, closeAll, err := openFiles(args...)
			if err != nil {
				return err
			}
			defer closeAll()
			patch, err := a.signedFile(args[1], files[1], &trust)
			if err != nil {
				return err
			}
			return a.writeFile(output, func(w io.Writer) error {
				err := delta.ApplyFile(cmd.Context(), w, files[0], files[0].size, patch, files[1].size, a.resources())
				return patchError(args[0], args[1], err)
			})
		},
	}
	trust.registerFile(c)
	c.Flags().StringVarP(&output, "output", "o", "", "file to write, in place of one that is there")
	return c
}

// patchError names the file that an error of applying a patch is about, and what is
// to be done.
func patchError(old, patch string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, delta.ErrBase):
		return hinted{fmt.Errorf("%s: %w", old, err),
			fmt.Sprintf("give the file that the patch was made from: docker-delta inspect %s tells its size and digest", patch)}
	case errors.Is(err, format.ErrNotPatch):
		return hinted{fmt.Errorf("%s: %w", patch, err), "give OLD, then the PATCH that docker-delta file create has written"}
	}
	return fmt.Errorf("%s: %w", patch, err)
}

// filesAnd asks for these arguments and for -o.
func filesAnd(output *string, what ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if *output == "" {
			return errors.New("name the file to write with -o")
		}
		return exactly(what...)(cmd, args)
	}
}

// counter counts the bytes that are written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

type sizedFile struct {
	*os.File
	size int64
}

func openFiles(paths ...string) (files []sizedFile, closeAll func(), err error) {
	closeAll = func() {
		for _, f := range files {
			f.Close()
		}
	}
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			closeAll()
			return nil, nil, absent(path, err)
		}
		st, err := f.Stat()
		if err == nil && !st.Mode().IsRegular() {
			err = fmt.Errorf("%s is no regular file", path)
		}
		if err != nil {
			f.Close()
			closeAll()
			return nil, nil, err
		}
		files = append(files, sizedFile{f, st.Size()})
	}
	return files, closeAll, nil
}
