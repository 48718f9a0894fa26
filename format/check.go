package format

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/docker-delta/docker-delta/internal/limit"
)

// features are the required features that this version knows.
var features = map[string]bool{FeatureBundle: true, FeatureIndex: true, FeatureSteps: true}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

// ParseConfig reads and checks a Config.
func ParseConfig(b []byte) (*Config, error) {
	if len(b) > MaxConfig {
		return nil, corrupt("its description has %d bytes, over the limit of %d", len(b), MaxConfig)
	}
	if err := limit.JSON(b); err != nil {
		return nil, corrupt("its description: %v", err)
	}
	// The version comes first: a newer format may look different otherwise.
	var head struct {
		FormatVersion int      `json:"formatVersion"`
		Requires      []string `json:"requires"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, corrupt("its description is no JSON: %v", err)
	}
	if head.FormatVersion > Version {
		return nil, fmt.Errorf("%w: format version %d, this program knows %d", ErrVersion, head.FormatVersion, Version)
	}
	for _, f := range head.Requires {
		if !features[f] {
			return nil, fmt.Errorf("%w: it requires %q", ErrVersion, f)
		}
	}
	var c Config
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, corrupt("its description: %v", err)
	}
	if again, err := json.Marshal(&c); err != nil || !bytes.Equal(again, b) {
		return nil, corrupt("its description is not in canonical form")
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return &c, nil
}

func (c *Config) check() error {
	if c.FormatVersion != Version {
		return corrupt("format version %d", c.FormatVersion)
	}
	if len(c.Targets) == 0 {
		return corrupt("it has no target")
	}
	if err := checkDigest("metadata", c.Metadata); err != nil {
		return err
	}
	if err := checkStage("", c.Bases, c.Reference, c.Layers); err != nil {
		return err
	}
	if len(c.Steps) > MaxSteps {
		return corrupt("over %d steps", MaxSteps)
	}
	if len(c.Steps) > 0 && !slices.Contains(c.Requires, FeatureSteps) {
		return corrupt("it holds steps, and does not require %q", FeatureSteps)
	}
	for i := range c.Steps {
		if err := c.Steps[i].check(fmt.Sprintf("step %d: ", i)); err != nil {
			return err
		}
	}
	for i := range c.Layers {
		if c.Layers[i].Carried == CarriedNot {
			return corrupt("layer %s is not carried", c.Layers[i].DiffID)
		}
	}
	for i := range c.Indexes {
		if err := c.Indexes[i].check(fmt.Sprintf("index %d", i)); err != nil {
			return err
		}
	}
	if max(len(c.Targets), len(c.Bases), len(c.Artifacts), len(c.Indexes)) > MaxTargets {
		return corrupt("over %d images", MaxTargets)
	}
	platforms := make(map[string]bool)
	for i := range c.Targets {
		if err := c.checkTarget(&c.Targets[i], fmt.Sprintf("target %d", i)); err != nil {
			return err
		}
		platforms[c.Targets[i].Platform] = true
	}
	for i := range c.Artifacts {
		if err := c.checkTarget(&c.Artifacts[i], fmt.Sprintf("artifact %d", i)); err != nil {
			return err
		}
		if c.Artifacts[i].Manifest == nil {
			return corrupt("artifact %d has no manifest", i)
		}
	}
	if len(c.Indexes)+len(c.Artifacts) > 0 && !slices.Contains(c.Requires, FeatureIndex) {
		return corrupt("it holds an index, and does not require %q", FeatureIndex)
	}
	if len(platforms) < len(c.Targets) && !slices.Contains(c.Requires, FeatureBundle) {
		return corrupt("it holds several images for one platform, and does not require %q", FeatureBundle)
	}
	return nil
}

func (s *Step) check(where string) error {
	if err := checkStage(where, s.Bases, s.Reference, s.Layers); err != nil {
		return err
	}
	if s.Streams < 0 {
		return corrupt("%simpossible numbers", where)
	}
	for i := range s.Layers {
		if len(s.Layers[i].Blobs) > 0 {
			return corrupt("%slayer %s has blobs", where, s.Layers[i].DiffID)
		}
	}
	return nil
}

// checkStage checks what the Config has in common with its steps.
func checkStage(where string, bases []Base, reference []ReferenceLayer, layers []Layer) error {
	if len(layers) > MaxLayers || len(reference) > MaxLayers || len(bases) > MaxTargets {
		return corrupt("%sover %d layers or over %d images", where, MaxLayers, MaxTargets)
	}
	have := make(map[digest.Digest]bool)
	for i, r := range reference {
		if err := checkDigest(fmt.Sprintf("%sreference layer %d", where, i), r.DiffID); err != nil {
			return err
		}
		if r.Size < 0 {
			return corrupt("%sreference layer %d has a size of %d", where, i, r.Size)
		}
		if have[r.DiffID] {
			return corrupt("%sreference layer %s comes twice", where, r.DiffID)
		}
		have[r.DiffID] = true
	}
	for i, b := range bases {
		if err := checkDigest(fmt.Sprintf("%sbase %d", where, i), b.ID); err != nil {
			return err
		}
		if len(b.DiffIDs) > MaxLayers {
			return corrupt("%sbase %d has over %d layers", where, i, MaxLayers)
		}
		for _, id := range b.DiffIDs {
			if err := checkDigest(fmt.Sprintf("%sa layer of base %d", where, i), id); err != nil {
				return err
			}
		}
	}
	seen, data := make(map[digest.Digest]bool), make(map[digest.Digest]bool)
	for i := range layers {
		l := &layers[i]
		if err := l.check(where == ""); err != nil {
			return err
		}
		if seen[l.DiffID] {
			return corrupt("%slayer %s comes twice", where, l.DiffID)
		}
		if l.Data != "" && data[l.Data] {
			return corrupt("%slayer %s has the data of another", where, l.DiffID)
		}
		seen[l.DiffID], data[l.Data] = true, true
	}
	return nil
}

// check checks a layer; those of targets know their blobs, those of steps do not.
func (l *Layer) check(ofTarget bool) error {
	if err := checkDigest("layer", l.DiffID); err != nil {
		return err
	}
	if l.Size < 0 {
		return corrupt("layer %s has a size of %d", l.DiffID, l.Size)
	}
	if l.Plain < 0 || l.Plain > 0 && l.Carried != CarriedNot {
		return corrupt("layer %s has impossible numbers", l.DiffID)
	}
	switch l.Carried {
	case CarriedBase, CarriedNot:
		if l.Data != "" {
			return corrupt("layer %s is not carried and has data", l.DiffID)
		}
	case CarriedDelta, CarriedBlob:
		if err := checkDigest("data of layer "+l.DiffID.String(), l.Data); err != nil {
			return err
		}
	default:
		return corrupt("layer %s is carried in an unknown way, %q", l.DiffID, l.Carried)
	}
	if len(l.Blobs) > MaxBlobs {
		return corrupt("layer %s has over %d compressed forms", l.DiffID, MaxBlobs)
	}
	carried := false
	for _, b := range l.Blobs {
		carried = carried || b.Carried && b.Digest == l.Data
		if err := checkDigest("blob of layer "+l.DiffID.String(), b.Digest); err != nil {
			return err
		}
		if b.Size < 0 || b.Recipe != nil && (*b.Recipe < 0 || b.Carried) {
			return corrupt("blob %s has impossible numbers", b.Digest)
		}
	}
	if l.Carried == CarriedBlob && ofTarget && !carried {
		return corrupt("layer %s is carried as a blob that it does not have", l.DiffID)
	}
	return nil
}

func (p *Part) check(what string) error {
	if err := checkDigest(what, p.Digest); err != nil {
		return err
	}
	if p.Size < 0 || p.Size > MaxManifest || p.Part < 0 {
		return corrupt("%s has impossible numbers", what)
	}
	return nil
}

func (c *Config) checkTarget(t *Target, what string) error {
	for _, p := range []*Part{&t.Config, t.Manifest} {
		if p == nil {
			continue
		}
		if err := p.check(what); err != nil {
			return err
		}
	}
	if len(t.Layers) > MaxLayers {
		return corrupt("%s has over %d layers", what, MaxLayers)
	}
	for _, n := range t.Layers {
		if n < 0 || n >= len(c.Layers) {
			return corrupt("%s names layer %d of %d", what, n, len(c.Layers))
		}
	}
	return nil
}

// checkDigest accepts sha256 alone: it is what image IDs and DiffIDs are made
// of, and what this program verifies.
func checkDigest(what string, d digest.Digest) error {
	if err := d.Validate(); err != nil || d.Algorithm() != digest.SHA256 {
		return corrupt("%s: %q is no sha256 digest", what, d)
	}
	return nil
}
