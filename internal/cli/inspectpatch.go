package cli

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/format"
)

// isPatch tells that what was opened as a delta is a patch between plain files.
func isPatch(err error) bool { return errors.Is(err, format.ErrPatch) }

// inspectPatch shows a patch between plain files.
func (a *app) inspectPatch(path, format string) error {
	files, closeAll, err := openFiles(path)
	if err != nil {
		return err
	}
	defer closeAll()
	info, err := delta.InspectFile(files[0], files[0].size)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return a.show(info, format, func(out io.Writer) error { return patchText(out, info) })
}

func patchText(out io.Writer, info *delta.PatchInfo) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "patch\t%s, format %d, between two plain files\n", size(info.Size), info.FormatVersion)
	fmt.Fprintf(w, "old file\t%s, %s\n", size(info.Old.Size), info.Old.Digest)
	fmt.Fprintf(w, "new file\t%s, %s\n", size(info.New.Size), info.New.Digest)
	fmt.Fprintf(w, "apply with\tdocker-delta file apply OLD PATCH -o NEW\n")
	return w.Flush()
}
