package cli

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/heap"
	"github.com/docker-delta/docker-delta/internal/limit"
)

// globalFlags are understood by every command; docker's own global flags are
// among them, since docker passes them on to its plugins.
type globalFlags struct {
	quiet, debug, noProgress bool

	host, context string

	tempDir string
	maxTemp string

	maxMemory, maxImage string
	jobs                int

	maxTempBytes, maxMemoryBytes, maxImageBytes int64
}

func (f *globalFlags) register(root *cobra.Command) {
	p := root.PersistentFlags()
	p.BoolVarP(&f.quiet, "quiet", "q", false, "print results and errors only")
	p.BoolVarP(&f.debug, "debug", "D", false, "print what is recognised and decided, and the time of each step")
	p.BoolVar(&f.noProgress, "no-progress", false, "print no progress")
	p.StringVarP(&f.host, "host", "H", "", "address of the docker daemon (default: DOCKER_HOST, then the docker context)")
	p.StringVarP(&f.context, "context", "c", "", "docker context to use")
	p.StringVar(&f.tempDir, "temp-dir", "", "directory for temporary files (default: TMPDIR)")
	p.StringVar(&f.maxTemp, "max-temp", "", "most bytes in temporary files, as in 20G (default: nine tenths of what is free there)")
	p.StringVar(&f.maxMemory, "max-memory", "", "most memory for what images and deltas list, as in 500M (default: half of what there is)")
	p.StringVar(&f.maxImage, "max-image", "", "largest image to rebuild, by its layers as tars (default: no limit)")
	p.IntVarP(&f.jobs, "jobs", "j", 0, "cores to use (default: all)")
	// Docker passes these on; they make no difference here.
	p.String("config", "", "")
	p.StringP("log-level", "l", "", "")
	for _, name := range []string{"config", "log-level"} {
		_ = p.MarkHidden(name)
	}
	_ = root.MarkPersistentFlagDirname("temp-dir")
}

func (f *globalFlags) apply(u *ui) error {
	u.configure(f.quiet, f.debug, f.noProgress)
	if f.jobs < 0 {
		return usageError{fmt.Errorf("--jobs %d: give the number of cores", f.jobs)}
	}
	for _, size := range []struct {
		name, text string
		bytes      *int64
	}{{"temp", f.maxTemp, &f.maxTempBytes}, {"memory", f.maxMemory, &f.maxMemoryBytes}, {"image", f.maxImage, &f.maxImageBytes}} {
		if size.text == "" {
			continue
		}
		n, err := parseSize(size.text)
		if err == nil && n == 0 {
			err = errors.New("nothing can be done with 0 bytes")
		}
		if err != nil {
			return usageError{fmt.Errorf("--max-%s: %w", size.name, err)}
		}
		*size.bytes = n
	}
	if f.maxMemoryBytes == 0 {
		f.maxMemoryBytes = limit.Machine() / 2
	}
	return nil
}

func (a *app) resources() delta.Resources {
	return delta.Resources{
		TempDir: a.flags.tempDir, MaxTemp: a.flags.maxTempBytes, MaxMemory: a.flags.maxMemoryBytes, MaxImage: a.flags.maxImageBytes, Concurrency: a.flags.jobs,
		Progress: a.ui.progress, Debugf: a.ui.debugf(),
	}
}

// collectFrom is where the garbage collector starts to work harder, in bytes, if
// --max-memory does not say less.
const collectFrom = 1 << 30

// limitMemory makes the garbage collector keep to what is allowed, as far as it can.
func (a *app) limitMemory() (most int64) {
	most = collectFrom
	if n := a.flags.maxMemoryBytes; n > 0 && (a.flags.maxMemory != "" || n < most) {
		most = n
	}
	debug.SetMemoryLimit(most)
	return most
}

// createInMuch lets creating take its memory quickly.
func (a *app) createInMuch() { heap.Huge(min(a.limitMemory(), collectFrom)) }

// applyInLittle keeps applying small: hosts that apply often have little memory.
func (a *app) applyInLittle() {
	debug.SetGCPercent(50)
	a.limitMemory()
}

