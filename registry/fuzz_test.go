package registry

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/format"
	"github.com/docker-delta/docker-delta/signature"
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

// byKind answers requests for lists, manifests and blobs, each with one document.
type byKind struct{ list, manifest, blob []byte }

func (b byKind) Do(q *http.Request) (*http.Response, error) {
	switch {
	case strings.Contains(q.URL.Path, "/blobs/"):
		return fake{rest: b.blob}.Do(q)
	default:
		return fake{b.list, b.manifest}.Do(q)
	}
}

// Whatever a registry has for signatures, those that are given have the digest that
// their manifest names, and are few and small.
func FuzzSignatures(f *testing.F) {
	manifest := func(layers string) []byte {
		return []byte(`{"schemaVersion":2,"artifactType":"` + format.ArtifactTypeSignature + `","config":{"mediaType":"x","digest":"` + diffID.String() + `","size":2},"layers":[` + layers + `]}`)
	}
	item := func(of []byte) string {
		return `{"mediaType":"` + ocispec.MediaTypeImageManifest + `","artifactType":"` + format.ArtifactTypeSignature + `","digest":"` + digest.FromBytes(of).String() + `","size":` + strconv.Itoa(len(of)) + `}`
	}
	text := []byte("untrusted comment: x\nAAAA\n")
	good := manifest(`{"digest":"` + digest.FromBytes(text).String() + `","size":26}`)
	f.Add([]byte(`{"manifests":[`+item(good)+`]}`), good, text)
	f.Add([]byte(`{"manifests":[`+strings.Repeat(item(good)+",", 40)+item(good)+`]}`), good, text)
	large := manifest(`{"digest":"` + digest.FromBytes(text).String() + `","size":99999999}`)
	f.Add([]byte(`{"manifests":[`+item(large)+`]}`), large, text)
	none := manifest("")
	f.Add([]byte(`{"manifests":[`+item(none)+`,{"artifactType":"`+format.ArtifactTypeSignature+`"}]}`), none, []byte{})
	f.Fuzz(func(t *testing.T, list, manifest, blob []byte) {
		r, err := Open(t.Context(), "registry.example/app", Options{})
		if err != nil {
			t.Fatal(err)
		}
		r.remote.Client = bounded{byKind{list, manifest, blob}}
		texts, err := r.Signatures(t.Context(), diffID)
		if err != nil {
			return
		}
		if len(texts) > maxSignatures {
			t.Errorf("%d signatures", len(texts))
		}
		for _, text := range texts {
			if len(text) > signature.MaxSize || !bytes.Contains(manifest, []byte(digest.FromBytes(text).String())) {
				t.Errorf("%q", text)
			}
		}
	})
}

// Whatever an interrupted download left, the next one ends with the right bytes, also
// from a server that answers ranges as it likes.
func FuzzDownload(f *testing.F) {
	blob := []byte("the bytes of a blob")
	f.Add([]byte("the bytes"), blob[9:], "bytes 9-18/19", http.StatusPartialContent)
	f.Add([]byte("the bites"), blob, "", http.StatusOK)
	f.Add([]byte("the bytes of a blob and more"), blob, "bytes 0-18/19", http.StatusPartialContent)
	f.Add([]byte{}, []byte("short"), "bytes -1-", http.StatusRequestedRangeNotSatisfiable)
	f.Fuzz(func(t *testing.T, left, rest []byte, contentRange string, status int) {
		r, err := Open(t.Context(), "registry.example/app", Options{})
		if err != nil {
			t.Fatal(err)
		}
		r.remote.Client = bounded{doer(func(q *http.Request) (*http.Response, error) {
			resp, err := fake{rest: rest}.Do(q)
			if q.Header.Get("Range") != "" {
				resp.StatusCode = status
				resp.Header.Set("Content-Range", contentRange)
			}
			return resp, err
		})}
		path := filepath.Join(t.TempDir(), "blob")
		if err := os.WriteFile(path, left, 0o600); err != nil {
			t.Fatal(err)
		}
		desc := ocispec.Descriptor{MediaType: "x", Digest: digest.FromBytes(blob), Size: int64(len(blob))}
		err = r.fetchBlob(t.Context(), desc, path, newTransfer(nil, []ocispec.Descriptor{desc}))
		got, rerr := os.ReadFile(path)
		if err == nil && (rerr != nil || !bytes.Equal(got[:min(len(got), len(blob))], blob)) {
			t.Errorf("%q %v", got, rerr)
		}
		if err == nil && len(got) > len(blob) && len(got) > len(left) {
			t.Errorf("a file of %d bytes", len(got))
		}
	})
}

type doer func(q *http.Request) (*http.Response, error)

func (d doer) Do(q *http.Request) (*http.Response, error) { return d(q) }
