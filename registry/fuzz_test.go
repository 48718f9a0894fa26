package registry

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/format"
)

// fake answers every request for a list with one document, and every other with
// another.
type fake struct{ list, rest []byte }

func (f fake) Do(q *http.Request) (*http.Response, error) {
	body, mediaType := f.rest, ocispec.MediaTypeImageManifest
	if strings.Contains(q.URL.Path, "/referrers/") {
		body, mediaType = f.list, ocispec.MediaTypeImageIndex
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {mediaType}}, Request: q,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body))}, nil
}

// Whatever a registry answers, an entry of the list is one that can be reckoned
// with, and what is fetched has the digest that was asked for.
func FuzzDeltas(f *testing.F) {
	manifest := []byte(`{"schemaVersion":2,"artifactType":"` + format.ArtifactType + `","config":{"mediaType":"x","digest":"` + diffID.String() + `","size":3},"layers":[{"digest":"` + diffID.String() + `","size":9223372036854775807}]}`)
	list := `{"manifests":[{"mediaType":"` + ocispec.MediaTypeImageManifest + `","artifactType":"` + format.ArtifactType + `","digest":"` + digest.FromBytes(manifest).String() + `","size":`
	f.Add([]byte(list+`365}]}`), manifest)
	f.Add([]byte(list+`5,"annotations":{"`+format.AnnotationSize+`":"9999999999999999999","`+format.AnnotationTarget+`":"`+diffID.String()+`"}}]}`), manifest)
	f.Add([]byte(list+`5,"annotations":{"`+format.AnnotationSize+`":"-5","`+format.AnnotationTarget+`":"x"}}]}`), []byte("{}"))
	f.Add([]byte(`{"manifests":[{}]}`), []byte{})
	f.Fuzz(func(t *testing.T, list, rest []byte) {
		r, err := Open(t.Context(), "registry.example/app", Options{})
		if err != nil {
			t.Fatal(err)
		}
		r.remote.Client = bounded{fake{list, rest}}
		entries, err := r.Deltas(t.Context(), diffID)
		if err != nil {
			return
		}
		for _, e := range entries {
			if e.Size < 0 || e.Size > maxSize*format.MaxLayers || e.Manifest.Digest.Validate() != nil {
				t.Errorf("%+v", e)
			}
			if err := r.Fetch(t.Context(), e.Manifest, t.TempDir(), FetchOptions{Limit: 1 << 20}); err == nil && digest.FromBytes(rest) != e.Manifest.Digest {
				t.Error("fetched what was not asked for")
			}
		}
	})
}
