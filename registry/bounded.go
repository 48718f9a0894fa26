package registry

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"

	"oras.land/oras-go/v2/registry/remote"

	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/internal/limit"
)

// bounded is a client whose JSON documents are held against the limits on bytes and
// values before anybody decodes them: "{}," becomes a descriptor of 120 bytes.
type bounded struct{ remote.Client }

func (b bounded) Do(q *http.Request) (*http.Response, error) {
	resp, err := b.Client.Do(q)
	if err != nil || q.Method != http.MethodGet || resp.StatusCode != http.StatusOK || !answersJSON(q.URL.Path) {
		return resp, err
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, format.MaxManifest+1))
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	if len(raw) > format.MaxManifest {
		err = fmt.Errorf("over %d bytes", format.MaxManifest)
	} else {
		err = limit.JSON(raw)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: the registry's answer to %s: %w", format.ErrCorrupt, q.URL.Path, err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(raw))
	return resp, nil
}

// answersJSON tells requests for manifests and lists from those for blobs.
func answersJSON(path string) bool {
	return strings.Contains(path, "/manifests/") || strings.Contains(path, "/referrers/") || strings.HasSuffix(path, "/tags/list")
}
