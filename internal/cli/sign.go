package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"go.podman.io/image/v5/docker/reference"
	"golang.org/x/term"

	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/atomicfile"
	"github.com/docker-delta/docker-delta/registry"
	"github.com/docker-delta/docker-delta/signature"
)

// passwordVariable holds the password of an encrypted key where nobody can type it.
const passwordVariable = "DOCKER_DELTA_SIGN_PASSWORD"

func (a *app) sign() *cobra.Command {
	var (
		flags  signFlags
		remote registryFlags
		attach string
	)
	c := &cobra.Command{
		Use:   "sign DELTA --key FILE",
		Short: "Sign a delta, so that receivers can require it",
		Long: `Sign a delta with a secret key of minisign. apply, verify and pull check the
signature with the public key (--key), and so does minisign itself:

  minisign -G -p release.pub -s release.key      makes a pair of keys
  minisign -V -p release.pub -m app.delta        checks the file

DELTA is a file, whose signature is written beside it; or a directory, where the
manifest of the package is signed; or docker://REPOSITORY@DIGEST for one in a
registry, where the manifest is signed and the signature is stored with it. With
--attach, a signature that was made elsewhere is stored there.

The password of an encrypted key is asked for, or taken from ` + passwordVariable + `.`,
		Example: `  docker-delta sign app.delta --key release.key
  docker-delta apply app.delta --key release.pub
  docker-delta sign docker://registry.example/app@sha256:… --key release.key`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := exactly("one DELTA")(cmd, args); err != nil {
				return err
			}
			inRegistry := strings.HasPrefix(args[0], registryPrefix)
			switch {
			case flags.key == "" && attach == "":
				return errors.New("name the secret key with --key; minisign -G -p FILE -s FILE makes a pair of keys")
			case attach != "" && !inRegistry:
				return errors.New("--attach is for deltas in a registry (docker://…)")
			case attach != "" && flags.key != "":
				return errors.New("--key makes a signature, --attach has one: give one of them")
			case inRegistry && flags.output != "":
				return errors.New("--signature: the signature of a delta in a registry is stored there")
			}
			return nil
		},
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault),
		RunE: func(cmd *cobra.Command, args []string) error {
			opt, err := a.registryOptions(&remote)
			if err != nil {
				return err
			}
			if strings.HasPrefix(args[0], registryPrefix) {
				return a.signRemote(cmd.Context(), args[0], &flags, attach, opt)
			}
			return a.signFile(args[0], &flags)
		},
	}
	remote.registerRemote(c)
	c.Flags().StringVar(&flags.key, "key", "", "secret key of minisign")
	c.Flags().StringVar(&attach, "attach", "", "file with a signature to store in the registry")
	flags.registerComment(c)
	c.Flags().StringVar(&flags.output, "signature", "", "file to write the signature to (default: DELTA"+signature.Suffix+")")
	return c
}

const registryPrefix = string(image.Registry) + "://"

