package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/image/internal/dockerapi"
)

// Daemon is a connection to a docker daemon.
type Daemon struct {
	client *dockerapi.Client
	info   dockerapi.Info
	opt    Options
}

// Connect reaches the daemon that the options name, in docker's own order: host,
// context, DOCKER_HOST, DOCKER_CONTEXT, current context, the default socket.
// It fails with ErrUnreachable, naming the address that was tried.
func Connect(ctx context.Context, opt Options) (*Daemon, error) {
	e, err := dockerapi.Resolve(opt.DockerHost, opt.DockerContext)
	if err != nil {
		return nil, err
	}
	c, err := dockerapi.Connect(ctx, e)
	if ue := (*dockerapi.UnreachableError)(nil); errors.As(err, &ue) {
		return nil, hint(fmt.Errorf("%w at %s: %w", ErrUnreachable, e, ue.Err), "%s", unreachableHint(ue))
	}
	if err != nil {
		return nil, err
	}
	d := &Daemon{client: c, opt: opt}
	if d.info, err = c.Info(ctx); err != nil {
		c.Close()
		return nil, fmt.Errorf("asking the docker daemon at %s: %w", e, err)
	}
	opt.debugf("docker daemon at %s: version %s, API %s, containerd store %t", e, d.info.ServerVersion, c.Version, d.Containerd())
	return d, nil
}

func unreachableHint(e *dockerapi.UnreachableError) string {
	switch text := e.Err.Error(); {
	case strings.Contains(text, "permission denied"):
		return "run as root or as a member of the group docker"
	case strings.HasPrefix(e.Endpoint.Host, "ssh://"):
		return "check that ssh reaches the host and that docker runs there"
	case e.Endpoint.Origin == "":
		return "start docker, set DOCKER_HOST, or use an archive or a registry instead (docker-archive:PATH, docker://NAME)"
	}
	return "start docker there, or correct " + e.Endpoint.Origin
}

// Close drops the connection.
func (d *Daemon) Close() error { return d.client.Close() }

// Address is where the daemon was found.
func (d *Daemon) Address() string { return d.client.Endpoint.String() }

// Containerd reports the containerd image store. There, an image ID is the
// digest of the manifest or index, and compressed blobs are kept; in the classic
// store it is the digest of the config, and there are no blobs.
func (d *Daemon) Containerd() bool { return d.info.Containerd() }

// DaemonImage is an image in a daemon.
type DaemonImage struct {
	ID      digest.Digest   // as the daemon counts, see Containerd
	Names   []string        // fully qualified tags, sorted
	Digests []digest.Digest // of manifests or indexes by which it was pulled
	DiffIDs []digest.Digest
	Size    int64 // as the daemon counts it, bytes
}

// Ref is a reference for [Open].
func (i *DaemonImage) Ref() string { return string(DockerDaemon) + ":" + i.ID.String() }

func newDaemonImage(in dockerapi.Image) (*DaemonImage, error) {
	out := &DaemonImage{ID: digest.Digest(in.ID), Size: in.Size}
	if err := checkDigest(out.ID); err != nil {
		return nil, fmt.Errorf("the image ID that the docker daemon gives: %w", err)
	}
	for _, n := range in.RepoTags {
		out.Names = addName(out.Names, n)
	}
	sort.Strings(out.Names)
	for _, n := range in.RepoDigests {
		if _, d, ok := strings.Cut(n, "@"); ok && checkDigest(digest.Digest(d)) == nil {
			out.Digests = append(out.Digests, digest.Digest(d))
		}
	}
	for _, l := range in.RootFS.Layers {
		out.DiffIDs = append(out.DiffIDs, digest.Digest(l))
	}
	return out, nil
}

