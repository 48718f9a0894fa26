package format

// RawManifest is the package's manifest, byte for byte: what a registry must be
// given so that the digest stays.
func (p *Package) RawManifest() ([]byte, error) { return p.small(p.Descriptor, MaxManifest) }

// RawConfig is the coded Config, byte for byte.
func (p *Package) RawConfig() ([]byte, error) { return p.small(p.Manifest.Config, MaxConfig) }
