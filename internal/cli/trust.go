package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/spool"
	"github.com/docker-delta/docker-delta/signature"
)

// systemPolicy holds where the user has no policy of their own.
const systemPolicy = "/etc/docker-delta/policy.json"

// trustFlags say whose signature a package must have.
type trustFlags struct {
	require   bool
	keys      []string
	policy    string
	signature string // file with the package's signature
}

func (f *trustFlags) register(c *cobra.Command) {
	p := c.Flags()
	p.BoolVar(&f.require, "require-signature", false, "accept only what is signed with a key of --key or of the policy")
	p.StringArrayVar(&f.keys, "key", nil, "minisign public key, or its file, that must have signed (may be repeated: one of them must)")
	p.StringVar(&f.policy, "policy", "", "file that says which names need whose signature (default: docker-delta/policy.json in the user's configuration, then "+systemPolicy+")")
}

// registerFile adds what concerns packages in files.
func (f *trustFlags) registerFile(c *cobra.Command) {
	f.register(c)
	c.Flags().StringVar(&f.signature, "signature", "", "file with the signature (default: the name of what it signs, and "+signature.Suffix+")")
}

// trust reads keys and policy. It is nil where nothing is asked for.
func (f *trustFlags) trust() (*signature.Trust, error) {
	t := new(signature.Trust)
	for _, s := range f.keys {
		k, err := signature.ParsePublicKey([]byte(s))
		if err != nil {
			if k, err = signature.ReadPublicKey(s); err != nil {
				return nil, usageError{fmt.Errorf("--key: %w", err)}
			}
		}
		t.Keys = append(t.Keys, k)
	}
	var err error
	if t.Policy, err = readPolicy(f.policy); err != nil {
		return nil, err
	}
	if f.require && len(t.Keys) == 0 {
		if t.Policy == nil || len(t.Policy.Keys()) == 0 {
			return nil, usageError{errors.New("--require-signature: whose? name the public key with --key, or write a policy")}
		}
		t.Keys = t.Policy.Keys()
	}
	if f.signature != "" && !t.Asks() {
		return nil, usageError{errors.New("--signature: name the public key that it is to be checked with, by --key or a policy")}
	}
	if len(t.Keys) == 0 && t.Policy == nil {
		return nil, nil
	}
	return t, nil
}

// readPolicy reads the policy that holds, nil if there is none.
func readPolicy(path string) (*signature.Policy, error) {
	if path != "" {
		p, err := signature.ReadPolicy(path)
		if err != nil {
			err = usageError{fmt.Errorf("--policy: %w", err)}
		}
		return p, err
	}
	places := []string{systemPolicy}
	if dir, err := os.UserConfigDir(); err == nil {
		places = []string{filepath.Join(dir, "docker-delta", "policy.json"), systemPolicy}
	}
	for _, place := range places {
		p, err := signature.ReadPolicy(place)
		if errors.Is(err, os.ErrNotExist) {
			if _, lerr := os.Lstat(place); lerr != nil {
				continue // it is not there, rather than a link to nowhere or a key that is not there
			}
		}
		return p, err
	}
	return nil, nil
}

// signatureOf reads the signature of a file, nil if it has none.
func (f *trustFlags) signatureOf(path string) ([]byte, error) {
	if f.signature != "" {
		return signature.Read(f.signature)
	}
	if path == "-" {
		return nil, nil
	}
	text, err := signature.Read(strings.TrimRight(path, "/") + signature.Suffix)
	if errors.Is(err, signature.ErrMissing) {
		err = nil
	}
	return text, err
}

// openDelta opens a package without asking for a signature.
func (a *app) openDelta(ctx context.Context, path string) (*delta.Delta, error) {
	return a.openWith(ctx, path, delta.OpenOptions{MaxMemory: a.flags.maxMemoryBytes})
}

// openSigned opens a package that must be signed as the flags and the policy say.
func (a *app) openSigned(ctx context.Context, path string, f *trustFlags) (*delta.Delta, error) {
	trust, err := f.trust()
	if err != nil {
		return nil, err
	}
	opt := delta.OpenOptions{Trust: trust, MaxMemory: a.flags.maxMemoryBytes}
	if trust.Asks() {
		text, err := f.signatureOf(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if text != nil {
			opt.Signatures = [][]byte{text}
		}
	}
	d, err := a.openWith(ctx, path, opt)
	if err != nil {
		return nil, f.explain(path, err)
	}
	a.showSigners(d.Signers())
	return d, nil
}

// explain says where a signature that lacks was looked for.
func (f *trustFlags) explain(path string, err error) error {
	if !errors.Is(err, signature.ErrMissing) || f.signature != "" {
		return err
	}
	if path == "-" {
		return fmt.Errorf("%w; give that of the standard input with --signature FILE", err)
	}
	return fmt.Errorf("%w; %s is not there: fetch it too, or name another with --signature", err, strings.TrimRight(path, "/")+signature.Suffix)
}

func (a *app) showSigners(by []signature.Signer) {
	for _, s := range by {
		a.ui.say("signed with key %s: %s", s.Key.ID, s.Comment)
	}
}

// openWith opens a package; "-" is read to a temporary file first.
func (a *app) openWith(ctx context.Context, path string, opt delta.OpenOptions) (*delta.Delta, error) {
	if path != "-" {
		d, err := delta.OpenSigned(ctx, path, opt)
		if err != nil {
			return nil, noDelta(path, err)
		}
		return d, nil
	}
	f, err := spool.NewDir(a.flags.tempDir, a.flags.maxTempBytes).Create()
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(f, a.stdin); err != nil {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	d, err := delta.ReadSigned(ctx, f, f.Size(), opt)
	if err != nil {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	return d, nil
}

// resultNames are what a result is called by its tags and by where it goes.
func resultNames(to string, tags []string) []string {
	names := append([]string{}, tags...)
	ref, err := image.ParseDestination(to)
	if err != nil {
		return names // which writing will report
	}
	switch ref.Transport {
	case image.Registry, image.DockerDaemon, image.ContainersStorage:
		names = append(names, ref.Path)
	case image.OCILayout, image.OCIArchive, image.DockerArchive:
		if strings.Contains(ref.Select, "/") {
			names = append(names, ref.Select)
		}
	}
	return names
}

// signedFile gives an open file to read from after its signature was checked, if
// the flags or the policy ask for one.
func (a *app) signedFile(path string, file sizedFile, f *trustFlags) (io.ReaderAt, error) {
	trust, err := f.trust()
	if err != nil || !trust.Asks() {
		return file, err
	}
	text, err := f.signatureOf(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r, by, err := trust.Open(file, file.size, text)
	if err == nil {
		err = trust.Allows(by, nil, nil)
	}
	if err != nil {
		return nil, f.explain(path, fmt.Errorf("%s: %w", path, err))
	}
	a.showSigners(by)
	return r, nil
}