// Inspect looks up an image by name, ID, or the beginning of an ID. It fails
// with ErrNotFound.
func (d *Daemon) Inspect(ctx context.Context, name string) (*DaemonImage, error) {
	in, err := d.client.Inspect(ctx, name)
	if errors.Is(err, dockerapi.ErrNotFound) {
		return nil, fmt.Errorf("the docker daemon at %s has no image %q (%w)", d.Address(), truncate(name, 300), ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return newDaemonImage(in)
}

// Images lists and inspects all images, sorted by ID.
func (d *Daemon) Images(ctx context.Context) ([]*DaemonImage, error) {
	list, err := d.client.Images(ctx)
	if err != nil {
		return nil, err
	}
	var out []*DaemonImage
	for _, s := range list {
		i, err := d.Inspect(ctx, s.ID)
		if errors.Is(err, ErrNotFound) { // removed meanwhile
			continue
		}
		if err != nil {
			d.opt.debugf("image %s: %v", s.ID, err)
			continue
		}
		out = append(out, i)
	}
	sort.Slice(out, func(a, b int) bool { return out[a].ID < out[b].ID })
	return out, nil
}

// Want describes a base image by all that is known of it.
type Want struct {
	// IDs are digests that may be its ID: of the config (classic store), the
	// manifest and the index (containerd store).
	IDs []digest.Digest
	// DiffIDs are the layers that are needed.
	DiffIDs []digest.Digest
	Names   []string
}

// FindBase finds an image by ID, else one that has all the layers, preferring
// fewer layers, else by name: then its layers may be others than those wanted,
// and the caller has to look. It fails with ErrNotFound.
func (d *Daemon) FindBase(ctx context.Context, want Want) (*DaemonImage, error) {
	for _, id := range want.IDs {
		i, err := d.Inspect(ctx, id.String())
		if err == nil {
			d.opt.debugf("base found in the daemon by its ID %s", id)
			return i, nil
		}
		if !errors.Is(err, ErrNotFound) {
			return nil, err
		}
	}
	if len(want.DiffIDs) > 0 {
		all, err := d.Images(ctx)
		if err != nil {
			return nil, err
		}
		var best *DaemonImage
		for _, i := range all {
			if i.hasLayers(want.DiffIDs) && (best == nil || len(i.DiffIDs) < len(best.DiffIDs)) {
				best = i
			}
		}
		if best != nil {
			d.opt.debugf("base found in the daemon by its layers: %s", best.ID)
			return best, nil
		}
	}
	for _, n := range want.Names {
		i, err := d.Inspect(ctx, familiar(n))
		if err == nil {
			d.opt.debugf("base found in the daemon by its name %s", n)
			return i, nil
		}
		if !errors.Is(err, ErrNotFound) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("the docker daemon at %s has no image with the wanted ID, layers or name (%w)", d.Address(), ErrNotFound)
}

func (i *DaemonImage) hasLayers(want []digest.Digest) bool {
	for _, w := range want {
		if !slices.Contains(i.DiffIDs, w) {
			return false
		}
	}
	return true
}

// openDaemon opens an image in a docker daemon.
func openDaemon(ctx context.Context, r Reference, opt *Options) (*top, error) {
	plain := r.raw == r.Path // typed without a transport
	d, err := Connect(ctx, *opt)
	if err != nil {
		if plain {
			why := &Error{Err: err}
			errors.As(err, &why)
			return nil, hint(fmt.Errorf("there is no file %q, and the docker daemon cannot be asked: %w", truncate(r.Path, 300), why.Err), "%s", why.Hint)
		}
		return nil, err
	}
	defer d.Close()
	in, err := d.client.Inspect(ctx, r.Path)
	if errors.Is(err, dockerapi.ErrNotFound) {
		name := truncate(r.Path, 300)
		err = fmt.Errorf("the docker daemon at %s has no image %q (%w)", d.Address(), name, ErrNotFound)
		if plain {
			err = fmt.Errorf("there is no file %q, and the docker daemon at %s has no image of that name (%w)", name, d.Address(), ErrNotFound)
		}
		return nil, hint(err, "docker images lists what it has; for a registry write docker://%s", r.Path)
	}
	if err != nil {
		return nil, err
	}
	img, err := newDaemonImage(in)
	if err != nil {
		return nil, err
	}
	t, err := d.read(ctx, img, opt)
	if err != nil {
		return nil, err
	}
	t.names = img.Names
	return t, nil
}

// export spools docker save's archive and opens it.
func (d *Daemon) export(ctx context.Context, img *DaemonImage, opt *Options) (*top, error) {
	platform := ""
	if d.Containerd() && d.client.AtLeast("1.48") {
		want, _, err := opt.wanted()
		if err != nil {
			return nil, err
		}
		raw, err := json.Marshal(want)
		if err != nil {
			return nil, err
		}
		platform = string(raw)
	}
	rc, err := d.client.Save(ctx, img.ID.String(), platform)
	if err != nil && platform != "" {
		opt.debugf("exporting %s for %s: %v; trying all platforms", img.ID, platform, err)
		rc, err = d.client.Save(ctx, img.ID.String(), "")
	}
	if err != nil {
		return nil, fmt.Errorf("exporting %s: %w", img.ID, err)
	}
	defer rc.Close()
	f, n, err := opt.spool(rc)
	if err != nil {
		return nil, fmt.Errorf("exporting %s from the docker daemon: %w", img.ID, err)
	}
	opt.debugf("docker save of %s: %d bytes", img.ID, n)
	name := "the docker daemon's export of " + img.ID.String()
	if len(img.Names) > 0 {
		name = "the docker daemon's export of " + familiar(img.Names[0])
	}
	return openFile(ctx, name, f, n, Reference{Transport: FilePath, Path: name}, opt)
}
