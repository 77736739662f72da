package oci

import (
	"fmt"
	"strings"
)

// Platform is the operating system and the architecture of an image.
type Platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant,omitempty"`
}

// ParsePlatform reads OS/ARCHITECTURE[/VARIANT], as in linux/arm64/v8.
func ParsePlatform(text string) (Platform, error) {
	parts := strings.Split(text, "/")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" || parts[1] == "" {
		return Platform{}, fmt.Errorf("platform %q: it is OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, linux/arm64 say", text)
	}
	p := Platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	return p, nil
}

// String returns the platform as [ParsePlatform] reads it.
func (p Platform) String() string {
	text := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		text += "/" + p.Variant
	}
	return text
}

// Covers reports whether p includes other. Without a variant, p includes all
// variants. For arm64, v8 equals no variant.
func (p Platform) Covers(other Platform) bool {
	return p.OS == other.OS && p.Architecture == other.Architecture &&
		(p.Variant == "" || p.variant() == other.variant())
}

func (p Platform) variant() string {
	if p.Architecture == "arm64" && p.Variant == "v8" {
		return ""
	}
	return p.Variant
}
