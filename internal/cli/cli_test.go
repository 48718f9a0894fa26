package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/demo"
	"github.com/docker-delta/docker-delta/signature"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"docker-delta": func() { os.Exit(Main()) }})
}

// TestScripts runs the program as a person does. The scripts have the demo
// images at hand, as $V1 to $V3, and three commands beside testscript's own:
//
//	exits CODE COMMAND…  runs a command, which must exit with the code
//	cut FILE BYTES       drops the end of a file
//	empty DIR            fails if anything is left in the directory
func TestScripts(t *testing.T) {
	images := t.TempDir()
	for version := 1; version <= 3; version++ {
		var b bytes.Buffer
		if err := demo.WriteImage(&b, version); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(images, "v"+strconv.Itoa(version)), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			tmp := filepath.Join(e.WorkDir, "tmp")
			e.Setenv("TMPDIR", tmp)
			e.Setenv("V1", filepath.Join(images, "v1"))
			e.Setenv("V2", filepath.Join(images, "v2"))
			e.Setenv("V3", filepath.Join(images, "v3"))
			list := fmt.Sprintf("# base target name\n%s %s\n\n- %[1]s registry.example/old:1\n", e.Getenv("V1"), e.Getenv("V2"))
			if err := os.WriteFile(filepath.Join(e.WorkDir, "list.txt"), []byte(list), 0o644); err != nil {
				return err
			}
			e.Setenv("DOCKER_HOST", "unix://"+filepath.Join(e.WorkDir, "no-daemon.sock"))
			return os.MkdirAll(tmp, 0o777)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": func(ts *testscript.TestScript, _ bool, args []string) {
				err := ts.Exec(args[1], args[2:]...)
				code := 0
				var exit *exec.ExitError
				if errors.As(err, &exit) {
					code = exit.ExitCode()
				} else if err != nil {
					ts.Fatalf("%v", err)
				}
				if strconv.Itoa(code) != args[0] {
					ts.Fatalf("exit code %d", code)
				}
			},
			"cut": func(ts *testscript.TestScript, _ bool, args []string) {
				n, err := strconv.ParseInt(args[1], 10, 64)
				ts.Check(err)
				st, err := os.Stat(ts.MkAbs(args[0]))
				ts.Check(err)
				ts.Check(os.Truncate(ts.MkAbs(args[0]), st.Size()-n))
			},
			"empty": func(ts *testscript.TestScript, _ bool, args []string) {
				entries, err := os.ReadDir(ts.MkAbs(args[0]))
				ts.Check(err)
				if len(entries) > 0 {
					ts.Fatalf("left behind: %v", entries)
				}
			},
		},
	})
}

// run runs a command line in this process.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Run(context.Background(), args, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// mustRun gives what a command prints as its result.
func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errs := run(t, args...)
	if code != ExitOK {
		t.Fatalf("docker-delta %s: exit code %d\n%s", strings.Join(args, " "), code, errs)
	}
	return strings.TrimSpace(out)
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
	}{
		{nil, ExitOK},
		{errors.New("x"), ExitFailure},
		{usageError{errors.New("x")}, ExitUsage},
		{delta.ErrBase, ExitBase},
		{delta.ErrVerify, ExitVerify},
		{&image.DigestError{}, ExitVerify},
		{signature.ErrMissing, ExitSignature},
		{errors.Join(delta.ErrBase, &image.DigestError{}), ExitBase},
		{context.Canceled, ExitInterrupted},
	} {
		if got := ExitCode(c.err); got != c.code {
			t.Errorf("%v: %d, want %d", c.err, got, c.code)
		}
	}
}

func TestPluginArguments(t *testing.T) {
	a := &app{ui: newUI(nil, nil)}
	root := a.root()
	for in, want := range map[string]string{
		"delta create a b":         "create a b",
		"-H tcp://x delta create":  "-H tcp://x create",
		"--host=x delta apply":     "--host=x apply",
		"--context delta delta x":  "--context delta x",
		"-D delta inspect delta":   "-D inspect delta",
		"create delta b":           "create delta b",
		"":                         "",
		"delta":                    "",
		"-q create --level fast x": "-q create --level fast x",
	} {
		if got := strings.Join(withoutPluginName(root, strings.Fields(in)), " "); got != want {
			t.Errorf("%q gave %q, want %q", in, got, want)
		}
	}
}

func TestSizes(t *testing.T) {
	for in, want := range map[string]int64{"0": 0, "17": 17, "2K": 2048, "2k": 2048, "3M": 3 << 20, "1G": 1 << 30, "1GiB": 1 << 30, "5T": 5 << 40} {
		if got, err := parseSize(in); err != nil || got != want {
			t.Errorf("%q: %d, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "K", "-1", "1.5G", "x", "9999999T"} {
		if got, err := parseSize(in); err == nil {
			t.Errorf("%q was read as %d", in, got)
		}
	}
	for in, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1 kB", 1234567: "1.23 MB", 5e12: "5 TB"} {
		if got := size(in); got != want {
			t.Errorf("%d: %q, want %q", in, got, want)
		}
	}
}