// parseSize reads a number of bytes with an optional unit, K to T, of 1024.
func parseSize(s string) (int64, error) {
	digits := strings.TrimRight(strings.ToUpper(s), "IB")
	shift := 0
	if i := strings.IndexAny("KMGT", last(digits)); i >= 0 && digits != "" {
		shift = 10 * (i + 1)
		digits = digits[:len(digits)-1]
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > 1<<62>>shift {
		return 0, fmt.Errorf("%q is no size; write it as in 500M or 20G", s)
	}
	return n << shift, nil
}

func last(s string) string {
	if s == "" {
		return "-"
	}
	return s[len(s)-1:]
}

// imageFlags say how images are found.
type imageFlags struct {
	platform  string
	authfile  string
	certDir   string
	plainHTTP bool
	tlsVerify bool
	readStore readStoreFlag

	set *pflag.FlagSet
}

func (f *imageFlags) register(c *cobra.Command) {
	f.registerAccess(c)
	f.registerPlatform(c)
	c.Flags().Var(&f.readStore, "read-store", "read images of a local docker daemon from its files: auto, always or never (then by docker save)")
	_ = c.RegisterFlagCompletionFunc("read-store", fixed("auto", "always", "never"))
}

// registerPlatform is for commands that choose among the images of an index.
func (f *imageFlags) registerPlatform(c *cobra.Command) {
	c.Flags().StringVar(&f.platform, "platform", "", "platform to choose, os/arch[/variant] (default: DOCKER_DEFAULT_PLATFORM, then this machine's)")
}

// registerAccess is for commands that open registries, and no images.
func (f *imageFlags) registerAccess(c *cobra.Command) {
	p := c.Flags()
	f.set = p
	p.StringVar(&f.authfile, "authfile", "", "file with registry credentials (default: REGISTRY_AUTH_FILE, then as skopeo and docker)")
	p.StringVar(&f.certDir, "cert-dir", "", "directory with certificates for registries")
	p.BoolVar(&f.tlsVerify, "tls-verify", true, "require HTTPS and valid certificates of registries")
	p.BoolVar(&f.plainHTTP, "plain-http", false, "talk plain HTTP to registries")
}

func (a *app) imageOptions(f *imageFlags) (image.Options, error) {
	opt := image.Options{
		Authfile: f.authfile, CertDir: f.certDir, PlainHTTP: f.plainHTTP,
		DockerHost: a.flags.host, DockerContext: a.flags.context, TempDir: a.flags.tempDir, MaxTemp: a.flags.maxTempBytes, Debugf: a.ui.debugf(),
		ReadStore: f.readStore.ReadStore,
	}
	if f.set.Changed("tls-verify") {
		opt.TLSVerify = &f.tlsVerify
	}
	if f.platform != "" {
		p, err := image.ParsePlatform(f.platform)
		if err != nil {
			return opt, usageError{fmt.Errorf("--platform: %w", err)}
		}
		opt.Platform = &p
	}
	return opt, nil
}

// readStoreFlag is --read-store.
type readStoreFlag struct{ image.ReadStore }

func (r *readStoreFlag) Type() string { return "when" }
func (r *readStoreFlag) Set(s string) (err error) {
	r.ReadStore, err = image.ParseReadStore(s)
	return err
}

// levelFlag is --level.
type levelFlag struct{ level delta.Level }

func (l *levelFlag) register(c *cobra.Command) {
	l.level = delta.Default
	c.Flags().Var(l, "level", "how hard to look: fast, default or max")
	_ = c.RegisterFlagCompletionFunc("level", fixed("fast", "default", "max"))
}

func (l *levelFlag) Type() string { return "level" }
func (l *levelFlag) String() string {
	return map[delta.Level]string{delta.Fast: "fast", delta.Default: "default", delta.Max: "max"}[l.level]
}

func (l *levelFlag) Set(s string) error {
	switch s {
	case "fast":
		l.level = delta.Fast
	case "default":
		l.level = delta.Default
	case "max":
		l.level = delta.Max
	default:
		return fmt.Errorf("choose fast, default or max")
	}
	return nil
}

// exactFlag is --exact.
type exactFlag struct{ exact delta.Exactness }

func (e *exactFlag) Type() string { return "when" }
func (e *exactFlag) String() string {
	return map[delta.Exactness]string{delta.ExactAuto: "auto", delta.ExactRequire: "require", delta.ExactOff: "off"}[e.exact]
}

func (e *exactFlag) Set(s string) error {
	switch s {
	case "auto":
		e.exact = delta.ExactAuto
	case "require":
		e.exact = delta.ExactRequire
	case "off":
		e.exact = delta.ExactOff
	default:
		return fmt.Errorf("choose auto, require or off")
	}
	return nil
}

func fixed(words ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
}

// completeImages offers transports and files.
func completeImages(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	var list []string
	for _, t := range image.Transports() {
		prefix := string(t) + ":"
		if t == image.Registry {
			prefix += "//"
		}
		if strings.HasPrefix(prefix, typed) && prefix != typed {
			list = append(list, prefix)
		}
	}
	return list, cobra.ShellCompDirectiveNoSpace
}
