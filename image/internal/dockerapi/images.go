package dockerapi

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Info is what the daemon says of itself.
type Info struct {
	ServerVersion string
	OSType        string
	Architecture  string
	DockerRootDir string
	Driver        string
	DriverStatus  [][2]string
}

// Containerd reports the containerd image store, where an image ID is the digest
// of a manifest or index; in the classic store it is that of the config.
func (i Info) Containerd() bool {
	for _, kv := range i.DriverStatus {
		if kv[0] == "driver-type" && strings.HasPrefix(kv[1], "io.containerd.snapshotter.") {
			return true
		}
	}
	return false
}

// Info asks the daemon about itself.
func (c *Client) Info(ctx context.Context) (Info, error) {
	var i Info
	return i, c.get(ctx, "/info", nil, &i)
}

// Summary is one line of the list of images.
type Summary struct {
	ID          string `json:"Id"`
	RepoTags    []string
	RepoDigests []string
	Created     int64
	Size        int64
}

// Images lists the images that the daemon holds.
func (c *Client) Images(ctx context.Context) ([]Summary, error) {
	var s []Summary
	return s, c.get(ctx, "/images/json", nil, &s)
}

// Image is what is known of one image.
type Image struct {
	ID           string `json:"Id"`
	RepoTags     []string
	RepoDigests  []string
	Os           string
	Architecture string
	Variant      string
	Size         int64
	RootFS       struct{ Layers []string }
	Descriptor   *struct { // containerd store, API 1.48
		MediaType string `json:"mediaType"`
		Digest    string `json:"digest"`
		Size      int64  `json:"size"`
	}
}

// Inspect looks an image up by name, ID or the beginning of an ID.
func (c *Client) Inspect(ctx context.Context, name string) (Image, error) {
	var i Image
	return i, c.get(ctx, "/images/"+escape(name)+"/json", nil, &i)
}

// escape keeps slashes, which the daemon's router wants in names.
func escape(name string) string {
	return strings.ReplaceAll(url.PathEscape(name), "%2F", "/")
}

// Save opens the archive that docker save writes. platform is a JSON object as
// in OCI descriptors, or empty; it needs API 1.48.
func (c *Client) Save(ctx context.Context, name, platform string) (io.ReadCloser, error) {
	q := url.Values{"names": {name}}
	if platform != "" {
		q.Set("platform", platform)
	}
	resp, err := c.do(ctx, http.MethodGet, "/images/get", q, nil, "")
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// Loaded is what the daemon said while it loaded an archive.
type Loaded struct {
	Names []string // "Loaded image: name"
	IDs   []string // "Loaded image ID: sha256:..."
}

// Load sends an archive to docker load. The daemon's own error, if it sends
// one, goes before an error of the connection.
func (c *Client) Load(ctx context.Context, archive io.Reader) (Loaded, error) {
	var l Loaded
	resp, err := c.do(ctx, http.MethodPost, "/images/load", url.Values{"quiet": {"1"}}, archive, "application/x-tar")
	if err != nil {
		return l, err
	}
	defer resp.Body.Close()
	dec := json.NewDecoder(bufio.NewReader(io.LimitReader(resp.Body, maxAnswer)))
	for {
		var m struct {
			Stream string `json:"stream"`
			Error  string `json:"error"`
		}
		err := dec.Decode(&m)
		if errors.Is(err, io.EOF) {
			return l, nil
		}
		if err != nil {
			return l, fmt.Errorf("the answer of docker load is not understood: %w", err)
		}
		if m.Error != "" {
			return l, fmt.Errorf("docker load: %s", m.Error)
		}
		for line := range strings.Lines(m.Stream) {
			line = strings.TrimSpace(line)
			if id, ok := strings.CutPrefix(line, "Loaded image ID: "); ok {
				l.IDs = append(l.IDs, id)
			} else if name, ok := strings.CutPrefix(line, "Loaded image: "); ok {
				l.Names = append(l.Names, name)
			}
		}
	}
}

// Tag gives the image the name repo:tag.
func (c *Client) Tag(ctx context.Context, image, repo, tag string) error {
	resp, err := c.do(ctx, http.MethodPost, "/images/"+escape(image)+"/tag", url.Values{"repo": {repo}, "tag": {tag}}, nil, "")
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// Remove removes a name, or an image that has none.
func (c *Client) Remove(ctx context.Context, image string) error {
	resp, err := c.do(ctx, http.MethodDelete, "/images/"+escape(image), nil, nil, "")
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
