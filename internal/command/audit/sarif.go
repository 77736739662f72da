package audit

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
)

// Audited is one root or image with its findings.
type Audited struct {
	Name     string // a path or reference
	Findings []Finding
}

// SARIF returns the findings in the Static Analysis Results Interchange Format
// 2.1.0 (OASIS). Version is the version of certgraft.
func SARIF(all []Audited, version string) ([]byte, error) {
	run := sarifRun{Tool: sarifTool{sarifDriver{Name: "certgraft", Version: version, Information: "https://github.com/certgraft/certgraft"}}, Results: []sarifResult{}}
	for _, r := range Rules {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{
			ID: r.ID, Short: sarifText{r.Says}, Help: sarifText{r.Cure}, Default: sarifLevel{r.Level},
		})
	}
	for _, one := range all {
		for _, f := range one.Findings {
			run.Results = append(run.Results, result(one.Name, f))
		}
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(sarifLog{Schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}})
	return buf.Bytes(), err
}

func result(name string, f Finding) sarifResult {
	out := sarifResult{Rule: f.Rule, Level: f.Level, Message: sarifText{name + ": " + f.Message}}
	for _, store := range f.Stores {
		out.Locations = append(out.Locations, at(name, strings.TrimPrefix(store, "/"), name+":"+store))
	}
	if len(f.Stores) == 0 {
		out.Locations = []sarifLocation{at(name, ".", name)}
	}
	if f.Fingerprint != "" {
		out.Fingerprints = map[string]string{"certgraft/v1": f.Rule + ":" + name + ":" + f.Fingerprint}
	}
	return out
}

// at is a store of a root. Code scanning of GitHub shows only results that name a
// file.
func at(name, file, full string) sarifLocation {
	return sarifLocation{
		Physical: sarifPhysical{sarifArtifact{(&url.URL{Path: file}).EscapedPath()}},
		Logical:  []sarifLogical{{Name: name, Full: full, Kind: "resource"}},
	}
}

// The types below are the part of SARIF that certgraft writes.

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool    sarifTool     `json:"tool"`
	Results []sarifResult `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name        string      `json:"name"`
	Version     string      `json:"version"`
	Information string      `json:"informationUri"`
	Rules       []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID      string     `json:"id"`
	Short   sarifText  `json:"shortDescription"`
	Help    sarifText  `json:"help"`
	Default sarifLevel `json:"defaultConfiguration"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifLevel struct {
	Level Level `json:"level"`
}

type sarifResult struct {
	Rule         string            `json:"ruleId"`
	Level        Level             `json:"level"`
	Message      sarifText         `json:"message"`
	Locations    []sarifLocation   `json:"locations"`
	Fingerprints map[string]string `json:"partialFingerprints,omitzero"`
}

type sarifLocation struct {
	Physical sarifPhysical  `json:"physicalLocation"`
	Logical  []sarifLogical `json:"logicalLocations"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifLogical struct {
	Name string `json:"name"`
	Full string `json:"fullyQualifiedName"`
	Kind string `json:"kind"`
}
