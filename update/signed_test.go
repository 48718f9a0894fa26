package update

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"crypto/ed25519"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-delta/docker-delta/delta"
	"github.com/docker-delta/docker-delta/registry"
	"github.com/docker-delta/docker-delta/signature"
)

// signingKey makes a key from a number, in the form of minisign -G -W.
func signingKey(t *testing.T, n byte) *signature.SecretKey {
	t.Helper()
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = n
	b := append([]byte("Ed\x00\x00B2"), make([]byte, 32+8+8)...)
	b = binary.LittleEndian.AppendUint64(b, uint64(n))
	b = append(b, ed25519.NewKeyFromSeed(seed)...)
	b = append(b, make([]byte, 32)...)
	k, err := signature.ParseSecretKey([]byte(base64.StdEncoding.EncodeToString(b)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func trust(keys ...*signature.SecretKey) *signature.Trust {
	t := &signature.Trust{}
	for _, k := range keys {
		t.Keys = append(t.Keys, k.Public())
	}
	return t
}

func (r *rig) publishSigned(key *signature.SecretKey, tag string, from ...string) []Published {
	r.t.Helper()
	amd64 := ocispec.Platform{OS: "linux", Architecture: "amd64"}
	opt := PublishOptions{Registry: r.options(), From: from, Create: delta.CreateOptions{Level: delta.Fast}, Sign: key, Tag: true}
	opt.Registry.Platform = &amd64
	opt.Create.TempDir, opt.Create.Concurrency = r.t.TempDir(), 1
	done, err := Publish(r.t.Context(), r.name(tag), opt)
	if err != nil {
		r.t.Fatal(err)
	}
	return done
}

// refuses pulls a tag, which must fail for want of a signature and leave nothing.
func (r *rig) refuses(t *testing.T, tag, base, why string, trust *signature.Trust) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "out")
	opt := Options{Registry: r.options(), To: "oci:" + to, Trust: trust, Bases: []string{base}}
	opt.Registry.Platform = &ocispec.Platform{OS: "linux", Architecture: "amd64"}
	opt.Resources.TempDir = t.TempDir()
	var warned warnings
	opt.Warnf = warned.warnf
	plan, err := Find(t.Context(), r.name(tag), opt)
	if err == nil {
		_, err = plan.Run(t.Context())
		plan.Close()
	}
	if text := strings.Join(warned, "\n"); !errors.Is(err, signature.ErrSignature) || !strings.Contains(err.Error()+text, why) {
		t.Errorf("%v\n%s", err, text)
	}
	if _, err := os.Stat(to); err == nil {
		t.Error("something was stored")
	}
}

// Where a signature is asked for, nothing comes but by signed deltas.
func TestSignedPull(t *testing.T) {
	eachRig(t, func(t *testing.T, r *rig) {
		key, other := signingKey(t, 1), signingKey(t, 2)
		r.release(1, "v1")
		two := r.release(2, "v2")
		three := r.release(3, "v3")
		one := hold(t, 1)
		r.refuses(t, "v2", one, "no signed delta", trust(key)) // there is none at all
		r.publish("v2", "v1")
		r.refuses(t, "v2", one, "there is no signature", trust(key))
		if got := outcomes(r.publishSigned(other, "v2", "v1")); got != "v1 pushed" { // the same delta, signed
			t.Error(got)
		}
		r.refuses(t, "v2", one, "wanted is 0000000000000001", trust(key))
		if got := outcomes(r.publishSigned(key, "v2", "v1")); got != "v1 pushed" {
			t.Error(got)
		}
		if got := outcomes(r.publishSigned(key, "v2", "v1")); got != "v1 exists" {
			t.Error(got)
		}
		for _, ask := range []*signature.Trust{trust(key), trust(other), trust(signingKey(t, 3), key), nil} {
			if _, res, warned := r.pull(t, "v2", 2, two, Options{Bases: []string{one}, Trust: ask}); res.Way != Deltas || len(warned) > 0 {
				t.Errorf("%+v %v", res, warned)
			}
		}
		// A chain is as good as each of its deltas; what is not signed is passed over.
		r.publish("v3", "v2", "v1")
		r.refuses(t, "v3", one, "is passed over", trust(key))
		r.publishSigned(key, "v3", "v2")
		plan, res, _ := r.pull(t, "v3", 3, three, Options{Bases: []string{one}, Trust: trust(key)})
		if res.Way != Deltas || len(plan.Steps) != 2 {
			t.Errorf("%+v", plan.Steps)
		}
		r.refuses(t, "v3", one, "is passed over", trust(other)) // signed one of the two
	})
}

// A policy asks by name; other names are pulled as ever.
func TestPolicyOfPull(t *testing.T) {
	r := newRig(t)
	key := signingKey(t, 1)
	r.release(1, "v1")
	two := r.release(2, "v2")
	rule := signature.Rule{Keys: []signature.PublicKey{key.Public()}}
	policy := func(scope string) *signature.Trust {
		return &signature.Trust{Policy: &signature.Policy{Default: signature.Rule{Unsigned: true}, Names: map[string]signature.Rule{scope: rule}}}
	}
	one := hold(t, 1)
	r.publish("v2", "v1")
	r.refuses(t, "v2", one, "as the policy asks for", policy(r.addr))
	r.refuses(t, "v2", one, "as the policy asks for", policy(r.addr+"/app:v2"))
	if _, res, _ := r.pull(t, "v2", 2, two, Options{Bases: []string{one}, Trust: policy("registry.example")}); res.Way != Deltas {
		t.Errorf("%+v", res)
	}
	r.publishSigned(key, "v2", "v1")
	if _, res, _ := r.pull(t, "v2", 2, two, Options{Bases: []string{one}, Trust: policy(r.addr)}); res.Way != Deltas {
		t.Errorf("%+v", res)
	}
}

// A signature for one image does not bring another: here, the registry offers under
// the name of app what was signed as a delta of tool.
func TestSignedForAnotherImage(t *testing.T) {
	r := newRig(t)
	key := signingKey(t, 1)
	r.release(1, "v1")
	r.release(2, "v2")
	r.publishSigned(key, "v2", "v1")
	ctx := t.Context()
	repo, err := registry.Open(ctx, r.name("v2"), r.options())
	if err != nil {
		t.Fatal(err)
	}
	desc, err := repo.Resolve(ctx, "v2")
	if err != nil {
		t.Fatal(err)
	}
	list, err := repo.Deltas(ctx, desc.Digest)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	// The thief copies images, delta and signature to the repository "tool".
	thief := &rig{t: t, addr: r.addr + "/stolen"}
	thief.release(1, "v1")
	thief.release(2, "v2")
	dir := filepath.Join(t.TempDir(), "delta")
	if err := repo.Fetch(ctx, list[0].Manifest, dir, registry.FetchOptions{}); err != nil {
		t.Fatal(err)
	}
	texts, err := repo.Signatures(ctx, list[0].Manifest.Digest)
	if err != nil || len(texts) != 1 {
		t.Fatal(texts, err)
	}
	d, err := delta.Open(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	to, err := registry.Open(ctx, thief.name("v2"), r.options())
	if err != nil {
		t.Fatal(err)
	}
	if err := to.PushSignature(ctx, list[0].Manifest, texts[0], ""); err != nil {
		t.Fatal(err)
	}
	if _, err := to.Push(ctx, d.Package(), "", nil); err != nil {
		t.Fatal(err)
	}
	thief.refuses(t, "v2", hold(t, 1), "was signed for an image called", trust(key))
}