// signFile signs a file, or the manifest of a package in a directory.
func (a *app) signFile(path string, flags *signFlags) error {
	st, err := os.Stat(path)
	if err != nil {
		return absent(path, err)
	}
	path = strings.TrimRight(path, "/")
	if err := flags.load(a, path); err != nil {
		return err
	}
	var text []byte
	switch {
	case st.IsDir():
		pkg, err := format.OpenPath(path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		defer pkg.Close()
		raw, err := pkg.RawManifest()
		if err != nil {
			return err
		}
		if text, err = flags.secret.Sign(bytes.NewReader(raw), flags.commentFor(path)); err != nil {
			return err
		}
	case st.Mode().IsRegular():
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if text, err = flags.secret.Sign(f, flags.commentFor(path)); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%s is no regular file", path)
	}
	if err := atomicfile.WriteFile(flags.output, text); err != nil {
		return err
	}
	return a.ui.result("%s", flags.output)
}

// signRemote signs the manifest of a package in a registry, or stores a signature
// that was made elsewhere.
func (a *app) signRemote(ctx context.Context, ref string, flags *signFlags, attach string, opt registry.Options) error {
	named, err := registry.ParseName(ref)
	if err != nil {
		return usageError{err}
	}
	what := ""
	switch n := named.(type) {
	case reference.Digested:
		what = n.Digest().String()
	case reference.Tagged:
		what = n.Tag()
	default:
		return usageError{fmt.Errorf("%s: name the delta by its digest, as push and list print it, or by its tag", ref)}
	}
	if err := flags.loadKey(a); err != nil {
		return err
	}
	repo, err := registry.Open(ctx, ref, opt)
	if err != nil {
		return err
	}
	desc, err := repo.Resolve(ctx, what)
	if err != nil {
		return err
	}
	raw, err := repo.Manifest(ctx, desc)
	if err != nil {
		return err
	}
	var m format.Manifest
	if err := json.Unmarshal(raw, &m); err != nil || m.ArtifactType != format.ArtifactType {
		return fmt.Errorf("%s: %w", ref, format.ErrNotPackage)
	}
	var text []byte
	if attach != "" {
		if text, err = signature.Read(attach); err == nil {
			_, err = signature.Parse(text)
		}
	} else {
		text, err = flags.secret.Sign(bytes.NewReader(raw), flags.commentFor("image:"+m.Annotations[format.AnnotationTarget]))
	}
	if err != nil {
		return err
	}
	if err := repo.PushSignature(ctx, desc, text, ""); err != nil {
		return err
	}
	return a.ui.result("%s@%s", repo.Name(), desc.Digest)
}

// signFlags say how what is made is signed.
type signFlags struct {
	key, output, comment string

	secret *signature.SecretKey // nil if nothing is signed
}

// register is for commands that store what they sign in a registry.
func (f *signFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.key, "sign-key", "", "secret key of minisign to sign with, see sign")
	f.registerComment(c)
}

// registerFile is for commands that write what they sign to a file.
func (f *signFlags) registerFile(c *cobra.Command) {
	f.register(c)
	c.Flags().StringVar(&f.output, "signature", "", "file to write the signature to (default: FILE"+signature.Suffix+")")
}

func (f *signFlags) registerComment(c *cobra.Command) {
	c.Flags().StringVar(&f.comment, "sign-comment", "", "line of text to sign along with it (default: its name)")
}

// load reads the key for signing the file path, before any work is done.
func (f *signFlags) load(a *app, path string) error {
	if f.key != "" && f.output == "" {
		if path == "-" {
			return usageError{errors.New("name the file for the signature with --signature, since the delta goes to the standard output")}
		}
		f.output = path + signature.Suffix
	}
	return f.loadKey(a)
}

// loadKey reads the key, if there is one.
func (f *signFlags) loadKey(a *app) error {
	if f.key == "" {
		if f.output != "" || f.comment != "" {
			return usageError{errors.New("--signature and --sign-comment go with a key to sign with")}
		}
		return nil
	}
	var err error
	if f.secret, err = signature.ReadSecretKey(f.key, func() ([]byte, error) { return a.password(f.key) }); err != nil {
		return err
	}
	if _, err = f.secret.Sign(strings.NewReader(""), f.comment); err != nil {
		err = usageError{fmt.Errorf("--sign-comment: %w", err)}
	}
	return err
}

// commentFor is signed along with a file. It has no time in it, so that the same
// file has the same signature.
func (f *signFlags) commentFor(path string) string {
	switch {
	case f.comment != "" || path == "-":
		return f.comment
	case strings.HasPrefix(path, "image:"):
		return printable(path)
	}
	return "file:" + printable(filepath.Base(path))
}

// password asks for a key's password.
func (a *app) password(key string) ([]byte, error) {
	if p, ok := os.LookupEnv(passwordVariable); ok {
		return []byte(p), nil
	}
	in, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil, fmt.Errorf("%s is encrypted: give its password in %s", key, passwordVariable)
	}
	a.ui.done()
	fmt.Fprintf(a.ui.err, "password of %s: ", key)
	p, err := term.ReadPassword(int(in.Fd()))
	fmt.Fprintln(a.ui.err)
	return p, err
}

// writeSigned writes a file as writeFile does, and its signature. What is signed is
// what was written, not what the file holds by then.
func (a *app) writeSigned(path string, f *signFlags, write func(io.Writer) error) error {
	if f.secret == nil {
		return a.writeFile(path, write)
	}
	h := signature.NewHash()
	err := a.writeFile(path, func(w io.Writer) error { return write(io.MultiWriter(w, h)) })
	if err != nil {
		return err
	}
	text, err := f.secret.SignHash(h, f.commentFor(path))
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(f.output, text)
}
